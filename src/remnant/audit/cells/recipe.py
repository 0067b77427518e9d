"""What a training tells of its patients, by the shadow models: every attack on each of them, as on the audited network.

It is the question of the recipe, not of this file: networks trained the same way, of which it is known who trained them. From
it come two controls of what is said of this file.

- *Recipe*: an attack that distinguishes, over all shadow models, who trained them can see what this training leaves. Where it
  does not, either the training leaves nothing that it sees, or it is blind, and the copy that was trained on decides which.
- *Null*: shadow models that a patient did not train know nothing of him. Where their fit distinguishes members of the audited
  network from non-members, the groups differ by themselves.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from remnant.attacks.attack import Attack, Calibrated, Calibration
from remnant.attacks.membership.calibrated import views_of
from remnant.attacks.membership.references import AGAINST_SHADOWS, REFERENCES, SIGNALS
from remnant.attacks.membership.signals import shifts
from remnant.audit.cells.kept import SHADOWS, kept_claims, kept_shadows
from remnant.audit.cells.piece import Piece
from remnant.audit.cells.shadows import scores_name
from remnant.audit.findings.controls import null_control, recipe_control
from remnant.audit.findings.rows import ScoredPatients
from remnant.audit.materials.material import Material
from remnant.base.findings import Control, Finding
from remnant.base.results import Row, Section, TableView, number
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import patient_means
from remnant.engine.cost import timed
from remnant.measure.exposure import auc_of_fresh_people, spread_of_fresh_people
from remnant.measure.swaps import (
    RESAMPLES,
    Calibrate,
    SwapTest,
    beyond_other_swaps,
    dealt_halves,
    swap_test,
    without_patient,
)

CELL = "recipe"
WORDS = "every one of these networks attacked by the others, halves dealt anew; at most so long"
# Of the halves, where each takes a calculation of all likelihoods, and how many that are as extreme end it: a training that
# leaves nothing is told after a few.
FEW_RESAMPLES, MOST_HITS = 400, 20
SECTION = Section(
    title="The same training, on known halves",
    text=[
        "Networks were trained by train() on random halves of all patients, members and non-members together.",
        "The question is what such a training tells of its patients, and not what this file does.",
        "Networks of halves of the same patients are more alike than networks of fresh people, and attacks by shadow models tell "
        "more by them.",
    ],
    table=TableView(
        name=CELL,
        caption="Mean AUC over the networks: those who trained a network against those who did not. Intervals are of patients "
        "and trainings. p is two-sided, before any adjustment. Fresh people: the AUC by networks of other people, if scores are "
        "normal.",
        columns={
            "attack": "Attack",
            "view": "View",
            "networks": "Networks",
            "patients": "Patients",
            "{auc} [{low}, {high}]": "AUC [95% interval]",
            "fresh_auc": "Fresh people",
            "lowest_auc": "Lowest",
            "highest_auc": "Highest",
            "p": "p",
        },
    ),
)


def recipe_cell(run: Run, material: Material, attacks: Sequence[Attack], seed: int) -> dict[str, Any]:
    """Rows of the table, and the controls, from what the cells of the shadow models kept."""
    draw = Seeds(seed).child("audit", "recipe")
    rows, controls = [], []
    for attack in asked_of_all(attacks):
        views = views_under(run, material, attack)
        # A view that is held against no other network is of fresh people as it is: who is no member did not train it.
        spreads = {one.view: spread_of_fresh_people(one.values, one.trained) for one in views if one.calibrate}
        tests = {
            one.view: swap_test(
                one.values,
                one.trained,
                draw.child(attack.name, one.view).numpy(),
                calibrate=one.calibrate,
                resamples=FEW_RESAMPLES if attack.calibrations else RESAMPLES,
                most_hits=MOST_HITS if attack.calibrations else None,
            )
            for one in views
        }
        rows += [_row(attack, view, test, spreads.get(view)) for view, test in tests.items()]
        controls.append(recipe_control(attack.name, list(tests.values())))
    controls.append(_null(run, material, draw.child("null").numpy()))
    return {"rows": rows, "controls": [control.model_dump(mode="json") for control in controls]}


def disagreement(primary: Finding | None, rows: Sequence[Row]) -> list[str]:
    """Why silence of this file clears nobody: the `primary` finding, an AUC, lies below what the same training gives."""
    same = [row for row in rows if primary and (row["attack"], row["view"]) == (primary.attack, primary.view)]
    if not primary or primary.high is None or not any((row["low"] or 0) > primary.high for row in same):
        return []
    return [
        "Networks of train() leak more than this model: it was trained otherwise or on more patients, or members are marked "
        "wrong or prepared otherwise."
    ]


def recipe_piece(material: Material, attacks: Sequence[Attack]) -> Piece:
    """What the tests take in which every network is the target once, again and again; at most so long."""
    patients, networks = material.candidates.patients, material.target.shadows
    draw = np.random.default_rng(0)
    people = len(dict.fromkeys(patients))
    dealt = np.stack([dealt_halves(people, networks // 2, draw) for _ in range(MOST_HITS)])
    queries = draw.normal(size=(len(patients), networks, len(list(shifts(material.candidates.spatial)))))

    def once(one: Calibration) -> float:
        calibrate = of_other_swaps(one.score, one.taken(queries), patients)
        return timed(lambda: calibrate(np.empty(dealt.shape[1:]), dealt)) / len(dealt)

    # Those of one signal take as long as of another.
    signal = SIGNALS[material.target.head.task][0]
    seconds = sum(once(one) for attack in attacks for one in attack.calibrations if one.suits(signal))
    return Piece(CELL, WORDS, FEW_RESAMPLES * seconds, always=True)


def asked_of_all(attacks: Sequence[Attack]) -> list[Attack]:
    """Those that are run on every network. Another attack that reads shadow models could not be: they are not kept."""
    return [one for one in attacks if not one.shadows or one.calibrations or one.name == REFERENCES.name]


class ViewUnder(NamedTuple):
    """One view: what it says of each patient under each network, (patients, networks) like who `trained` it; with `calibrate`
    that is yet to be made of what they fit."""

    view: str
    values: np.ndarray
    trained: np.ndarray
    calibrate: Calibrate | None = None


def views_under(run: Run, material: Material, attack: Attack, whose: str = SHADOWS) -> list[ViewUnder]:
    """Every view of the attack, of the images of `whose`."""
    shadows = kept_shadows(run, material.target.shadows, whose)
    assert shadows
    patients, inside = patient_means(shadows.trained, shadows.patients)
    trained = inside > 0
    fits = {name: patient_means(values, shadows.patients)[1] for name, values in shadows.signals.items()}
    if attack.name == REFERENCES.name:
        return [
            ViewUnder(AGAINST_SHADOWS.format(name), values, trained, beyond_other_swaps)
            for name, values in fits.items()
        ]
    if attack.calibrations:
        return [
            ViewUnder(
                one.view(name),
                fits[name],
                trained,
                of_other_swaps(one.score, one.taken(shadows.queries[name]), shadows.patients),
            )
            for name, one in views_of(attack.calibrations, shadows.queries)
        ]
    kept = [kept_claims(run, scores_name(whose, number, attack)) for number in range(material.target.shadows)]
    found = []
    for views in zip(*kept, strict=True):
        assert all(claim.patients == patients for claim in views)
        found.append(ViewUnder(views[0].view, np.stack([claim.scores for claim in views], axis=1), trained))
    return found


def of_other_swaps(score: Calibrated, fits: np.ndarray, patients: tuple[str, ...]) -> Calibrate:
    """Each network as the target once, by those of the other swaps: that of its own swap would tell the halves. `fits` (images,
    networks) of `patients` (images,), or (images, networks, queries)."""
    names = {patient: place for place, patient in enumerate(dict.fromkeys(patients))}
    whose = np.array([names[patient] for patient in patients])
    swaps = np.arange(fits.shape[1]) // 2

    def calibrate(values: np.ndarray, halves: np.ndarray) -> np.ndarray:
        trained = halves[..., whose, :]
        columns = [
            score(fits[:, network], fits[:, swaps != swap], trained[..., swaps != swap])
            for network, swap in enumerate(swaps)
        ]
        found = patient_means(np.moveaxis(np.stack(columns, axis=-1), -2, 0), patients)[1]
        return np.moveaxis(found, 0, -2)

    return calibrate


def _null(run: Run, material: Material, draw: np.random.Generator) -> Control:
    shadows = kept_shadows(run, material.target.shadows)
    assert shadows
    patients, inside = patient_means(shadows.trained, shadows.patients)
    values = patient_means(next(iter(shadows.signals.values())), shadows.patients)[1]
    scores = without_patient(values, inside > 0)
    roles = np.array([material.roles[patient] for patient in patients])
    return null_control(
        ScoredPatients("", "", patients, scores, roles),
        draw,
        what="the fit of shadow models that a patient did not train",
    )


def _row(attack: Attack, view: str, test: SwapTest, spread: float | None) -> Row:
    """`spread`: by how much more networks of fresh people vary, None of a view that is held against no other network."""
    fresh = None if spread is None else number(auc_of_fresh_people(test.auc.mean, spread))
    return {
        "attack": attack.name,
        "view": view,
        "networks": len(test.by_network),
        "patients": test.auc.n,
        "auc": number(test.auc.mean),
        "low": number(test.auc.low),
        "high": number(test.auc.high),
        "fresh_auc": fresh,
        "lowest_auc": float(test.by_network.min()),
        "highest_auc": float(test.by_network.max()),
        "p": test.p,
        "p_bound": test.p_bound,
    }
