"""Rows on how a target's generator spreads beside the real images: entropy, kurtosis along components, Frechet distance."""

import hashlib
import math
from collections.abc import Iterator

import numpy as np

from remnant.attacks.demographics import DemographicModel
from remnant.audit.findings.rows import interval_columns
from remnant.base.results import Row, number
from remnant.base.seeds import Seeds
from remnant.measure.distribution import at_side, component_kurtosis, fit_components, pixel_entropy
from remnant.measure.frechet import frechet_distance, frechet_with_floor
from remnant.measure.intervals import Interval, bootstrap_mean
from remnant.studies import published
from remnant.studies.lee2025.drawn import DrawnCandidates, as_bytes, as_pictures
from remnant.studies.lee2025.groups import Groups

BIN = 0.1  # bits of the entropy's histogram
RESAMPLES = 2000
# Of each drawn set, from the first: features of all would take longer than everything else here, and the distance is
# held against a floor at the real sets' size anyway.
FRECHET_IMAGES = 400

Tables = dict[str, list[Row]]


class ReaderFeatures:
    """Features of images under the demographic model, which no target made; a set is run through it once."""

    def __init__(self, model: DemographicModel) -> None:
        self._model = model
        self._known: dict[str, np.ndarray] = {}

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(n, d) of images uint8 (n, N, N)."""
        key = hashlib.sha256(images.tobytes()).hexdigest()
        if key not in self._known:
            self._known[key] = self._model.features(as_pictures(images)).numpy()
        return self._known[key]


def distribution_tables(
    target: str, drawn: DrawnCandidates, groups: Groups, features: ReaderFeatures, seeds: Seeds
) -> Tables:
    """The tables `distribution`, `kurtosis` and `entropy` of one target, rows of each set of images, beside what was
    `drawn` by the published attack."""
    sets: dict[str, tuple[np.ndarray, np.ndarray | None]] = {
        name: (as_bytes(groups[group].images), np.asarray(groups[group].patients))
        for name, group in (("training_images", "members"), ("non_members", "non_members"))
    }
    sets |= {"untuned_prior": (drawn.prior, None), "tuned_generator": (drawn.images, None)}
    pictures = {name: at_side(images.astype(np.float32) / 255).numpy() for name, (images, _) in sets.items()}
    tables: Tables = {"distribution": [], "kurtosis": [], "entropy": []}
    components = fit_components(pictures["training_images"])
    distances = _distances(target, sets, features, seeds.child(target, "frechet"))
    for name, (images, patients) in sets.items():
        branch = seeds.child(target, name)
        entropy = pixel_entropy(images.astype(np.float32) / 255)
        kurtosis = component_kurtosis(
            components.project(pictures[name]), branch.child("kurtosis").numpy(), patients, resamples=RESAMPLES
        )
        tables["distribution"].append(
            {
                "target": target,
                "set": name,
                "n": len(images),
                **interval_columns("entropy", _entropy_mean(entropy, patients, branch.child("entropy"))),
                "published_entropy": published.LEE2025_ENTROPY.get(target, {}).get(name),
                **interval_columns("kurtosis", kurtosis.mean),
                "components": len(components.axes),
                "published_kurtosis": published.LEE2025_KURTOSIS.get(target, {}).get(name),
                **_no_distances(),
                **distances.get(name, {}),
            }
        )
        for place, (value, low, high) in enumerate(
            zip(kurtosis.components, kurtosis.low, kurtosis.high, strict=True), start=1
        ):
            key: Row = {"target": target, "set": name, "n": len(images), "component": place}
            tables["kurtosis"].append(key | {"kurtosis": number(value), "low": number(low), "high": number(high)})
        tables["entropy"] += _histogram(target, name, entropy)
    return tables


def _distances(
    target: str, sets: dict[str, tuple[np.ndarray, np.ndarray | None]], features: ReaderFeatures, seeds: Seeds
) -> dict[str, Row]:
    """Of each set, the Frechet distances that the paper gives: to the training images, and of the tuned to the untuned."""
    drawn = {
        name: features(images if patients is not None else images[:FRECHET_IMAGES])
        for name, (images, patients) in sets.items()
    }
    paper = published.LEE2025_FRECHET.get(target, {})
    rows: dict[str, Row] = {name: {} for name in sets}
    real, patients = drawn["training_images"], sets["training_images"][1]
    for name in [name for name in sets if name != "training_images"]:
        found = frechet_with_floor(drawn[name], real, seeds.child(name).numpy(), patients)
        rows[name] = {
            "frechet": found.distance,
            "frechet_n": found.n,
            "frechet_real": found.m,
            "frechet_size": found.size,
            "frechet_matched": number(found.matched),
            "frechet_floor": number(found.floor),
            "frechet_floor_low": number(found.floor_low),
            "frechet_floor_high": number(found.floor_high),
            "published_frechet": paper.get("target") if name == "tuned_generator" else None,
        }
    rows["tuned_generator"] |= {
        "frechet_prior": frechet_distance(drawn["tuned_generator"], drawn["untuned_prior"]),
        "published_frechet_prior": paper.get("prior"),
    }
    return rows


def _no_distances() -> Row:
    ours = (
        "frechet",
        *(f"frechet_{name}" for name in ("n", "real", "size", "matched", "floor", "floor_low", "floor_high")),
    )
    return dict.fromkeys((*ours, "published_frechet", "frechet_prior", "published_frechet_prior"))


def _entropy_mean(entropy: np.ndarray, patients: np.ndarray | None, seeds: Seeds) -> Interval:
    """Over patients where the images are of patients: each is worth the mean of its own."""
    if patients is not None:
        entropy = np.array([entropy[patients == patient].mean() for patient in dict.fromkeys(patients.tolist())])
    return bootstrap_mean(entropy, seeds.numpy(), resamples=RESAMPLES)


def _histogram(target: str, name: str, entropy: np.ndarray) -> Iterator[Row]:
    low, high = (math.floor(entropy.min() / BIN), math.floor(entropy.max() / BIN) + 1)
    edges = np.arange(low, high + 1) * BIN
    counts, _ = np.histogram(entropy, edges)
    for left, right, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True):
        yield {"target": target, "set": name, "low": round(left, 6), "high": round(right, 6), "count": count}
