"""What a client does to a scan by a secret, and undoes on what comes back: it deforms it, or mixes a reference into it."""

from typing import Any

import numpy as np
from torch import Tensor

from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.defenses.privacynet.mixing import Mix, References, draw_mix, mix_labels, mix_scan, unmix_maps
from remnant.defenses.privacynet.secret import Secret, SecretSettings, draw_secret
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.defenses.privacynet.warping import Window, unwarp_maps, warp_labels, warp_scan

# What everybody may know, and what is drawn from it for one scan.
Law = SecretSettings | References
Drawn = Secret | Mix


def law_of(scans: Images, settings: PrivacyNetSettings) -> Law | None:
    """The law of the client's secret, None for a method without any; references are drawn among the `scans` of the training, each
    time the same.
    """
    return references_of(scans, settings) or settings.drawn


def references_of(scans: Images, settings: PrivacyNetSettings) -> References | None:
    """What the client mixes into scans, None for a method that does not."""
    if not settings.mixes:
        return None
    return References.of(scans, settings.mixing, Seeds(settings.seed).child("references"))


def draw_from(law: Law, shape: tuple[int, ...], spacing_mm: float, generator: np.random.Generator) -> Drawn:
    """A draw for a scan (x, y, z) of `shape` with voxels of `spacing_mm`; `generator` as for `draw_secret`."""
    if isinstance(law, References):
        return draw_mix(law, generator)
    return draw_secret(shape, spacing_mm, law, generator)


def concealed(scan: Tensor, drawn: Drawn | None, window: Window | None = None) -> Tensor:
    """What leaves of a scan (1, x, y, z) in [0, 1], likewise; only its voxels in `window` if given."""
    if drawn is None:
        return scan
    return mix_scan(scan, drawn, window) if isinstance(drawn, Mix) else warp_scan(scan, drawn, window)


def concealed_labels(labels: Tensor, drawn: Drawn | None) -> Tensor:
    """A label map uint8 (x, y, z) for what leaves of a scan, of its own `labels` (x, y, z)."""
    if drawn is None:
        return labels
    return mix_labels(labels, drawn) if isinstance(drawn, Mix) else warp_labels(labels, drawn)


def recovered(maps: Tensor, drawn: Drawn | None) -> Tensor:
    """What a server's logits (classes, x, y, z) are of the scan itself, likewise."""
    if drawn is None:
        return maps
    return unmix_maps(maps, drawn) if isinstance(drawn, Mix) else unwarp_maps(maps, drawn)


def drawn_of(plain: dict[str, Any]) -> Drawn:
    """What the `plain` of either gave; raises `KeyError`, `TypeError` or `ValueError` for anything else."""
    return Mix.of(plain) if "weight" in plain else Secret.of(plain)
