"""The claims that attacks kept of each trained target, as the audit's findings and controls."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from remnant.attacks.membership.output import OUTPUT
from remnant.audit.cells.kept import kept_scores, kept_similarities
from remnant.audit.findings.controls import CONTROL_LEVEL, planted_control
from remnant.audit.findings.gains import Similarities, gain_keys, gain_rows
from remnant.audit.findings.identified import (
    LINKAGE,
    galleries,
    identification_keys,
    identification_rows,
    search_control,
)
from remnant.audit.findings.rows import ScoredPatients, membership_rows
from remnant.audit.verdict.family import Key, levels_of
from remnant.audit.verdict.outcome import LEVEL
from remnant.base.findings import Control, Finding
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.studies.frame import Cells
from remnant.studies.judged import judged
from remnant.studies.subbanna2021.drawn import DrawnReconstructions, drawn_of
from remnant.studies.subbanna2021.experiments import (
    OVERFIT,
    called,
    subject_name,
    target_name,
)
from remnant.studies.subbanna2021.folds import part_of
from remnant.studies.subbanna2021.recovered import RECOVERED
from remnant.studies.subbanna2021.settings import StudySettings

Controls = dict[str, list[Control]]
Scores = dict[tuple[str, str], list[ScoredPatients]]  # by network and kind of target


def findings_of(run: Run, cells: Cells, settings: StudySettings) -> tuple[list[Finding], Controls]:
    """Every finding on every target that was not made to leak, judged together, and the controls of each target.

    Scans and what was drawn of them are read one target at a time.
    """
    planted = {(one.network, one.fold): _planted(one) for one in drawn_of(run, settings, control=True)}
    keys: dict[str, list[tuple[Key, bool]]] = {}
    rows: list[Finding] = []
    controls: Controls = {}
    for one in drawn_of(run, settings, control=False):
        tests = identification_keys(one.claims, one.asked)
        keys[one.name] = [(key, False) for key in tests]
        rows += identification_rows(one.claims, one.asked, dict.fromkeys(tests, LEVEL), one.name)
        controls[one.name] = [*_null(one, cells), *_of_network(one, planted)]
    near = _near(run, cells)
    for name, (*_, known) in near.items():
        controls[name] = [*controls.get(name, ()), *known]
    # No limit is held against them, by an interval that holds for all findings together.
    rows = [row.model_copy(update={"bound_low": None}) for row in rows]
    scored = _scored(run, cells)
    asked = {kind: own for kind, own in scored.items() if kind[1] != OVERFIT}
    named = {called(target_name(*kind)): own for kind, own in asked.items()}
    level = levels_of(
        keys | {name: [(claim.key, claim.primary) for claim in own] for name, own in named.items()},
        {name: gain_keys(RECOVERED, own) for name, (own, *_) in near.items()},
    )
    for name, (own, roles, _) in near.items():
        seeds = Seeds(settings.seed).child("audit", "candidates", name)
        rows += gain_rows(RECOVERED, own, roles, level[name], seeds, name)
    draw = Seeds(settings.seed).child("audit", "tests").numpy()
    for name, own in named.items():
        rows += membership_rows(own, level[name], draw, name)
    controls |= {name: _of_scored(*kind, scored, cells) for name, kind in zip(named, asked, strict=True)}
    return judged(rows, controls), controls


def _near(run: Run, cells: Cells) -> dict[str, tuple[list[Similarities], dict[str, int], list[Control]]]:
    """By target how near the images of latents that were searched come to whom, the roles of these, and the controls."""
    return {
        subject_name(cell["network"], cell["fold"], "standard"): (
            kept_similarities(part_of(run, cell["network"], cell["fold"], "standard"), RECOVERED),
            cell["near"],
            [Control(**one) for one in cell["controls"]],
        )
        for cell in cells.values()
        if "near" in cell
    }


def _scored(run: Run, cells: Cells) -> Scores:
    """The claims by the model's own output, of all folds of a target together."""
    folds: dict[tuple[str, str], list[list[ScoredPatients]]] = {}
    for cell in cells.values():
        if "output_of" in cell:
            kind = (cell["network"], cell["output_of"])
            roles = dict(zip(cell["patients"], cell["roles"], strict=True))
            part = part_of(run, cell["network"], cell["fold"], cell["output_of"])
            folds.setdefault(kind, []).append(kept_scores(part, roles, OUTPUT.name, primary=True))
    return {kind: [_together(views) for views in zip(*own, strict=True)] for kind, own in folds.items()}


def _together(views: Sequence[ScoredPatients]) -> ScoredPatients:
    scores, roles = (np.stack([getattr(view, part) for view in views]) for part in ("scores", "roles"))
    return replace(views[0], scores=scores, roles=roles)


def _null(subject: DrawnReconstructions, cells: Cells) -> list[Control]:
    """Reconstructions that are held for another patient's, a control a search. Of several experiments that look for another scan
    of the patient: one that finds somebody by a p for all of them, else one that finds nobody."""
    found = [
        Control(**one)
        for cell in cells.values()
        if (cell.get("network"), cell.get("fold")) == (subject.network, subject.fold)
        and cell.get("experiment") in subject.claims
        for one in cell["controls"]
    ]
    told = []
    for name in dict.fromkeys(one.attack for one in found):
        own = sorted((one for one in found if one.attack == name), key=lambda one: one.p or 0.0)
        failed = [one for one in own if (one.p or 0.0) * len(own) <= CONTROL_LEVEL]
        told.append((failed or [one for one in own if one.passed] or own)[0])
    return told


def _planted(leaking: DrawnReconstructions) -> list[Control]:
    """Those of a target that was trained too long on few patients, whom an attack must identify."""
    ((claim,),) = leaking.claims.values()
    what = "Reconstructions from a target trained too long on few patients"
    return [
        search_control("planted", gallery.name, claim, gallery.of(leaking.asked), what)
        for gallery in galleries(OVERFIT, leaking.asked)
    ]


def _of_network(subject: DrawnReconstructions, planted: Mapping[tuple[str, int], list[Control]]) -> list[Control]:
    """What was `planted`, by network and fold, for the attacks on a target of that fold: if there is some, of its own network."""
    here = sorted((kind for kind in planted if kind[1] == subject.fold), key=lambda kind: kind[0] != subject.network)
    return [
        control.model_copy(update={"attack": name})
        for control in (planted[here[0]] if here else ())
        for name in ([LINKAGE] if control.attack == LINKAGE else subject.claims)
    ]


def _of_scored(network: str, target: str, scored: Scores, cells: Cells) -> list[Control]:
    """The blind baseline on the same patients, and the target of the same network, else of another, that was trained too long."""
    found = [Control(**one) for cell in cells.values() if cell.get("blind_of") == target for one in cell["controls"]]
    leaking = sorted((kind for kind in scored if kind[1] == OVERFIT), key=lambda kind: kind[0] != network)
    for views in [scored[kind] for kind in leaking[:1]]:
        planted = [
            planted_control(
                OUTPUT.name, one.scores[one.roles == MEMBER], one.scores[one.roles == NON_MEMBER], looks=len(views)
            )
            for one in views
        ]
        found.append(max(planted, key=lambda one: one.value or 0.0))
    return found
