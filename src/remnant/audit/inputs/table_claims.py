"""What a table of scores claims of its patients, and the controls that it has columns for."""

from collections.abc import Sequence

import numpy as np

from remnant.audit.findings.controls import blind_control, planted_control
from remnant.audit.findings.given import given_of
from remnant.audit.findings.referenced import reference_controls
from remnant.audit.findings.rows import ScoredPatients
from remnant.audit.inputs.scores import ScoreTable
from remnant.audit.verdict.alike import ALIKE
from remnant.base.findings import Control
from remnant.base.seeds import Seeds
from remnant.measure.bavaria import bavaria_offline
from remnant.measure.blind import blind_test, weighed
from remnant.measure.roles import MEMBER, NON_MEMBER

# Patients a group whom the blind baseline asks, by lot: of so many an AUC of 0.52 is seen, in seconds.
MOST = 5000
FEWEST_REFERENCES = 2  # of a patient, by which their spread is known
GIVEN, CALIBRATED, LIKELIHOOD = "given", "calibrated", "likelihood"
VIEWS = {
    GIVEN: "the score",
    CALIBRATED: "the score minus that of reference models",
    LIKELIHOOD: "the score by its likelihood under reference models",
}


def claims_of(table: ScoreTable) -> list[ScoredPatients]:
    """The score as it is and, with references, calibrated by them; by two or more of every patient by their spread, too."""
    known = np.isfinite(table.references)
    scores = {GIVEN: table.scores}
    if known.shape[1]:
        scores = {CALIBRATED: table.scores - np.nanmean(table.references, axis=1), GIVEN: table.scores}
        if known.sum(1).min() >= FEWEST_REFERENCES:
            scores[LIKELIHOOD] = bavaria_offline(table.scores, table.references, ~known)
    return [
        ScoredPatients(name, VIEWS[name], table.patients, values, table.roles, place == 0)
        for place, (name, values) in enumerate(scores.items())
    ]


def controls_of(table: ScoreTable, claims: list[ScoredPatients], seeds: Seeds) -> list[Control]:
    """The blind baseline by the traits, references as a null, and the planted members, each where the table has them."""
    genuine, controls = ~table.planted, []
    roles = table.roles[genuine]
    if table.traits and min((roles == MEMBER).sum(), (roles == NON_MEMBER).sum()) >= 2:
        draw = seeds.child("blind").numpy()
        asked = np.flatnonzero(genuine)
        asked = np.sort(np.concatenate([_by_lot(asked[roles == role], draw) for role in (MEMBER, NON_MEMBER)]))
        roles = table.roles[asked]
        traits = {name: values[asked] for name, values in table.traits.items()}
        known = [np.isfinite(values).astype(float) for values in traits.values()]
        found = blind_test(weighed(np.column_stack([*traits.values(), *known])), roles, draw)
        controls.append(blind_control(found, given_of(traits, roles)))
    if table.references.shape[1]:
        own = {claim.attack: claim.only(genuine) for claim in claims}
        controls += reference_controls(
            table.references[genuine], own[GIVEN], own[CALIBRATED], seeds.child("null").numpy(), own.get(LIKELIHOOD)
        )
    if table.planted.any():
        for claim in claims:
            others = claim.scores[table.roles == NON_MEMBER]
            controls.append(planted_control(claim.attack, claim.scores[table.planted], others))
    return controls


def _by_lot(places: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """At most `MOST` of the places."""
    return places if len(places) <= MOST else draw.choice(places, MOST, replace=False)


def lacking(controls: Sequence[Control]) -> list[str]:
    """What the table would need for any verdict "within"."""
    kinds = {control.kind for control in controls}
    found = []
    alike = [control for control in controls if control.kind in ALIKE]
    if not any(control.passed for control in alike):
        found += [control.sentence for control in alike if control.passed is None]
    if not alike:
        found.append(
            "Add columns of what is known of the patients, such as age, sex and site: by them a control asks whether the groups "
            "are alike."
        )
    if "planted" not in kinds:
        found.append(
            "Add some members made to be remembered, with 1 in a column planted: they show whether the attack can succeed."
        )
    return found
