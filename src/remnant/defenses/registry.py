"""The one list of defences: Remnant's own, and those of other packages."""

from functools import cache

from remnant.base.plugins import with_plugins
from remnant.base.texts import enumerated, printable
from remnant.defenses.augmentation import AUGMENTATION
from remnant.defenses.defense import KINDS, Defense
from remnant.defenses.distillation import DISTILLATION
from remnant.defenses.dp_sgd import DP_SGD
from remnant.defenses.dropout import DROPOUT
from remnant.defenses.early_stopping import EARLY_STOPPING
from remnant.defenses.folded_statistics import FOLDED_STATISTICS
from remnant.defenses.label_smoothing import LABEL_SMOOTHING
from remnant.defenses.latent_noise import LATENT_NOISE
from remnant.defenses.mixup import MIXUP
from remnant.defenses.narrow_latents import NARROW_LATENTS
from remnant.defenses.privacynet.code_noise import CODE_NOISE
from remnant.defenses.privacynet.deformation import SECRET_DEFORMATION
from remnant.defenses.privacynet.hiding import PRIVACY_NET
from remnant.defenses.privacynet.secret_mixing import SECRET_MIXING
from remnant.defenses.public_statistics import PUBLIC_STATISTICS
from remnant.defenses.strip import STRIP
from remnant.defenses.unstored_statistics import UNSTORED_STATISTICS
from remnant.defenses.weight_decay import WEIGHT_DECAY

# A new defence is a file that ends with its `Defense`, and a line here.
DEFENSES: tuple[Defense, ...] = (
    DROPOUT,
    AUGMENTATION,
    EARLY_STOPPING,
    WEIGHT_DECAY,
    LABEL_SMOOTHING,
    MIXUP,
    NARROW_LATENTS,
    DP_SGD,
    FOLDED_STATISTICS,
    UNSTORED_STATISTICS,
    PUBLIC_STATISTICS,
    DISTILLATION,
    LATENT_NOISE,
    STRIP,
    PRIVACY_NET,
    SECRET_DEFORMATION,
    SECRET_MIXING,
    CODE_NOISE,
)
# Other packages add theirs by an entry point of this group, that names a `Defense`.
ENTRY_POINTS = "remnant.defenses"


@cache
def all_defenses() -> dict[str, Defense]:
    """Every defence by name, those of other packages behind Remnant's own.

    Raises `RemnantError` for an entry point that cannot be imported, is no `Defense`, is of no kind that there is, or has the
    name of another.
    """
    return with_plugins(DEFENSES, Defense, ENTRY_POINTS, "defence", _unknown)


def _unknown(defense: Defense) -> str:
    """Why it changes nothing that a defence changes, empty where it does."""
    if defense.kind in KINDS:
        return ""
    return f"is of the kind {defense.kind!r}; a defence changes one of {enumerated(list(KINDS))}"


def listed() -> list[dict[str, str]]:
    """Every defence as a row of texts; those of other packages are fit to be said, too."""
    return [
        {
            "name": printable(defense.name),
            "changes": KINDS[defense.kind],
            "words": printable(defense.words),
            "does": printable(defense.does),
            "source": printable(defense.source),
        }
        for defense in all_defenses().values()
    ]
