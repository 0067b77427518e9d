"""The attacks on a checkpoint, each under its name, and how they are run: every one gives candidates."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import pydantic
import torch
from torch import Tensor, nn

from remnant.attacks.checkpoint.descend import StepReport
from remnant.attacks.checkpoint.generate import Samples, draw_images, draw_latents
from remnant.attacks.checkpoint.goals import Goals, TargetClassifier
from remnant.attacks.checkpoint.joint import JointSettings, invert_sets
from remnant.attacks.checkpoint.latent_search import GmiSettings, gmi
from remnant.attacks.checkpoint.likely import LikelySettings
from remnant.attacks.checkpoint.manifold import ManifoldSettings, TunedGenerator, tune_generator
from remnant.attacks.checkpoint.pixels import PixelSettings, invert_pixels
from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.engine.loop import Plateau
from remnant.targets.access import Weights
from remnant.targets.inputs import InputRange

# the part of the attack, then as a `StepReport`
PartReport = Callable[[str, int, float, dict[str, float]], None]


@dataclass(frozen=True)
class Own:
    """What the attacker brings: the prior's `generator` and `discriminator`, and public `images` (n, 1, N, N) in [0, 1]."""

    generator: nn.Module
    discriminator: nn.Module | None = None
    images: Tensor | None = None


class MethodSettings(Settings):
    """Settings of all methods; each reads its own. `candidates` are drawn where a method draws as many as one likes.

    `manifold` is the stage 1 of the published attack, `author` that with the rate and length that the author's code has.
    """

    candidates: int = pydantic.Field(default=1000, ge=2)
    manifold: ManifoldSettings = ManifoldSettings()
    author: ManifoldSettings = ManifoldSettings()
    likely: LikelySettings = LikelySettings()
    pixels: PixelSettings = PixelSettings()
    gmi: GmiSettings = GmiSettings()
    joint: JointSettings = JointSettings()


class ListedSettings(MethodSettings):
    """Those of an audit: as many images and steps as two cores make in minutes at 64 pixels.

    Stage 1 as the study of checkpoints chose it on other people, and with as many steps as the author took at the most.
    """

    manifold: ManifoldSettings = ManifoldSettings(
        learning_rate=1e-3, warm_up=200, cool_down=0.25, plateau=Plateau(window=100, span=300)
    )
    pixels: PixelSettings = PixelSettings(steps=250)
    gmi: GmiSettings = GmiSettings(images=100)
    joint: JointSettings = JointSettings(sets=(8, 16), steps=250)


@dataclass(frozen=True)
class AttackUnderWay:
    """One attack under way: whom it attacks, with what, and what it may draw on."""

    own: Own
    access: Weights
    input_range: InputRange
    settings: MethodSettings
    seeds: Seeds
    report: PartReport

    @cached_property
    def goals(self) -> Goals:
        """What the target's parameters ask of images."""
        return Goals(self.access, self.input_range, self.settings.manifold.goals, self.own.images)

    @cached_property
    def classifier(self) -> TargetClassifier:
        """The target of a search for its classes, whatever layers it has."""
        return TargetClassifier(self.access, self.input_range)

    def part(self, name: str) -> StepReport:
        """The report of one part of the attack."""
        return partial(self.report, name)


Tuned = tuple[TunedGenerator, ...]


@dataclass(frozen=True)
class Method:
    """`tune` makes the generators of stage 1, one or one a class or none; `draw` gives candidates of them.

    Methods of one `tune` have one stage 1, bit for bit, under one seed: a study runs it once. `words` describe the
    method in a report. `layers`: whether it is guided by what enters the target's layers, and `batch_norm`: whether it needs
    a CNN that stores statistics of that.
    """

    tune: Callable[[AttackUnderWay], Tuned]
    draw: Callable[[AttackUnderWay, Tuned], Samples]
    words: str
    batch_norm: bool = False
    layers: bool = True

    @property
    def tunes(self) -> bool:
        """Whether it has a stage 1."""
        return self.tune is not _untuned


def _tune(
    attack: AttackUnderWay, manifold: ManifoldSettings, *, wanted: int | None = None, part: str = "stage 1"
) -> TunedGenerator:
    return tune_generator(
        attack.own.generator,
        attack.access,
        attack.input_range,
        manifold,
        attack.seeds.child(part),
        attack.part(part),
        wanted=wanted,
    )


def _untuned(attack: AttackUnderWay) -> Tuned:
    return ()


def _published(attack: AttackUnderWay) -> Tuned:
    return (_tune(attack, attack.settings.manifold),)


def _author(attack: AttackUnderWay) -> Tuned:
    return (_tune(attack, attack.settings.author, part="stage 1, as the author ran it"),)


def _per_class(attack: AttackUnderWay) -> Tuned:
    # As many steps in all as one generator has at most, so that it costs no more.
    manifold = attack.settings.manifold
    share = manifold.changed(steps=max(1, manifold.steps // attack.goals.classes))
    return tuple(
        _tune(attack, share, wanted=wanted, part=f"stage 1, class {wanted}") for wanted in range(attack.goals.classes)
    )


def _sample(attack: AttackUnderWay, tuned: Tuned) -> Samples:
    """As many from each generator, from the same latents whatever the method; of the untuned prior where there is none."""
    generators = [each.generator for each in tuned] or [attack.own.generator]
    latents = _latents(attack).tensor_split(len(generators))
    images = [draw_images(generator, part) for generator, part in zip(generators, latents, strict=True)]
    return Samples(torch.cat(images), None)


def _latents(attack: AttackUnderWay) -> Tensor:
    return draw_latents(attack.own.generator, attack.settings.candidates, attack.seeds.child("candidates").torch())


def _pixels(attack: AttackUnderWay, tuned: Tuned) -> Samples:
    return invert_pixels(attack.goals, attack.settings.pixels, attack.seeds.child("pixels"), attack.part("pixels"))


def _gmi(attack: AttackUnderWay, tuned: Tuned) -> Samples:
    own, settings = attack.own, attack.settings.gmi
    return gmi(
        own.generator, own.discriminator, attack.classifier, settings, attack.seeds.child("gmi"), attack.part("latents")
    )


def _joint(attack: AttackUnderWay, tuned: Tuned) -> Samples:
    seeds, part = attack.seeds.child("joint"), attack.part("latents")
    return invert_sets(attack.own.generator, attack.goals, attack.settings.joint, seeds, part)


# The room's list of attacks on a checkpoint: a new one is a function and an entry here.
METHODS: dict[str, Method] = {
    "prior": Method(_untuned, _sample, "the untuned prior, which never saw the target", layers=False),
    "pixels": Method(_untuned, _pixels, "DeepInversion, pixel by pixel, without a prior"),
    "gmi": Method(_untuned, _gmi, "latent search in the untuned prior (GMI)", layers=False),
    "joint": Method(
        _untuned,
        _joint,
        "sets of latents in the untuned prior whose images together have the statistics that the target stored",
        batch_norm=True,
    ),
    "published": Method(_published, _sample, "as published: the prior fine-tuned to the target's parameters"),
    "author": Method(_author, _sample, "published, with the learning rate and steps of the author's code"),
    "per_class": Method(_per_class, _sample, "published, with a generator for each class"),
}
