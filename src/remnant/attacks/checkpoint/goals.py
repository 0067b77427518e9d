"""What a checkpoint says of the images that it was trained on, and how far given images are from that."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from remnant.attacks.checkpoint import terms
from remnant.attacks.checkpoint.probes import (
    ImageMoments,
    Moments,
    Probe,
    attention_reading,
    attentions,
    batch_norms,
    last_of,
    layer_norms,
    look,
    read_class_token,
    read_moments,
)
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.engine.device import as_batch, place
from remnant.targets.access import Weights
from remnant.targets.inputs import InputRange

# Images that pass through the target at a time where no gradient is kept.
BATCH = 32


class GoalSettings(Settings):
    """What is asked of images.

    `late_layer`: the module of a CNN whose output is pushed to unit variance and non-zero mean; its last convolution
    (`layer4.1.conv2` in a ResNet18) unless it is named. A ViT stores no statistics: what enters a LayerNorm should have mean 0
    and variance 1, as the author ran it.
    """

    late_layer: str | None = None


@dataclass(frozen=True)
class LayerStatistics:
    """What enters one layer with many images: `pooled` over images and places, `images` over their means.

    Both (channels,); `images.variance` is the spread of the means of single images.
    """

    pooled: Moments
    images: Moments


@dataclass(frozen=True)
class Looked:
    """What a target makes of n images: its `logits` (n, outputs), the `moments` of each image in each layer that is read, and the
    terms (n,) of which an image has its `own` whatever else is in its batch, by name."""

    logits: Tensor
    moments: dict[str, ImageMoments]
    own: dict[str, Tensor]

    def of(self, places: Tensor) -> "Looked":
        """The same of some of the images, by their places (k,)."""
        moments = {
            name: ImageMoments(found.mean[places], found.variance[places], found.places)
            for name, found in self.moments.items()
        }
        return Looked(self.logits[places], moments, {name: values[places] for name, values in self.own.items()})


class TargetClassifier:
    """A target, how images are put to it, and of how many `classes` it speaks: all that a search for its classes needs.

    Raises `RemnantError` when the target is no classifier of such inputs.
    """

    def __init__(self, access: Weights, input_range: InputRange) -> None:
        self.target = place(access.target)
        self.input_range = input_range
        self.classes = self._try_out({})

    @property
    def device(self) -> torch.device:
        """Where the target is."""
        return next(self.target.parameters()).device

    @torch.no_grad()
    def _try_out(self, readings: dict[str, Probe]) -> int:
        """Show the target a grey image, and read it; the number of classes that it speaks of."""
        side = self.input_range.size
        try:
            inputs = self.input_range(torch.full((2, 1, side, side), 0.5, device=self.device))
            logits, _ = look(self.target, inputs, readings)
        except RuntimeError as error:
            raise RemnantError(
                f"The target does not take images of {self.input_range.channels} channels and {side} pixels a side "
                f"({str(error).splitlines()[0]}); give it the size and channels that it was trained on."
            ) from None
        if logits.dim() != 2:
            raise RemnantError(f"The target must give logits (n, classes). Got shape {tuple(logits.shape)} instead.")
        return max(2, logits.shape[1])


class Goals(TargetClassifier):
    """A target, what its parameters ask of images, and the readings that tell whether images comply."""

    def __init__(
        self, access: Weights, input_range: InputRange, settings: GoalSettings, public: Tensor | None = None
    ) -> None:
        """`public` (n, 1, N, N) in [0, 1] are the attacker's own images, for targets that store no statistics.

        Raises `RemnantError` when the target has neither BatchNorm statistics nor attention, is no classifier of such
        inputs, or has no module of the name `late_layer`.
        """
        super().__init__(access, input_range)
        self.batch_norms, self.layer_norms = batch_norms(self.target), layer_norms(self.target)
        self.attentions = attentions(self.target)
        if not self.batch_norms and not self.attentions:
            raise RemnantError(
                "The target stores no BatchNorm statistics and has no attention layers, so that its checkpoint does not say "
                "how its training images looked; give a CNN with BatchNorm or a vision transformer."
            )
        self.readings = {name: Probe(name, "input", read_moments) for name in self.batch_norms + self.layer_norms}
        if self.batch_norms:
            late = settings.late_layer or last_of(self.target, nn.Conv2d)
            self.readings["late features"] = Probe(late, "output", read_moments)
        for name in self.attentions:
            self.readings[f"attention {name}"] = attention_reading(self.target, name)
        if self.attentions:
            block = self.attentions[-1].rpartition(".")[0]
            self.readings["class token"] = Probe(block, "output", read_class_token)
        self._try_out(self.readings)
        modules = dict(self.target.named_modules())
        self.stored = [Moments(modules[name].running_mean, modules[name].running_var) for name in self.batch_norms]
        # What BatchNorm itself adds, so that a channel that never varied does not divide by nothing.
        self.epsilons = [modules[name].eps for name in self.batch_norms]
        self.public: list[LayerStatistics] | None = None
        if public is not None and self.layer_norms:
            self.public = self.statistics(self.layer_norms, public)
        unit = Moments(torch.zeros((), device=self.device), torch.ones((), device=self.device))
        self.wanted = [unit] * len(self.layer_norms)

    def batch_terms(self, images: Tensor, classes: Tensor) -> dict[str, Tensor]:
        """The stage-1 terms of a batch (n, 1, N, N) in [0, 1], its statistics pooled, by name: scalars with gradient.

        `classes` (n,) are those that the images should belong to.
        """
        return self.batch_terms_of(self._looked(images, self.readings), classes)

    def batch_terms_of(self, looked: Looked, classes: Tensor) -> dict[str, Tensor]:
        """The same of images that the target was shown."""
        values = self._of_moments({name: found.pooled() for name, found in looked.moments.items()})
        values |= {**looked.own, "logits": terms.logits_term(looked.logits, classes)}
        return {name: value.mean() for name, value in values.items()}

    def set_terms(self, images: Tensor, classes: Tensor) -> dict[str, Tensor]:
        """What a set (n, 1, N, N) in [0, 1] of `classes` (n,) leaves to be desired of its statistics and logits, with gradient.

        The target must have BatchNorm.
        """
        readings = {name: self.readings[name] for name in self.batch_norms}
        return self.set_terms_of(self._looked(images, readings), classes)

    def set_terms_of(self, looked: Looked, classes: Tensor) -> dict[str, Tensor]:
        """The same of images that the target was shown."""
        pooled = [looked.moments[name].pooled() for name in self.batch_norms]
        return {
            "standardised_batch_norm": terms.standardised_moments_term(pooled, self.stored, self.epsilons),
            "logits": terms.logits_term(looked.logits, classes).mean(),
        }

    @torch.no_grad()
    def looked_at(self, images: Tensor) -> Looked:
        """What the target makes of `images` (n, 1, N, N) in [0, 1], a batch at a time."""
        parts = [self._looked(as_batch(batch), self.readings) for batch in images.split(BATCH)]
        first = parts[0]
        moments = {
            name: ImageMoments(
                torch.cat([part.moments[name].mean for part in parts]),
                torch.cat([part.moments[name].variance for part in parts]),
                found.places,
            )
            for name, found in first.moments.items()
        }
        own = {name: torch.cat([part.own[name] for part in parts]) for name in first.own}
        return Looked(torch.cat([part.logits for part in parts]), moments, own)

    def image_terms(self, images: Tensor) -> dict[str, Tensor]:
        """The same of each image alone, (n,), for the class that the target finds likeliest; none looks at the others."""
        return self.image_terms_and_means(images)[0]

    def image_terms_and_means(self, images: Tensor) -> tuple[dict[str, Tensor], list[Tensor]]:
        """`image_terms`, and each image's mean (n, channels) of what enters each BatchNorm, or else LayerNorm, layer."""
        looked = self._looked(images, self.readings)
        means = [looked.moments[name].mean for name in self.batch_norms or self.layer_norms]
        values = self._of_moments({name: found.alone() for name, found in looked.moments.items()})
        return {**values, **looked.own, "logits": terms.likeliest_class_term(looked.logits)}, means

    @torch.no_grad()
    def statistics(self, layers: list[str], images: Tensor) -> list[LayerStatistics]:
        """What enters the `layers` with `images` (n, 1, N, N) in [0, 1]: a batch at a time, in double precision."""
        readings = {name: self.readings[name] for name in layers}
        sums: dict[str, list[Tensor]] = {}
        for batch in images.split(BATCH):
            _, found = look(self.target, self.input_range(as_batch(batch)), readings)
            for name, moments in found.items():
                mean, variance = moments.mean.double(), moments.variance.double()
                parts = [mean.sum(0), mean.square().sum(0), variance.sum(0)]
                sums[name] = [a + b for a, b in zip(sums[name], parts, strict=True)] if name in sums else parts
        return [_statistics(sums[name], len(images)) for name in layers]

    def _looked(self, images: Tensor, readings: dict[str, Probe]) -> Looked:
        logits, found = look(self.target, self.input_range(images), readings)
        moments = {name: value for name, value in found.items() if isinstance(value, ImageMoments)}
        own: dict[str, Tensor] = {}
        if self.attentions and "class token" in found:
            maps = [found[f"attention {name}"] for name in self.attentions]
            own["class_token"] = terms.class_token_term(found["class token"])
            own["attention_entropy"] = terms.attention_entropy_term(maps)
            own["head_similarity"] = terms.head_similarity_term(maps)
        return Looked(logits, moments, own)

    def _of_moments(self, found: dict[str, Moments]) -> dict[str, Tensor]:
        values: dict[str, Tensor] = {}
        if self.batch_norms:
            here = [found[name] for name in self.batch_norms]
            values["batch_norm"] = terms.moments_term(here, self.stored)
            values["late_features"] = terms.late_features_term(found["late features"])
        if self.attentions:
            values["layer_norm"] = terms.moments_term([found[name] for name in self.layer_norms], self.wanted)
        return values


def _statistics(sums: list[Tensor], count: int) -> LayerStatistics:
    """From the sums over images of means, squared means and variances, by the law of total variance."""
    mean, square, within = (total / count for total in sums)
    between = (square - mean.square()).clamp(min=0)
    pooled = Moments(mean.float(), (within + between).float())
    return LayerStatistics(pooled, Moments(mean.float(), between.float()))
