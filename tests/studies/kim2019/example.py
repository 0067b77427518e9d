"""Records that the cells of an invented study left: how well each variant hides is set here, so that the answers are known."""

from dataclasses import replace

import numpy as np

from remnant.cohort.scans import Scans
from remnant.measure.membership_inference import membership_test
from remnant.measure.overlaps import Overlap
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.measure.verification import best_threshold
from remnant.studies.kim2019.records import (
    STUDY,
    Fitted,
    Identity,
    Inversion,
    People,
    Scores,
    Segmented,
    Timed,
    Transferred,
)
from remnant.studies.kim2019.variants import VARIANTS

PATIENTS = 24
CLASSES = ("none", "gm", "wm", "nuclei", "csf_int", "csf_ext")
# How much of the person is in the code and in the map, and what Dice is left, by variant.
PERSON = {
    "raw": (6.0, 3.0, 0.85),
    "published-1": (2.5, 1.0, 0.82),
    "published-100": (0.9, 0.9, 0.60),
    "entropy-1": (1.0, 1.0, 0.845),
    "deformation": (0.0, 0.0, 0.84),
}
ADVERSARIES = {
    "code": ("ms_ssim", "d_adv", "d_new_resnet_small_0", "d_new_densenet_small_1", "d_new_all"),
    "labels": ("ms_ssim", "d_new_resnet_small_0"),
}


def names(patients: int = PATIENTS) -> tuple[str, ...]:
    """Pseudonyms of two visits each, which do not sort in the order of the patients."""
    return tuple(f"P{(7 * i) % 97:02d}" for i in range(patients) for _ in range(2))


def pairs(patients: tuple[str, ...]) -> np.ndarray:
    """Indices (q, 2): both visits of each patient, then first visits of all patients with ten others' second."""
    n = len(patients) // 2
    same = [(2 * i, 2 * i + 1) for i in range(n)]
    different = [(2 * i, 2 * ((i + step) % n) + 1) for step in range(1, min(11, n)) for i in range(n)]
    return np.array([*same, *different])


def identity(
    variant: str, view: str = "code", *, person: float, seed: int = 0, kind: str = "simulated", adversaries=None
) -> Identity:
    """Scores that hold a `person` of so many standard deviations; the last adversary errs surely."""
    draw = np.random.default_rng([seed, len(variant), len(view), int(10 * person)])
    patients = names()
    chosen = pairs(patients)
    whose = np.array(patients)[chosen]
    same = whose[:, 0] == whose[:, 1]
    adversaries = adversaries or ADVERSARIES["labels" if view == "labels" else "code"]
    anybody = np.repeat(draw.normal(size=(PATIENTS, 6)), 2, axis=0)

    def scores(name: str) -> Scores:
        strength = person * (0.5 if name == "ms_ssim" else 1)
        embeddings = (
            anybody * strength + draw.normal(size=anybody.shape)
            if name.startswith("d_new")
            else np.empty((len(patients), 0))
        )
        training, test = (same * strength + draw.normal(size=len(same)) for _ in range(2))
        return Scores(training, test, best_threshold(training, whose), embeddings)

    return Identity(variant, view, kind, 1, whose, whose, patients, {name: scores(name) for name in adversaries})


