"""What the likely candidates resemble, and the age and sex read off both: what several tables are made of."""

from dataclasses import dataclass

import numpy as np

from remnant.attacks.demographics import Reader
from remnant.cohort.images import AGE, SEX, Images
from remnant.studies.lee2025.kept import Attacked
from remnant.studies.lee2025.scores import Audited

SETS = ("likely_samples", "nearest_training_images")


@dataclass(frozen=True)
class Match:
    """The likely candidates, `chosen` (k,), with the training image that each comes nearest to in the target's features:
    `image` (k,) indices into the members' images, and the cosine and SSIM of the pair."""

    chosen: np.ndarray
    image: np.ndarray
    cosine: np.ndarray
    ssim: np.ndarray
    # of each candidate's nearest image of a patient whom nobody's training saw, found in the same way
    ssim_non_member: np.ndarray


def match(audit: Audited, attacked: Attacked) -> Match | None:
    """None where the target's features or the patients to compare with are missing."""
    if ("target_features", "whole", "members") not in attacked.similarities or not audit.groups:
        return None
    chosen = np.flatnonzero(attacked.likely)
    found = {}
    for group in ("members", "non_members"):
        cosine, ssim = (attacked.similarities[space, "whole", group][chosen] for space in ("target_features", "ssim"))
        image = cosine.argmax(1) if len(chosen) else np.zeros(0, dtype=int)
        rows = np.arange(len(chosen))
        found[group] = image, cosine[rows, image], ssim[rows, image]
    return Match(chosen, *found["members"], found["non_members"][2])


@dataclass(frozen=True)
class Truth:
    """Of the patients of the nearest training images: `ages` (k,) and `sexes` (k,), 1 for a man, NaN where unknown."""

    ages: np.ndarray
    sexes: np.ndarray


def truth_of(members: Images, found: Match) -> Truth:
    return Truth(members.details[AGE][found.image], members.details[SEX][found.image])


def read(audit: Audited, attacked: Attacked, found: Match, reader: Reader, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Ages and probabilities of a man of the likely candidates, or of the training images nearest to them."""
    if name == "likely_samples":
        return attacked.age[found.chosen], attacked.male[found.chosen]
    if not len(found.image):
        return np.zeros(0), np.zeros(0)
    images, back = np.unique(found.image, return_inverse=True)
    age, male = reader.model.predict(audit.groups["members"].images[images])
    return age[back], male[back]


def age_errors(ages: np.ndarray, truth: Truth) -> np.ndarray:
    known = np.isfinite(truth.ages)
    return np.abs(ages - truth.ages)[known]


def sexes_right(males: np.ndarray, truth: Truth) -> np.ndarray:
    known = np.isfinite(truth.sexes)
    return ((males >= 0.5) == (truth.sexes == 1))[known]
