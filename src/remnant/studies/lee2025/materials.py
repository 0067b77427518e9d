"""What the attacker brings and what the page says of it: the prior, and the population among which people are counted."""

from collections.abc import Iterable
from pathlib import Path

from remnant.attacks.prior import Prior, digest_of, load_prior
from remnant.base.errors import RemnantError
from remnant.cohort.population import read_population
from remnant.measure.anonymity import Population, stationary_population
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.targets import TARGETS


def fitting_prior(path: Path, side: int) -> Prior:
    """The prior in a file; raises `RemnantError` as `load_prior` does, and when it draws other images than `side` asks for."""
    prior = load_prior(path)
    if prior.side != side:
        raise RemnantError(
            f"The prior {path} draws images of {prior.side} pixels, and the study works at {side}; train one by `remnant prior "
            f"train --size {side}`, or set side in a --config."
        )
    return prior


def check_whom_it_knows(prior: Prior, path: Path, attackers: Iterable[str], targets: Iterable[str]) -> None:
    """Raise `RemnantError` when the prior may know the patients of a target within one source.

    `attackers` are the patients of the attacker's half, on whom alone it must have been trained then.
    """
    within = [target for target in targets if TARGETS[target].source == "public"]
    if within and prior.patients != digest_of(attackers):
        knows = "was trained on other patients than" if prior.patients else "does not say whether it was trained on"
        raise RemnantError(
            f"The prior {path} {knows} the attacker's half of the public cohort, so that it may know "
            f"the patients of {' and '.join(within)}; train it by `remnant prior train --attackers-half`, or leave these targets "
            "out by --targets."
        )


def prior_in_words(prior: Prior, attackers: Iterable[str]) -> str:
    """Whom the prior knows, a sentence for the report."""
    draws = f"The prior draws images of {prior.side} x {prior.side} pixels"
    if prior.patients is None:
        return f"{draws}. Its file does not say on whose radiographs it was trained."
    if prior.patients == digest_of(attackers):
        return f"{draws}; it was trained on the attacker's own public patients and on nobody else."
    return f"{draws}; it was trained on public patients, others than those who taught the reader of age and sex."


def population_of_settings(settings: StudySettings) -> tuple[Population, str]:
    """The population among which people are counted, and where it is from in words.

    Raises `RemnantError` for a table that does not serve, and a site that is larger than its population.
    """
    population, words = (
        stationary_population(),
        "A stationary population by Gompertz's law, of no country in particular.",
    )
    if settings.population:
        population, words = read_population(settings.population), "The table that was given."
    if settings.site > population.people:
        raise RemnantError(
            f"A site cannot draw from more people than its population of {population.people:,.0f} has. Got site "
            f"{settings.site:,.0f} instead; give another --site or --population."
        )
    return population, words
