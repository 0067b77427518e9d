"""A study of invented targets: what cells leave, with scores and similarities drawn so that some targets leak and some do not."""

import numpy as np
import torch
from torch import nn

from remnant.attacks.demographics import DemographicModel, Reader, ValidationRow
from remnant.audit.cells.kept import Likely
from remnant.audit.findings.gains import Similarities
from remnant.audit.findings.rows import ScoredPatients
from remnant.base.findings import Control
from remnant.base.seeds import Seeds
from remnant.cohort.images import AGE, SEX, Images
from remnant.measure.anonymity import stationary_population
from remnant.measure.roles import MEMBER
from remnant.studies.lee2025.drawn import DrawnCandidates, as_bytes
from remnant.studies.lee2025.exposure import Claims, Exposure, exposure_of, mitigation_rows
from remnant.studies.lee2025.groups import roles_in
from remnant.studies.lee2025.tables import make_tables
from remnant.targets.inputs import InputRange

SIDE = 16
VIEWS = ("signed margin, mean over shifted images", "signed margin", "right or wrong")
# Of each target: how much nearer the attack comes to members than to others, and how member-like its answers make them, in
# standard deviations of the patients.
LEAKS = {
    "cnn": (0.0, 0.0),
    "cnn_overfit": (2.0, 3.0),
    "vit": (0.0, 0.0),
    "vit_overfit": (0.4, 3.0),
    "cnn_dropout": (1.0, 2.5),
    "cnn_augmentation": (0.2, 0.0),
    "cnn_early_stopping": (0.1, 0.0),
    "cnn_planted": (6.0, 9.0),
    "cnn_untrained": (0.0, 0.0),
    "cnn_overfit_swapped": (0.0, 3.0),
    "within_cnn": (0.0, 0.0),
    "within_cnn_overfit": (1.0, 3.0),
}
SOURCES = {name: "private" for name in LEAKS} | {"cnn_planted": "planted"}
SOURCES |= {name: "public" for name in LEAKS if name.startswith("within")}


def group(draw, patients: int, prefix: str, images: int | None = None) -> Images:
    """`images` of so many patients, the first of whom have two."""
    images = images or patients
    names = tuple(f"{prefix}{i % patients:03d}" for i in range(images))
    ages = draw.uniform(20, 90, patients)[np.arange(images) % patients]
    sexes = (draw.choice(["F", "M"], patients)[np.arange(images) % patients] == "M").astype(float)
    pictures = draw.uniform(0, 1, (images, 1, SIDE, SIDE)).astype(np.float32) * 0.5 + 0.25
    labels = torch.from_numpy(draw.integers(0, 2, images))
    return Images(torch.from_numpy(pictures), labels, names, {AGE: ages, SEX: sexes})


def groups(draw, patients: int = 40) -> dict[str, dict[str, Images]]:
    made = {
        source: {
            name: group(draw, patients, f"{source[:2]}{name[0]}", patients + 4)
            for name in ("members", "validation", "non_members")
        }
        for source in ("private", "public")
    }
    few = made["private"]["members"]
    planted = few.take(range(8))
    return made | {"planted": made["private"] | {"members": planted}}


def similarities(draw, parts: dict[str, Images], gap: float, candidates: int = 60) -> list[Similarities]:
    """Candidates whose nearest ones lie `gap` standard deviations of the patients nearer to members, most of all in the target's
    features; what is easy to come near to is so for the control, too."""
    patients = tuple(patient for name in ("members", "non_members") for patient in parts[name].patients)
    member = np.array([roles_in(parts)[patient] == MEMBER for patient in patients])
    easy = 0.95 * draw.normal(size=len(patients))

    def near(pull: float) -> np.ndarray:
        own = easy + pull * member + 0.3 * draw.normal(size=len(patients))
        return (0.6 + 0.04 * own + draw.normal(0, 0.01, (candidates, len(patients)))).clip(0, 1)

    shares = {"features": 1.0, "ssim": 0.1, "strange": 0.1}
    return [
        Similarities(space, patients, near(gap * share), {"prior": near(0.0), "gmi": near(0.0)})
        for space, share in shares.items()
    ]


def scored(draw, parts: dict[str, Images], gap: float) -> list[ScoredPatients]:
    """What a target answers about each patient once, as `gap` says."""
    roles = roles_in(parts)
    sign = np.array(list(roles.values()))
    values = draw.normal(size=len(sign)) + gap * (sign == MEMBER)
    found = [values, values + 0.3 * draw.normal(size=len(sign)), (values > 0).astype(float)]
    return [
        ScoredPatients("output", view, tuple(roles), one, sign, place == 0)
        for place, (view, one) in enumerate(zip(VIEWS, found, strict=True))
    ]


def claims(targets=tuple(LEAKS), attacks=("published", "joint"), leaks=LEAKS, parts=None) -> dict[str, Claims]:
    """What was claimed of each target: by its answers, and by each attack."""
    draw, found = np.random.default_rng(1), {}
    parts = parts or groups(np.random.default_rng(2))
    for target in targets:
        own = parts[SOURCES[target]]
        gap, answers = leaks[target]
        near = {attack: similarities(draw, own, gap * (attack == "joint")) for attack in attacks}
        found[target] = Claims(scored(draw, own, answers), near, roles_in(own))
    return found


