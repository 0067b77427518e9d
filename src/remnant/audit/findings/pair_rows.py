"""From scores of pairs to rows of the one table of findings: does what is seen tell that two scans are of one patient?"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from remnant.audit.findings.compare import of_pairs
from remnant.audit.findings.controls import CONTROL_LEVEL, PLANTED_AUC, PLANTED_LEVEL
from remnant.audit.findings.pairs import Paired
from remnant.audit.verdict.family import Key
from remnant.base.findings import Control, Finding
from remnant.base.results import Row, number
from remnant.base.seeds import Seeds
from remnant.base.terms import CODES, MAPS, RAW
from remnant.base.texts import counted, p_said
from remnant.measure.auc import RESAMPLES
from remnant.measure.verification import Verification

SILENT = 0.05  # of intervals, all adversaries of a view together


def pair_keys(found: Mapping[str, Sequence[Paired]]) -> list[Key]:
    """The tests that are made of what was found, by attack: one a view and kind of scans, of all adversaries together."""
    return list(dict.fromkeys((attack, *of) for attack, own in found.items() for of in _looked_at(own)))


def pair_rows(
    found: Mapping[str, Sequence[Paired]], level: Mapping[Key, float], seeds: Seeds, target: str = "model"
) -> list[Finding]:
    """A finding a view and kind of scans, whichever way round an adversary is: whoever is confidently wrong knows the answer.

    The AUC is that of the adversary whose interval begins highest, and the intervals hold for all adversaries of the view
    together. p is the least of theirs, times their number: that none of them knows anything.
    """
    rows = []
    for attack, own in found.items():
        for (view, where), several in _looked_at(own).items():
            k = len(several)
            share = level[attack, view, where] / k
            judged = [one.judged(seeds, 1 - SILENT / k) for one in several]
            best = max(range(k), key=lambda i: _standing(judged[i]))
            one, wide = judged[best], several[best].judged(seeds, 1 - share)
            low, high = _ends(one)
            name = several[best].adversary.replace("_", " ")
            rows.append(
                Finding(
                    target=target,
                    attack=attack,
                    view=view,
                    claim="pair_scores",
                    criterion="linkability",
                    statistic="verification_auc",
                    where=where,
                    group="pairs of scans",
                    n=one.auc.n,
                    value=one.strength,
                    low=number(low),
                    high=number(high),
                    bound_low=number(_ends(wide)[0]),
                    null=0.5,
                    p=_least(judged),
                    # Of scores that are all alike nobody knows.
                    detectable=number(wide.detectable) if wide.detectable > 0.5 else None,
                    counts=f"{name}, the strongest of {counted(k, 'adversary', 'adversaries')}; "
                    f"{counted(one.same, 'pair')} of one patient, {one.different} of two",
                )
            )
    return rows


def adversary_rows(found: Mapping[str, Sequence[Paired]], seeds: Seeds) -> list[Row]:
    """Every adversary on every view, beside what it makes of the scans themselves (`raw`)."""
    rows: list[Row] = []
    for own in found.values():
        raw = {(one.adversary, one.where): one.judged(seeds).strength for one in own if one.view == RAW}
        for one in (one for one in own if one.view != RAW):
            judged = one.judged(seeds)
            low, high = _ends(judged)
            rows.append(
                {
                    "view": one.view,
                    "where": one.where,
                    "adversary": one.adversary,
                    "patients": judged.auc.n,
                    "same": judged.same,
                    "different": judged.different,
                    "auc": judged.strength,
                    "low": number(low),
                    "high": number(high),
                    "wrongly": judged.auc.mean < 0.5,
                    "balanced": number(judged.balanced.mean),
                    "p": number(judged.p),
                    "raw": raw.get((one.adversary, one.where)),
                }
            )
    return rows


def beyond_rows(found: Mapping[str, Sequence[Paired]], seeds: Seeds) -> list[Row]:
    """What codes tell beyond their own segmentations, which the server makes of them anyway: each adversary's AUC of both on the
    same pairs, and the difference."""
    rows: list[Row] = []
    for own in found.values():
        by_view = {(one.view, one.where, one.adversary): one for one in own}
        for (view, where, adversary), code in by_view.items():
            labels = by_view.get((MAPS, where, adversary))
            if view != CODES or labels is None:
                continue
            contrast = of_pairs(code, labels, seeds.child("beyond", where, adversary), RESAMPLES)
            rows.append(
                {
                    "adversary": adversary,
                    "where": where,
                    "patients": contrast.n,
                    "codes": contrast.value,
                    "segmentations": contrast.against,
                    "difference": number(contrast.difference),
                    "low": number(contrast.low),
                    "high": number(contrast.high),
                    "p": number(contrast.p),
                }
            )
    return rows


def pair_controls(attack: str, found: Sequence[Paired], raw: Sequence[Paired], seeds: Seeds) -> list[Control]:
    """The attack on patients exchanged among the pairs of codes, where it must find nothing, and on the scans themselves, of
    which it must tell whose they are; of the scans that the findings rest on."""
    first = found[0]
    codes = [one.held_for_own() for one in found if (one.view, one.where) == (first.view, first.where)]
    scans = [one for one in raw if one.where == first.where]
    return [_null(attack, codes, seeds), _planted(attack, scans, seeds)]


def _null(attack: str, several: Sequence[Paired], seeds: Seeds) -> Control:
    judged = [one.judged(seeds, 1 - SILENT / len(several)) for one in several]
    best, p = max(judged, key=lambda one: one.strength), _least(judged)
    if p is None:
        sentence = f"Pairs of {counted(best.auc.n, 'patient')} are too few to check whether exchanged patients are distinguished."
        return _control("null", attack, best, p, None, sentence)
    does = "are told" if p <= CONTROL_LEVEL else "are not told"
    sentence = f"Pairs in which patients were exchanged {does} from other pairs (AUC {best.strength:.2f}, {p_said(p)})."
    return _control("null", attack, best, p, p > CONTROL_LEVEL, sentence)


def _planted(attack: str, several: Sequence[Paired], seeds: Seeds) -> Control:
    judged = [one.judged(seeds, 1 - SILENT / len(several)) for one in several]
    best = max(judged, key=lambda one: (one.auc.mean, -np.nan_to_num(one.p, nan=2.0)))
    # One-sided, as the level is: whoever is wrong about scans themselves does not pass by it.
    p = number(min(1.0, len(several) * best.p / 2))
    scans, auc = "Scans that are sent as they are", f"AUC {best.auc.mean:.2f}"
    if best.auc.mean < PLANTED_AUC:
        weak = f"asked {PLANTED_AUC}): the attack is too weak to clear anybody."
        return _control("planted", attack, best, p, False, f"{scans} are not told to be of one patient ({auc}, {weak}")
    if p is None or p > PLANTED_LEVEL:
        few = f"{counted(best.auc.n, 'patient is', 'patients are')} too few to tell whether the attack finds them"
        return _control("planted", attack, best, p, None, f"{scans} are told to be of one patient ({auc}), but {few}.")
    return _control("planted", attack, best, p, True, f"{scans} are told to be of one patient ({auc}).")


def _control(
    kind: Literal["null", "planted"],
    attack: str,
    found: Verification,
    p: float | None,
    passed: bool | None,
    sentence: str,
) -> Control:
    low, high = _ends(found)
    return Control(
        kind=kind,
        attack=attack,
        claim="pair_scores",
        statistic="verification_auc",
        value=found.strength,
        low=number(low),
        high=number(high),
        p=p,
        n=found.auc.n,
        passed=passed,
        sentence=sentence,
    )


def _least(judged: Sequence[Verification]) -> float | None:
    """The least p of so many looks, times their number; None of too few patients."""
    told = [one.p for one in judged if np.isfinite(one.p)]
    return min(1.0, len(judged) * min(told)) if told else None


def _standing(found: Verification) -> tuple[float, float]:
    low = _ends(found)[0]
    return (-1.0 if np.isnan(low) else low), found.strength


def _looked_at(own: Sequence[Paired]) -> dict[tuple[str, str], list[Paired]]:
    """All adversaries of a view and kind of scans, but for those of the scans themselves, which are a control."""
    found: dict[tuple[str, str], list[Paired]] = {}
    for one in own:
        if one.view != RAW:
            found.setdefault((one.view, one.where), []).append(one)
    return found


def _ends(found: Verification) -> tuple[float, float]:
    """The interval of the AUC, whichever way round it is."""
    low, high = found.auc.low, found.auc.high
    return (low, high) if found.auc.mean >= 0.5 else (1 - high, 1 - low)
