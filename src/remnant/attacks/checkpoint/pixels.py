"""DeepInversion in pixel space (Yin et al. 2020): what a checkpoint gives away without any prior."""

import pydantic
import torch
from torch import Tensor, nn

from remnant.attacks.checkpoint.descend import StepReport, counted_on, descend
from remnant.attacks.checkpoint.generate import Samples
from remnant.attacks.checkpoint.goals import BATCH, Goals
from remnant.attacks.checkpoint.latent_search import Points
from remnant.attacks.checkpoint.manifold import wanted_classes
from remnant.attacks.checkpoint.terms import TermWeights, total_variation_term
from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.engine.device import as_batch, fabric


class PixelSettings(Settings):
    """`images` of `side` pixels, `batch` at a time, by `steps` of Adam at `learning_rate`.

    Each step shifts the batch by up to `jitter` pixels either way. `weights` are those of the stage-1 terms that the target
    has layers for; `l2` weighs the mean square of the pixels' distance from grey.
    """

    images: int = pydantic.Field(default=64, ge=2)
    side: int = pydantic.Field(default=64, ge=4)
    batch: int = pydantic.Field(default=32, ge=2)
    steps: int = pydantic.Field(default=500, ge=1)
    learning_rate: float = pydantic.Field(default=0.02, gt=0)
    jitter: int = pydantic.Field(default=2, ge=0)
    l2: float = pydantic.Field(default=0.01, ge=0)
    weights: TermWeights = TermWeights(late_features=0, class_token=0, attention_entropy=0, head_similarity=0)


def invert_pixels(goals: Goals, settings: PixelSettings, seeds: Seeds, report: StepReport) -> Samples:
    """Images optimised pixel by pixel from noise: logits, BatchNorm or LayerNorm statistics, total variation and L2 (section 3).

    Half of each batch of each class. A candidate's score is that of its terms alone, without those of the pixels.
    """
    drawing = seeds.torch()
    images = []
    # Batches of nearly equal size: statistics are of a batch, and a last one of one image would have none.
    parts = torch.arange(settings.images).tensor_split(-(-settings.images // settings.batch))
    for number, part in enumerate(parts):
        later = counted_on(report, number * settings.steps)
        images.append(_invert_batch(len(part), goals, settings, drawing, later))
    drawn = torch.cat(images)
    with torch.no_grad():
        values = [settings.weights.total(goals.image_terms(as_batch(batch))) for batch in drawn.split(BATCH)]
    return Samples(drawn, torch.cat(values).cpu())


def _invert_batch(
    count: int, goals: Goals, settings: PixelSettings, drawing: torch.Generator, report: StepReport
) -> Tensor:
    classes = wanted_classes(count, goals.classes).to(goals.device)
    noise = 0.5 + 0.2 * torch.randn(count, 1, settings.side, settings.side, generator=drawing)

    def draw(step: int) -> list[int]:
        return torch.randint(-settings.jitter, settings.jitter + 1, (2,), generator=drawing).tolist()

    def terms(points: nn.Module, shift: list[int]) -> tuple[Tensor, dict[str, Tensor]]:
        images = points().roll(shift, (2, 3))
        with fabric().autocast():
            values = goals.batch_terms(images, classes)
        values["total_variation"] = total_variation_term(images).mean()
        pull = (images - 0.5).square().mean()
        return settings.weights.total(values) + settings.l2 * pull, values | {"l2": pull}

    points = descend(Points(noise), draw, terms, settings.steps, settings.learning_rate, report)
    return points.values.detach().float().cpu().clamp(0, 1).contiguous()