def controls(targets, attacks=("published", "joint")) -> dict[str, list[Control]]:
    """The audit's own controls of each target, all passed."""
    known = {"value": 0.5, "n": 80, "p": 0.5, "passed": True}
    own = [Control(kind="blind", claim=claim, sentence="Alike.", **known) for claim in ("patient_scores", "candidates")]
    own += [
        Control(
            kind=kind, attack=attack, claim="candidates", sentence=f"The {kind} control of {attack} passes.", **known
        )
        for attack in attacks
        for kind in ("null", "planted")
    ]
    return {target: list(own) for target in targets}


def exposure(targets=("cnn", "cnn_overfit", "cnn_planted", "cnn_untrained"), leaks=LEAKS, **attacks) -> Exposure:
    """Everything on these targets, judged."""
    return exposure_of(claims(targets, leaks=leaks, **attacks), controls(targets, **attacks), Seeds(0))


def model(draw, error: float = 6.0, n: int = 120) -> DemographicModel:
    """A model of which the invented validation says that it errs by so many years; it looks at nothing in particular."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(SIDE, SIDE), nn.ReLU(), nn.Linear(SIDE, 2))
    rows = []
    for i, age in enumerate(draw.uniform(20, 90, n).round()):
        male, wrong = bool(draw.integers(2)), draw.random() < error / 150
        rows.append(ValidationRow(f"v{i}", float(age), float(age + draw.normal(0, error)), male, float(male != wrong)))
    return DemographicModel(network, InputRange(SIDE, channels=1), 55.0, 18.0, 300, tuple(rows))


def drawn(draw, members: Images, candidates: int = 60) -> tuple[DrawnCandidates, Likely]:
    """What an attack drew of one target, and the likely ones among it."""
    images, prior = (as_bytes(draw.uniform(0, 0.9, (candidates, 1, SIDE, SIDE))) for _ in range(2))
    excitation, distance = np.exp(draw.normal(1, 0.2, candidates)), draw.normal(24, 3, candidates)
    cuts = np.sort(excitation)[candidates // 4], np.sort(distance)[candidates // 4]
    likely = (excitation <= cuts[0]) & (distance <= cuts[1])
    nearest = draw.integers(0, len(members), candidates)
    cosine, ssim, other = draw.uniform(0.3, 0.9, (3, candidates))
    order = np.argsort(excitation + distance)
    ends = (float(cut) for cut in cuts)
    found = DrawnCandidates(images, prior, excitation, distance, order, likely, *ends, nearest, cosine, ssim, other)
    names = tuple(members.patients[place] for place in nearest[likely])
    half = torch.from_numpy(images[likely].astype(np.float32) / 255)[:, None].half()
    return found, Likely(half, names, candidates, 0.0625 * candidates)


def record(target: str) -> dict:
    """What a target's cell tells."""
    recipe = target.removeprefix("within_").partition("_")[2] or "regular"
    return {
        "target": target,
        "network": "vit" if target.startswith("vit") else "resnet18",
        "recipe": recipe,
        "source": SOURCES[target],
        "patients": 8 if recipe == "planted" else 40,
        "images": 8 if recipe == "planted" else 44,
        "epochs": 0 if recipe == "untrained" else 60,
        "kept_epoch": 60,
        "train_accuracy": 0.5 if recipe == "untrained" else 1.0,
        "accuracy": 0.8,
        "balanced": 0.72,
        "balanced_low": 0.55,
        "balanced_high": 0.84,
        "auc": 0.8,
        "auc_low": 0.65,
        "auc_high": 0.9,
        "majority": 0.6,
    }


def attack_record(draw, falls: float = 0.2) -> dict:
    """What an attack's cell tells of its stage 1."""
    terms = {"statistics": 12, "feature": 1.4, "logit": 0.7, "total_variation": 300, "total": 16}
    return {
        "stage1": [
            {"part": "stage 1", "term": term, "step": step}
            | {"value": float(start * (falls + np.exp(-step / 40)) * draw.lognormal(0, 0.05))}
            for term, start in terms.items()
            for step in range(0, 200, 10)
        ],
        "steps": {"stage 1": 200},
        "levelled_off": {"stage 1": True},
    }


def tables(targets=("cnn", "cnn_overfit", "cnn_planted"), error: float = 6.0, attacks=("published", "gmi")) -> dict:
    """The tables of such a study, but for those of the findings, and of what was trained."""
    draw = np.random.default_rng(1)
    parts = groups(draw)
    keys = [(target, attack) for target in targets for attack in attacks]
    made = {key: drawn(draw, parts[SOURCES[key[0]]]["members"]) for key in keys}
    nothing = {"stage1": [], "steps": {}, "levelled_off": {}}
    reader = Reader.of(model(draw, error), Seeds(0))
    trained = {target: record(target) for target in targets}
    found = make_tables(
        trained,
        {key: attack_record(draw) if key[1] == "published" else nothing for key in keys},
        ((key, one) for key, (one, _) in made.items()),
        {key: one for key, (_, one) in made.items()},
        parts,
        reader,
        population=stationary_population(),
        site=200_000,
        seeds=Seeds(0),
    )
    own = claims(targets, parts=parts)
    alike = [{"source": source, "typical": 0.9, "varied": True, "alike": True} for source in parts]
    return found | {
        "mitigations": mitigation_rows(own, trained, Seeds(0)),
        "prior": alike,
        "ceiling": [],
        "identifiability": [],
    }
