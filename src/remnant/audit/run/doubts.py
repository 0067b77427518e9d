"""Why an audit would clear nobody, told before it is run."""

from collections.abc import Sequence

from remnant.attacks.attack import Attack
from remnant.audit.cells.fits import FIT_S, fit_of_members
from remnant.audit.cells.planted_leak import why_unplanted
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.audit.run.attacks import attacks_of
from remnant.audit.verdict.enough import too_few_sentence
from remnant.audit.verdict.scenario import BEARS, unmeasured
from remnant.audit.verdict.words import not_measured, unshown
from remnant.base.texts import counted
from remnant.measure.auc import few
from remnant.measure.intervals import FEWEST_PATIENTS
from remnant.measure.roles import MEMBER, NON_MEMBER


def doubts_of(material: Material, config: AuditConfig) -> list[str]:
    """Each in a sentence: those of the material itself, a model of which nothing shows that it answers its members better than
    chance, a leak that cannot be planted, limits that no attack measures here, and groups too small for an interval or for
    the limits."""
    fit = fit_of_members(material, config.seed, FIT_S)
    return [
        *material.doubts,
        *([] if fit.passed else [fit.sentence]),
        *_unplanted(material, config),
        *_too_few(material, config),
        *out_of_reach(attacks_of(material, config), config),
    ]


def out_of_reach(attacks: Sequence[tuple[Attack, str]], config: AuditConfig) -> list[str]:
    """The limits that none of the `attacks` measures, each with why it does not apply, so that nothing comes out within; a
    sentence each."""
    measured = {statistic for attack, why in attacks if not why for statistic in BEARS[attack.claim]}
    whys = unmeasured((attack.claim, why) for attack, why in attacks)
    limits = config.appetite.limits(config.scenario)
    return [
        not_measured(limit, whys.get(limit.statistic, ""))
        for limit in limits
        if limit.asked and limit.statistic not in measured
    ]


def _unplanted(material: Material, config: AuditConfig) -> list[str]:
    # Where the training is given, its networks show what an attack can do.
    why = "" if material.training else why_unplanted(material, config.seed, config.target.planted_steps)
    return [unshown(why)] if why else []


def _too_few(material: Material, config: AuditConfig) -> list[str]:
    m, n = (len(material.group(role)) for role in (MEMBER, NON_MEMBER))
    limits = config.appetite.limits(config.scenario)
    groups = f"{counted(m, 'member')} and {counted(n, 'non-member')}"
    return (
        [f"{groups} are too few for an interval, so that no limit is held: give {FEWEST_PATIENTS} of each."]
        if few(m, n)
        else too_few_sentence(m, n, limits)
    )