def inversion(variant: str, view: str = "code", *, person: float, seed: int = 0) -> Inversion:
    """Redrawn images that resemble both scans of their patient by `person`, the own one a little more."""
    draw = np.random.default_rng([seed, len(variant), len(view), int(10 * person)])
    patients = names()
    k = len(patients)
    same = np.equal.outer(np.array(patients), np.array(patients))
    own = 0.02 * person * same + 0.005 * person * np.eye(k)
    noise = draw.normal(scale=0.02, size=(2, k, k))
    return Inversion(
        variant,
        view,
        patients,
        np.tile([1, 2], k // 2),
        0.6 + own + noise[0],
        np.full(k, 0.58),
        0.6 + 0.2 * same + 0.2 * np.eye(k) + noise[1],
        np.arange(0, 12, 2),
        2 - 0.3 * person * np.eye(6) + np.abs(draw.normal(scale=0.1, size=(6, 6))),
        np.full(6, 2.2),
        "SSIM of whole volumes",
    )


def overlap(dice: float, classes: tuple[str, ...] = CLASSES, seed: int = 0) -> Overlap:
    """Dice of two scans of each patient about `dice`, the smaller classes lower."""
    draw = np.random.default_rng([seed, int(1000 * dice)])
    patients = names()
    fall = np.linspace(0.05, -0.2, len(classes) - 1)
    values = (
        dice
        + fall
        + draw.normal(scale=0.01, size=(len(patients), 1))
        + draw.normal(scale=0.005, size=(len(patients), len(fall)))
    )
    return Overlap(
        patients,
        np.column_stack([np.full(len(patients), 0.99), values]),
        dice + draw.normal(scale=0.01, size=len(patients)),
        classes,
    )


def segmented(variant: str, dice: float) -> Segmented:
    conditions = {"clean": 0.0, "noise_15": 0.01, "noise_10": 0.03, "noise_5": 0.15, "low_resolution": 0.06}
    return Segmented(variant, {name: overlap(dice - less) for name, less in conditions.items()})


def transferred(variant: str, dice: float) -> Transferred:
    coarse = ("background", "gm", "wm", "csf")
    shifts = {"heads-as_trained": 0.1, "heads-retrained": 0.05, "ct-like-as_trained": 0.4, "ct-like-retrained": 0.1}
    return Transferred(variant, {name: overlap(dice - less, coarse) for name, less in shifts.items()})


def fitted(variant: str, dice: float, gap: float = 0.0) -> Fitted:
    """Two scans of each of as many training as test patients, whose Dice differs by `gap`."""
    draw = np.random.default_rng(int(1000 * dice))
    roles = ("training",) * 2 * PATIENTS + ("test",) * 2 * PATIENTS
    patients = tuple(f"T{i}" for i in range(PATIENTS) for _ in range(2)) + names()
    values = dice + gap * (np.array(roles) == "training") + draw.normal(scale=0.01, size=len(roles))
    return Fitted(variant, patients, roles, values, values - 1)


def people(variant: str, view: str = "code", *, skill: float) -> People:
    """Ages and sexes read with a share `skill` of the truth."""
    draw = np.random.default_rng([len(variant), int(10 * skill)])
    patients = names()
    ages = np.repeat(draw.uniform(20, 80, PATIENTS), 2)
    men = np.repeat(np.arange(PATIENTS) % 2 == 0, 2)
    read = skill * ages + (1 - skill) * 50 + draw.normal(scale=4, size=len(ages))
    male = 1 / (1 + np.exp(-(skill * 6 * (men - 0.5) + draw.normal(size=len(men)))))
    return People(variant, view, patients, read, ages, male, men, 50.0)


def timed(variant: str) -> Timed:
    undo = np.full(3, 0.2 if variant == "deformation" else 0.0)
    return Timed(
        variant, np.array([0.3, 0.4, 0.6]), np.array([1.0, 1.1, 1.2]), undo, np.array([48, 64, 53]), "CPU, 1 thread"
    )


def study(person: dict[str, tuple[float, float, float]] = PERSON) -> dict:
    """Arguments of `make_tables` but the seeds."""
    identities, inversions, read = [], [], []
    for variant, (code, labels, _) in person.items():
        for view, strength in (("code", code), ("labels", labels)):
            identities.append(identity(variant, view, person=strength))
            inversions.append(inversion(variant, view, person=strength))
            read.append(people(variant, view, skill=min(1.0, strength / 4)))
    if "deformation" in person:
        identities.append(replace(identity("deformation", "code_registered_mean", person=0.3), queries=5))
    return {
        "variants": {name: VARIANTS[name] for name in person},
        "identities": identities,
        "inversions": inversions,
        "segmented": [segmented(variant, dice) for variant, (_, _, dice) in person.items()],
        "transferred": [transferred(variant, dice) for variant, (_, _, dice) in person.items()],
        "people": read,
        "timed": [timed(variant) for variant in person],
        "fitted": [fitted(variant, dice) for variant, (_, _, dice) in person.items()],
        "blind": membership_test(
            np.random.default_rng(0).normal(size=2 * PATIENTS),
            np.repeat([MEMBER, NON_MEMBER], PATIENTS),
            np.random.default_rng(0),
        ),
    }


def scans() -> Scans:
    """As many scans of tiny grids, a third as many of training patients."""
    patients = names() + tuple(f"T{i}" for i in range(8) for _ in range(2))
    n = len(patients)
    return Scans(
        STUDY,
        np.zeros((n, 1, 2, 2, 2), np.float32),
        np.zeros((n, 2, 2, 2), np.uint8),
        patients,
        np.tile([1, 2], n // 2),
        ("test",) * len(names()) + ("training",) * 16,
        np.full(n, np.nan),
        ("",) * n,
        CLASSES,
        ("simulated",) * n,
        3.0,
    )
