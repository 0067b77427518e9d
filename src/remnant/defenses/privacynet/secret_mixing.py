"""A secret mixture: a reference is mixed into each scan by a secret of the client's, and taken off the segmentation again."""

from typing import Any

from remnant.defenses.defense import Defense
from remnant.defenses.privacynet.hiding import of_scans
from remnant.defenses.privacynet.mixing import MixingSettings
from remnant.defenses.privacynet.settings import PrivacyNetSettings


def mix(pair: PrivacyNetSettings, settings: MixingSettings) -> PrivacyNetSettings:
    """The pair whose client mixes each scan with a reference that `settings` draw."""
    return pair.changed(method="mixing", mixing=settings)


def alone(subject: Any) -> str:
    """Why a subject's scans cannot be mixed, empty for a pair whose client does nothing by a secret or a network yet."""
    if isinstance(subject, PrivacyNetSettings) and subject.method not in ("none", "mixing"):
        return "its client deforms or encodes what it sends, and an answer is unmixed alone"
    return of_scans(subject)


SECRET_MIXING = Defense(
    "secret_mixing",
    "mixing with a reference",
    "A secret reference is mixed into each scan and taken off the segmentation; Dice falls, and many scans of one patient "
    "average it away.",
    "sent",
    mix,
    "after Kim et al. 2023, arXiv 2305.13756",
    MixingSettings,
    alone,
    ("latents", "codes"),
)
