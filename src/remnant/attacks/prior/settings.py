"""How a prior is trained: its size, and how many images it is shown while it grows."""

from typing import Self

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
        steps_of, depth = self.steps_of, 0
        while step >= steps_of[depth]:
            step -= steps_of[depth]
            depth += 1
        fading = steps_of[depth] // 2 if depth else 0
        return Stage(depth, max(0.0, 1 - (step + 1) / fading) if fading else 0.0, step)

    @property
    def work_of(self) -> tuple[float, ...]:
        """What a step costs at each side, in multiply-adds of one pass: for a forecast of the time left."""
        # However few the channels, a step of 4 pixels was seen to take as long as these.
        work, before = [3e7], self.channels[0]
        for depth, width in enumerate(self.channels[1:], 1):
            pixels = self.gan.batch * (4 << depth) ** 2
            work.append(work[-1] + pixels * 9 * (before * width + width * width))
            before = width
        return tuple(work)


# Latents; channels and thousands of images shown from 4 pixels on, of which a smaller side takes the first.
# cpu: of 64 pixels in well under an hour on two cores.
PRESETS: dict[str, tuple[int, tuple[int, ...], tuple[float, ...]]] = {
    "smoke": (16, (16, 16, 16, 8, 8), (0.2, 0.2, 0.2, 0.2, 0.2)),
    "cpu": (128, (64, 64, 48, 24, 12), (20, 40, 60, 50, 40)),
    "paper": (512, CHANNELS, (200, 400, 400, 400, 600, 600, 800, 800, 800)),
}


def prior_settings(preset: str, side: int) -> PriorSettings:
    """The settings of a preset for a prior of `side` pixels; raise `RemnantError` for a preset or side that there is not."""
    if preset not in PRESETS:
        raise RemnantError(f"The preset of a prior must be one of {', '.join(PRESETS)}. Got '{preset}' instead.")
    latent, channels, thousands = PRESETS[preset]
    sides = doublings(side) + 1
    if sides > len(channels):
        raise RemnantError(
            f"The preset {preset} trains priors of at most {4 << (len(channels) - 1)} pixels; give another --preset."
        )
    images = tuple(round(1000 * number) for number in thousands[:sides])
    return PriorSettings.checked(side=side, latent=latent, channels=channels[:sides], images=images)
