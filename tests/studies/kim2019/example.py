"""What the cells of an invented study left: how well each variant hides is set here, so that the answers are known."""

import functools
from dataclasses import replace

import numpy as np
import torch

from remnant.attacks.attack import Attributes, Reconstructions
from remnant.attacks.membership.output import CROSS_ENTROPY, DICE, OUTPUT
from remnant.audit.findings.pairs import Paired
from remnant.audit.findings.rows import ScoredPatients
from remnant.audit.findings.worth import Worth
from remnant.base.findings import Control
from remnant.base.terms import CODES, MAPS
from remnant.cohort.images import AGE, SEX, Images
from remnant.measure.overlaps import Overlap
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.measure.threshold import best_threshold
from remnant.studies.kim2019.subjects import AuditedVariant
from remnant.studies.kim2019.tables import make_tables
from remnant.studies.kim2019.variants import VARIANTS

PATIENTS = 24
SIDE = 12
CLASSES = ("none", "gm", "wm", "nuclei", "csf_int", "csf_ext")
WORDS = {"code": CODES, "labels": MAPS, "repeated": f"{CODES}, each scan sent 5 times, registered and averaged"}
# How much of the person is in the code and in the segmentation, and what Dice is left, by variant.
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
    "repeated": ("d_new_resnet_small_0", "registered"),
}


def names(patients: int = PATIENTS, letter: str = "P") -> tuple[str, ...]:
    """Pseudonyms of two visits each, which do not sort in the order of the patients."""
    return tuple(f"{letter}{(7 * i) % 97:02d}" for i in range(patients) for _ in range(2))


def places(patients: int = PATIENTS) -> np.ndarray:
    """Indices (q, 2): both visits of each patient, then first visits of all patients with ten others' second."""
    same = [(2 * i, 2 * i + 1) for i in range(patients)]
    different = [
        (2 * i, 2 * ((i + step) % patients) + 1) for step in range(1, min(11, patients)) for i in range(patients)
    ]
    return np.array([*same, *different])


def paired(shown: str = "code", adversary: str = "d_adv", *, person: float, seed: int = 0, patients=PATIENTS, where=""):
    """Scores that hold a `person` of so many standard deviations; those of exchanged patients hold none."""
    draw = np.random.default_rng([seed, len(shown), len(adversary), int(10 * person)])
    whose = np.array(names(patients))[places(patients)]
    same = whose[:, 0] == whose[:, 1]
    strength = person * (0.5 if adversary == "ms_ssim" else 1)
    training, test = (same * strength + draw.normal(size=len(same)) for _ in range(2))
    exchanged = draw.normal(size=patients)
    return Paired(WORDS[shown], adversary, where, best_threshold(training, whose), whose, test, exchanged)


def pairs(shown: str = "code", *, person: float, seed: int = 0, patients=PATIENTS, where="") -> list[Paired]:
    """Every adversary on one view."""
    return [
        paired(shown, name, person=person, seed=seed, patients=patients, where=where) for name in ADVERSARIES[shown]
    ]


def images() -> Images:
    """Scans of the test patients, each a pattern of his own with a little noise on each visit, and of as many who trained."""
    draw = np.random.default_rng(0)
    patterns = np.repeat(draw.random((2 * PATIENTS, 1, SIDE, SIDE, SIDE)), 2, axis=0)
    scans = 0.5 + 0.4 * (patterns - 0.5) + 0.02 * draw.normal(size=patterns.shape)
    men, ages = np.arange(2 * PATIENTS) % 2, draw.uniform(20, 80, 2 * PATIENTS)
    return Images(
        torch.from_numpy(scans.astype(np.float32)),
        None,
        (*names(), *names(letter="T")),
        {"age": np.repeat(ages, 2), "sex": np.repeat(men, 2).astype(float)},
    )


def roles() -> dict[str, int]:
    return dict.fromkeys(names(letter="T"), MEMBER) | dict.fromkeys(names(), NON_MEMBER)


def drawn(shown: str = "code", *, person: float, seed: int = 0) -> Reconstructions:
    """Reconstructions that hold a part of their patient's pattern."""
    draw = np.random.default_rng([seed, len(shown), int(10 * person)])
    scans, mean = images().images[: 2 * PATIENTS], torch.full((1, SIDE, SIDE, SIDE), 0.5)
    noise = torch.from_numpy(draw.normal(scale=0.6, size=scans.shape).astype(np.float32))
    return Reconstructions(WORDS[shown], names(), mean + person / 30 * (scans - mean) + 0.1 * noise, mean)


