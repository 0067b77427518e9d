"""What the cells of the study leave each other and the tables: scans, what the server sees of them, what attacks made of that.

Patients are pseudonyms throughout, and every record but `Scans`, `Views` and `Fitted` is of test patients, whom no training saw,
but where it says `training`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from remnant.measure.overlaps import Overlap

View = Literal["code", "labels"]
VIEWS: tuple[View, ...] = ("code", "labels")
# Further views of an `Identity`: one patient sent many times, its pairs' scores averaged, or its codes registered and averaged.
QUERIED = ("code_scores_averaged", "code_registered_mean")
# The variant that sends the scan itself: the control of all others.
RAW = "raw"
# The cohort that networks are trained and attacked on.
STUDY = "study"
# Half precision takes as much room, but its steps near 1 are as large as what some codes differ in between people.
LEVELS = 65535


@dataclass(frozen=True)
class Views:
    """What the server sees of all scans of `Scans`, in their order, by one variant.

    `codes` uint16 (n, x, y, z), of codes in [0, 1] as multiples of 1 / `LEVELS`; `maps` uint8 (n, x, y, z), the label maps that
    it makes of them, before the client undoes its secret where there is one.
    """

    variant: str
    codes: np.ndarray
    maps: np.ndarray

    def seen(self, chosen: Sequence[int]) -> np.ndarray:
        """The codes of `chosen` scans, float32 (m, x, y, z) in [0, 1]."""
        return self.codes[chosen].astype(np.float32) / LEVELS


def in_levels(codes: np.ndarray) -> np.ndarray:
    """Codes float in [0, 1], of any shape, as `Views` has them."""
    return np.round(codes * np.float32(LEVELS)).astype(np.uint16)


@dataclass(frozen=True)
class Scores:
    """One adversary's scores of pairs, higher for more likely one patient: `training` float64 (p,), `test` float64 (q,).

    `threshold`: from where on it calls a pair the same, by what it knows of the training patients. `embeddings` float64 (k, f)
    of the test scans, for retrieval; (k, 0) where the adversary has none.
    """

    training: np.ndarray
    test: np.ndarray
    threshold: float
    embeddings: np.ndarray


@dataclass(frozen=True)
class Identity:
    """What every adversary makes of pairs of one view of one variant; the same pairs for all views and variants of a run.

    `kind` of the test pairs, of `KINDS`: where visits are simulated, patients who have real ones have a record of these too.
    `view` of `VIEWS` or `QUERIED`; `queries`: how often each scan was sent. `training_pairs` (p, 2) and `test_pairs` (q, 2):
    the patients of each pair's two scans, as `measure.verification` takes them; `patients` (k,): those of the test scans, in the
    order of all `embeddings`. `adversaries` by name, as `attacks.adversaries` has them: "ms_ssim", "likelihood", "shapes"
    (where a head is seen), "d_adv" and "d_adv_patch" (codes alone), "d_new_<trunk>_<seed>" and their mean.
    """

    variant: str
    view: str
    kind: str
    queries: int
    training_pairs: np.ndarray
    test_pairs: np.ndarray
    patients: tuple[str, ...]
    adversaries: dict[str, Scores]


@dataclass(frozen=True)
class Inversion:
    """What was redrawn of the k test scans out of one view, held against all k test scans.

    `patients` (k,) and `visits` int64 (k,) of the test scans, which are rows and columns of `similarity` float64 (k, k): SSIM of
    what was redrawn of scan i with scan j. `mean_image` float64 (k,): SSIM of the attacker's mean image with scan j.
    `originals` float64 (k, k): SSIM of scan i itself with scan j. `displacement` float64 (d, d), mean displacement in mm that
    takes what was redrawn of scan `displaced[i]` to scan `displaced[j]`; `displaced` int64 (d,), one scan a patient, d = 0
    where it was not measured; `mean_displacement` float64 (d,), the same of the mean image to each. `measure`: the SSIM in
    words.
    """

    variant: str
    view: str
    patients: tuple[str, ...]
    visits: np.ndarray
    similarity: np.ndarray
    mean_image: np.ndarray
    originals: np.ndarray
    displaced: np.ndarray
    displacement: np.ndarray
    mean_displacement: np.ndarray
    measure: str


@dataclass(frozen=True)
class Segmented:
    """How well one variant's maps fit, after the client undid its secret, by condition: `CLEAN` and keys of
    `cohort.spoilt.CONDITIONS` ("noise_15", "noise_10", "noise_5", "low_resolution").
    """

    variant: str
    conditions: dict[str, Overlap]


@dataclass(frozen=True)
class Fitted:
    """How well one variant's segmentations fit the k scans of training and test patients, for membership inference.

    `patients` (k,) and `roles` (k,) of `Role`; `dice` and `cross_entropy` float64 (k,), as `attacks.membership.signals` has them.
    """

    variant: str
    patients: tuple[str, ...]
    roles: tuple[str, ...]
    dice: np.ndarray
    cross_entropy: np.ndarray


@dataclass(frozen=True)
class Timed:
    """Seconds of each of k scans, on one thread or on the GPU: to `encode` (k,) it, to `segment` (k,) its code, and for the
    client to `undo` (k,) its secret on the map, 0 where there is none. `shape` (3,) in voxels; `device` in words.
    """

    variant: str
    encode: np.ndarray
    segment: np.ndarray
    undo: np.ndarray
    shape: np.ndarray
    device: str


@dataclass(frozen=True)
class Transferred:
    """The same on a second cohort in the classes of tissue3, by cohort and training of S: "<cohort>-as_trained",
    "<cohort>-retrained" (cross-validated there). Cohorts by the name of their directory.
    """

    variant: str
    cohorts: dict[str, Overlap]


@dataclass(frozen=True)
class People:
    """Age and sex as read from one view of the k test scans whose both are known: predicted `ages` and true `actual_ages` in
    years, `male` (probability) and `actual_male` (bool), each (k,); `guess`: mean age of the training patients. A field is
    empty (0,) where no training patients' ages, or not both sexes, are known.
    """

    variant: str
    view: str
    patients: tuple[str, ...]
    ages: np.ndarray
    actual_ages: np.ndarray
    male: np.ndarray
    actual_male: np.ndarray
    guess: float
