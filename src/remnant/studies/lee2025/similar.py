"""How near every candidate comes to every patient's image: in the target's features, in public ones, and by SSIM."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from remnant.attacks.demographics import DemographicModel
from remnant.cohort.images import Images
from remnant.measure.images import centre_box
from remnant.measure.neighbours import cosine_matrix
from remnant.measure.ssim import ssim_matrix
from remnant.studies.lee2025.kept import CROPS
from remnant.targets.features import penultimate_features
from remnant.targets.inputs import InputRange

Similarities = dict[tuple[str, str, str], np.ndarray]
# Whom candidates are held against: validation patients took part in some trainings and not in others.
COMPARED = ("members", "non_members")


class Yardstick:
    """The patients' side of every similarity, made once for all methods of a target."""

    def __init__(
        self,
        groups: Mapping[str, Images],
        target: nn.Module,
        input_range: InputRange,
        model: DemographicModel,
        share: float,
    ) -> None:
        """`share` of each side is the crop's."""
        self._target, self._input_range, self._model, self._share = target, input_range, model, share
        self._patients = {(crop, name): self._seen(groups[name].images, crop) for name in COMPARED for crop in CROPS}

    def compare(self, images: Tensor) -> Similarities:
        """Float32 (c, n) of candidates (c, 1, N, N) in [0, 1] with a group's n images, by (space, crop, group)."""
        found: Similarities = {}
        seen = {crop: self._seen(images, crop) for crop in CROPS}
        for (crop, name), patients in self._patients.items():
            for space, own in patients.items():
                matrix = ssim_matrix if space == "ssim" else cosine_matrix
                found[space, crop, name] = matrix(seen[crop][space], own).astype(np.float32)
        return found

    def _seen(self, images: Tensor, crop: str) -> dict[str, np.ndarray]:
        """What each space looks at: features (n, d), or the images themselves (n, N, N)."""
        if crop == "crop":
            images = middle(images, self._share)
        return {
            "target_features": penultimate_features(self._target, images, self._input_range).numpy(),
            "independent_features": self._model.features(images).numpy(),
            "ssim": images[:, 0].numpy(),
        }


def middle(images: Tensor, share: float) -> Tensor:
    """The middle `share` of each side of images (n, 1, N, N) in [0, 1], at the old size: (n, 1, N, N)."""
    side = images.shape[-1]
    rows, columns = centre_box((side, side), share)
    cut = images[..., rows, columns]
    return functional.interpolate(cut, size=(side, side), mode="bilinear", align_corners=False).clamp(0, 1)
