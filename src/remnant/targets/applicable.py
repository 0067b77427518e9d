"""Which of Remnant's attacks can be run on a checkpoint, and why the others cannot."""

from remnant.targets.description import Applies, Statistics
from remnant.targets.known import Match

CHECKPOINT = "images drawn from this file alone (`remnant attack checkpoint`)"
DECODER = "inversion decoder (Subbanna 2021)"
RECOVERED = "recovered latents"
UNKNOWN = "the architecture is unknown"


def attacks_on(match: Match | None, statistics: Statistics, fault: str | None) -> tuple[Applies, ...]:
    """Each attack with its reason, in words that stand behind a colon."""
    obstacle = _obstacle(match, fault)
    return (
        _checkpoint(match, statistics, obstacle),
        *_latents(match, obstacle),
    )


def _obstacle(match: Match | None, fault: str | None) -> str | None:
    """What stands in the way of loading the weights into a network at all."""
    if match is None:
        return UNKNOWN
    if fault:
        return f"the weights {fault}"
    if match.hints:
        return match.hints[0][0].lower() + match.hints[0][1:].removesuffix(".")
    if not match.whole:
        return f"the weights do not fit {match.architecture}"
    if match.arguments is None:
        return f"Remnant does not build this {match.architecture} ({match.dimensions}D, {match.dialect})"
    return None


def _checkpoint(match: Match | None, statistics: Statistics, obstacle: str | None) -> Applies:
    if match and match.task != "classifier":
        return Applies(CHECKPOINT, False, f"it is for classifiers, and this is a {match.task}")
    if match and match.classes is None:
        return Applies(CHECKPOINT, False, "the file holds no classifying head, so that there are no logits to follow")
    if obstacle:
        return Applies(CHECKPOINT, False, obstacle)
    if match.normalisation == "LayerNorm":
        why = "the ViT stores no statistics, so that LayerNorm, attention, class token and logits guide it"
        return Applies(CHECKPOINT, True, why)
    if statistics.removed or not statistics.layers:
        return Applies(
            CHECKPOINT,
            False,
            "statistics of BatchNorm, which guide it, are not in the file (removed, or of GroupNorm, which has none)",
        )
    if statistics.untouched == statistics.layers:
        return Applies(CHECKPOINT, False, "its statistics are as they began: it never saw an image")
    return Applies(
        CHECKPOINT, True, f"{statistics.layers} BatchNorm layers store the mean and variance of training images"
    )


def _latents(match: Match | None, obstacle: str | None) -> tuple[Applies, Applies]:
    if match is None or match.dialect != "Remnant":
        why = obstacle if match is None else "it is for the encoder of Remnant's own 3D U-Net and SegNet"
        return Applies(DECODER, False, why), Applies(RECOVERED, False, why)
    if obstacle:
        return Applies(DECODER, False, obstacle), Applies(RECOVERED, False, obstacle)
    routes = "through the drawn image" if match.architecture == "unet" else "through the drawn image or the decoder"
    return (
        Applies(
            DECODER, True, "the encoder is here; it also takes the latents of the patients, which no checkpoint holds"
        ),
        Applies(RECOVERED, True, f"latents are searched that it segments with confidence, {routes}"),
    )
