"""Age and sex, read off what a network makes of an image, by a ridge regression on people of whom both are known."""

from collections.abc import Sequence

import numpy as np
import pydantic
import torch
from torch import Tensor

from remnant.attacks.attack import Attack, Attributes, Work
from remnant.attacks.inversion import ridge
from remnant.base.config import Settings
from remnant.cohort.images import Images, patient_means
from remnant.measure.intervals import FEWEST_PATIENTS
from remnant.targets.audited import Audited
from remnant.targets.seen_features import SeenFeatures

READ = ("sex", "age")
# Why nothing is read; whoever hands the patients over says how theirs are given.
UNKNOWN = "neither ages nor sexes that differ are known"
# Features that vary less than this share of what the most varied does say nothing, and would say much once they are scaled.
FAINT = 1e-3


class AttributeSettings(Settings):
    """`penalty` of the squared weights, as `inversion.ridge` has it; None for the best of a few on people who were left out."""

    penalty: float | None = pydantic.Field(default=None, gt=0)


def read_attributes(access: SeenFeatures, own: Images, settings: AttributeSettings, work: Work) -> list[Attributes]:
    """One claim: what is read of each of the candidates, means over a patient's images on both sides."""
    known, features = _means(access.encode(own), own.patients)
    names, asked = _means(access.features, access.patients)
    spread = features.std(0)
    varied = spread > FAINT * spread.max()
    predicted = {}
    for attribute in READ:
        truth = of_patients(own, attribute)
        values = np.array([truth[name] for name in known])
        told = np.isfinite(values)
        predicted[attribute] = (
            _read(features[told][:, varied], values[told], asked[:, varied], attribute, settings.penalty)
            if len(set(values[told])) > 1
            else np.full(len(names), np.nan)
        )
    return [Attributes(access.view, names, predicted)]


def of_patients(images: Images, attribute: str) -> dict[str, float]:
    """The attribute of each patient, the mean over his images where it is known; NaN where it is not, or his images disagree on
    his sex."""
    values = np.asarray(images.details.get(attribute, np.full(len(images), np.nan)), dtype=float)
    names = np.array(images.patients)
    found = {}
    for name in dict.fromkeys(images.patients):
        own = values[names == name]
        own = own[np.isfinite(own)]
        agreed = len(own) and (attribute != "sex" or np.ptp(own) == 0)
        found[name] = float(own.mean()) if agreed else float("nan")
    return found


def _read(features: Tensor, values: np.ndarray, asked: Tensor, attribute: str, penalty: float | None) -> np.ndarray:
    """Of a regression on standardised `values` (n,); a man is who lies above the mean, however few women there are."""
    mean, spread = values.mean(), values.std()
    scaled = torch.from_numpy((values - mean) / spread).float()[:, None]
    found = ridge(features, scaled, asked, torch.arange(len(values)), penalty)[:, 0].double().numpy()
    return found * spread + (0.5 if attribute == "sex" else mean)


def _means(features: Tensor, patients: Sequence[str]) -> tuple[tuple[str, ...], Tensor]:
    names, means = patient_means(features.numpy(), patients)
    return names, torch.from_numpy(means).float()


def readable(target: Audited, candidates: Images, own: Images | None) -> str:
    """Why nothing can be said of how age and sex are read of the candidates, empty where something can."""
    counts = {}
    for attribute in READ:
        values = np.array(list(of_patients(candidates, attribute).values()))
        values = values[np.isfinite(values)]
        counts[attribute] = len(values) if len(set(values)) > 1 else 0
    if not any(counts.values()):
        return UNKNOWN
    if max(counts.values()) < FEWEST_PATIENTS:
        return f"age and sex are known of fewer than {FEWEST_PATIENTS} patients"
    return ""


ATTRIBUTES = Attack(
    "attributes",
    "age and sex read from the network's features by a regression that was learned on other patients",
    access="features",
    claim="attributes",
    run=read_attributes,
    source="Song and Shmatikov 2020 (overlearning), ridge regression as reader",
    applies=readable,
    needs="ages or sexes of the patients",
    settings=AttributeSettings,
)