def read(shown: str = "code", *, skill: float) -> Attributes:
    """Ages and sexes of test patients, read with a share `skill` of the truth."""
    draw, known = np.random.default_rng([len(shown), int(10 * skill)]), images().take(range(0, 2 * PATIENTS, 2))
    ages = skill * known.details["age"] + (1 - skill) * 50 + draw.normal(scale=4, size=PATIENTS)
    men = 1 / (1 + np.exp(-(skill * 6 * (known.details["sex"] - 0.5) + draw.normal(size=PATIENTS))))
    return Attributes(WORDS[shown], known.patients, {"age": ages, "sex": men})


def scored(dice: float, gap: float = 0.0) -> list[ScoredPatients]:
    """How well the segmentation fits patients, those who trained better by `gap`."""
    draw = np.random.default_rng(int(1000 * dice))
    whose = tuple(roles())
    own = np.array([*roles().values()])
    values = dice + gap * (own == MEMBER) + draw.normal(scale=0.01, size=len(own))
    return [
        ScoredPatients(OUTPUT.name, view, whose, shift + values, own)
        for view, shift in ((DICE, 0), (CROSS_ENTROPY, -1))
    ]


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


def worth(dice: float, undo: float = 0.0) -> Worth:
    conditions = {"clean": 0.0, "noise_15": 0.01, "noise_10": 0.03, "noise_5": 0.15, "low_resolution": 0.06}
    coarse = ("background", "gm", "wm", "csf")
    shifts = {"heads-as_trained": 0.1, "heads-retrained": 0.05, "ct-like-as_trained": 0.4, "ct-like-retrained": 0.1}
    return Worth(
        {name: overlap(dice - less) for name, less in conditions.items()},
        {name: overlap(dice - less, coarse) for name, less in shifts.items()},
        np.array([0.3, 0.4, 0.6]),
        np.array([1.0, 1.1, 1.2]),
        np.full(3, undo),
        np.array([48, 64, 53]),
        "CPU, 1 thread",
    )


def control(kind: str, attack: str, claim: str, *, passed: bool | None = True) -> Control:
    statistic = {"attributes": "skill", "patient_scores": "auc", "pair_scores": "verification_auc"}[claim]
    words = {"kind": kind, "attack": attack, "claim": claim, "statistic": statistic, "sentence": "So it is."}
    return Control(value=0.5, n=PATIENTS, passed=passed, **words)


def subject(variant: str, code: float, labels: float, dice: float, gap: float = 0.0) -> AuditedVariant:
    """A variant whose code and segmentation hold so much of a person."""
    strengths = {"code": code, "labels": labels}
    by_view = {shown: pairs(shown, person=person) for shown, person in strengths.items()}
    if VARIANTS[variant].secret:
        by_view["repeated"] = pairs("repeated", person=0.3)
    precision = {"precision": 0.9, "precision_low": 0.8, "precision_high": 1.0, "precision_chance": 0.1}
    return AuditedVariant(
        variant,
        by_view,
        worth(dice, 0.2 if VARIANTS[variant].secret else 0.0),
        {shown: [drawn(shown, person=person)] for shown, person in strengths.items()},
        [read(shown, skill=min(1.0, person / 4)) for shown, person in strengths.items()],
        scored(dice, gap),
        # What is planted in scans themselves is of all variants.
        [
            control(kind, name, "attributes")
            for name in ("age", "sex")
            for kind in ("null", "planted")[: 1 + (variant == "raw")]
        ],
        {"code": {"d_new_resnet_small_0": precision}},
    )


def study(person: dict[str, tuple[float, float, float]] = PERSON) -> dict:
    """Arguments of `make_tables`."""
    return {
        "variants": {name: VARIANTS[name] for name in person},
        "subjects": [subject(variant, *given) for variant, given in person.items()],
        "images": images(),
        "roles": roles(),
        "blind": [control("blind", "", "patient_scores")],
        "kind": "simulated",
        "queries": 5,
        "seed": 0,
    }


@functools.cache
def made() -> tuple[list, dict]:
    """Findings and tables of the study, once a process. Read only."""
    return make_tables(**study())


def with_pairs(given: AuditedVariant, shown: str, change) -> AuditedVariant:
    """The variant with every adversary's pairs of one view changed."""
    return replace(given, pairs={**given.pairs, shown: [change(one) for one in given.pairs[shown]]})


def scans() -> Images:
    """As many scans of tiny grids, a third as many of training patients."""
    patients = names() + names(8, "T")
    n = len(patients)
    return Images(
        torch.zeros(n, 1, 2, 2, 2),
        torch.zeros(n, 2, 2, 2, dtype=torch.uint8),
        patients,
        {AGE: np.full(n, np.nan), SEX: np.full(n, np.nan)},
        (1, 2) * (n // 2),
        ("test",) * len(names()) + ("training",) * 16,
        ("simulated",) * n,
        CLASSES,
        3.0,
    )
