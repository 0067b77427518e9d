"""How a prior is trained: its size, and how many images it is shown while it grows."""

from typing import Literal, Self

import pydantic

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.engine.gan import GanSettings, Stage
from remnant.nets.pggan import CHANNELS, doublings


class PriorSettings(Settings):
    """A prior of `side` pixels.

    `channels[i]` and `images[i]` are for 4 * 2**i pixels: the features there, and how many real images the discriminator
    is shown. But for 4 pixels, a new side is faded in over the first half of its images (Karras 2018, figure 2).
    """

    side: int
    latent: int = pydantic.Field(default=512, ge=1)
    channels: tuple[pydantic.PositiveInt, ...] = CHANNELS
    images: tuple[pydantic.PositiveInt, ...]
    seed: int = 0
    gan: GanSettings = GanSettings()

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Self:
        try:
            sides = doublings(self.side) + 1
        except RemnantError as error:
            raise ValueError(str(error).rstrip(".")) from None
        for name in ("channels", "images"):
            if len(getattr(self, name)) != sides:
                raise ValueError(
                    f"{name} must hold {sides} numbers, one a side from 4 to {self.side} pixels, "
                    f"got {len(getattr(self, name))}"
                )
        return self

    @property
    def steps_of(self) -> tuple[int, ...]:
        """Steps at each side, from 4 pixels on."""
        return tuple(-(-shown // self.gan.batch) for shown in self.images)

    def stage(self, step: int) -> Stage:
        """How far the networks are grown at `step`."""
        for depth, steps in enumerate(self.steps_of):
            if step < steps:
                break
            step -= steps
        fading = steps // 2 if depth else 0
        return Stage(depth, max(0.0, 1 - (step + 1) / fading) if fading else 0.0, step)

    @property
    def work_of(self) -> tuple[float, ...]:
        """What a step costs at each side, in multiply-adds of one pass: for a forecast of the time left."""
        # A step of small convolutions costs about as much as this many multiply-adds, however small they are.
        work, before = [3e7], self.channels[0]
        for depth, width in enumerate(self.channels[1:], 1):
            pixels = self.gan.batch * (4 << depth) ** 2
            work.append(work[-1] + pixels * 9 * (before * width + width * width))
            before = width
        return tuple(work)


Preset = Literal["smoke", "cpu", "paper"]

# Channels and thousands of images shown from 4 pixels on; a smaller side takes the first of them.
PRESETS: dict[str, tuple[int, tuple[int, ...], tuple[float, ...]]] = {
    "smoke": (16, (16, 16, 16, 8, 8), (0.1, 0.1, 0.1, 0.1, 0.1)),
    "cpu": (128, (128, 128, 96, 64, 32, 16, 8), (8, 16, 24, 32, 40, 40, 40)),
    "paper": (512, CHANNELS, (200, 400, 400, 400, 600, 600, 800, 800, 800)),
}


def prior_settings(preset: Preset, side: int) -> PriorSettings:
    """The settings of a preset for a prior of `side` pixels; raise `RemnantError` for a side that it cannot have."""
    latent, channels, thousands = PRESETS[preset]
    sides = doublings(side) + 1
    if sides > len(channels):
        raise RemnantError(
            f"The preset {preset} trains priors of at most {4 << (len(channels) - 1)} pixels; give another --preset."
        )
    images = tuple(round(1000 * number) for number in thousands[:sides])
    return PriorSettings.checked(side=side, latent=latent, channels=channels[:sides], images=images)
