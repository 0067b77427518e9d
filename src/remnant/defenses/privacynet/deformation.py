"""A secret deformation: each scan is bent by a secret of the client's, and the segmentation that comes back bent back."""

from remnant.defenses.defense import Defense
from remnant.defenses.privacynet.hiding import unmixed_scans
from remnant.defenses.privacynet.secret import SecretSettings
from remnant.defenses.privacynet.settings import PrivacyNetSettings


def deform(pair: PrivacyNetSettings, settings: SecretSettings) -> PrivacyNetSettings:
    """The pair whose client bends each scan by a secret that `settings` draw, before it encodes it where it does."""
    return pair.changed(method="both" if pair.encodes else "deformation", secret=settings)


SECRET_DEFORMATION = Defense(
    "secret_deformation",
    "a secret deformation",
    "Each scan is bent by a secret of the client's, undone on the segmentation; Dice falls, and many scans of one "
    "patient average it away.",
    "sent",
    deform,
    "Kim et al. 2020, arXiv 2011.12835",
    SecretSettings,
    unmixed_scans,
    ("latents", "codes"),
)
