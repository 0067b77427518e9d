"""Recipes of a Privacy-Net beside the study's own: Kim 2019's, and the game that is meant to be won.

The former is at the paper's size, and cut down to fewer steps and coarser voxels.

Loss, head, order of moves, rate and pairs are the paper's at any size. Where the paper is silent its authors' code is followed
(github.com/bachkimn, Privacy-Net): widths, and the order of moves on the same codes. What stays different is told by
`departures`.
"""

import pydantic

from remnant.base.config import Settings
from remnant.base.texts import counted
from remnant.defenses.privacynet.settings import GameSettings, PrivacyNetSettings, Schedule

RATE = 1e-4  # of Adam, for all networks and at any time


class RecipeSettings(Settings):
    """The sizes of the recipe: those of the networks and of a step as in `PrivacyNetSettings`, and how many steps.

    The defaults are the paper's and its authors' code's. Three poolings: `patch` is a multiple of 8.
    """

    encoder: tuple[pydantic.PositiveInt, ...] = (16, 32, 64, 128)
    segmenter: tuple[pydantic.PositiveInt, ...] = (32, 64, 128, 256)
    trunk: str = "densenet121"
    patch: int = pydantic.Field(default=64, ge=8, multiple_of=8)
    batch: int = pydantic.Field(default=4, ge=2, multiple_of=2)
    pretraining_steps: int = pydantic.Field(default=20_000, ge=1)
    adversarial_steps: int = pydantic.Field(default=100_000, ge=1)

    def applied(self, net: PrivacyNetSettings) -> PrivacyNetSettings:
        """The training by the recipe of the scans that `net` prepares and deals."""
        return net.changed(
            segmentation="published",
            order="encoder_first",
            head="published",
            encoder=self.encoder,
            segmenter=self.segmenter,
            trunk=self.trunk,
            patch=self.patch,
            batch=self.batch,
            pretraining=Schedule(steps=self.pretraining_steps, learning_rate=RATE),
            adversarial=Schedule(steps=self.adversarial_steps, learning_rate=RATE),
        )


class GameRecipe(Settings):
    """In what a training by the game of ours differs from the study's other ones; fields as in `PrivacyNetSettings`.

    Not tuned, but `penalty` has its scale from phantoms of their own (seed 101), of whom nobody is reported: steps 100 to 200 of
    a discriminator on raw patches left it 0.668 nats without R1, 0.679 at a gamma of 0.01, 0.691 at 1, which is to guess.
    """

    patch: int = pydantic.Field(default=64, ge=8)
    batch: int = pydantic.Field(default=4, ge=2, multiple_of=2)
    adversarial: Schedule = Schedule(steps=100_000)
    game: GameSettings = GameSettings(
        own_batch=True,
        gradient_ratio=True,
        ramp=500,
        penalty=0.01,
        discriminators=3,
        renewal=200,
        finishing=20_000,
    )

    def applied(self, net: PrivacyNetSettings) -> PrivacyNetSettings:
        """The training by the game of what `net` prepares, deals and builds."""
        return net.changed(
            order="encoder_first", patch=self.patch, batch=self.batch, adversarial=self.adversarial, game=self.game
        )


def departures(recipe: RecipeSettings, spacing_mm: float) -> list[str]:
    """In what a training by `recipe` on voxels of `spacing_mm` still differs from the paper's, a sentence each."""
    paper = RecipeSettings()
    side = recipe.patch * spacing_mm
    said = []
    if (recipe.patch, spacing_mm) != (paper.patch, 1):
        said.append(
            f"Patches of {recipe.patch} voxels of {spacing_mm:g} mm, {side:g} mm a side, where the paper has {paper.patch} of "
            "1 mm."
        )
    for network, own, theirs in (
        ("encoder", recipe.encoder, paper.encoder),
        ("segmenter", recipe.segmenter, paper.segmenter),
    ):
        if own != theirs:
            said.append(f"Widths of the {network} of {_listed(own)}, where its authors have {_listed(theirs)}.")
    if recipe.trunk != paper.trunk:
        said.append(f"The discriminator's trunk is {recipe.trunk}, where the paper has a DenseNet121.")
    return [
        *said,
        f"{counted(recipe.pretraining_steps, 'step')} of pre-training and {recipe.adversarial_steps:,} against each other, of "
        f"{recipe.batch} pairs each, where the paper trained for two days on a GPU.",
        "Each scan is normalised by its own statistics in all networks, but for a discriminator that is said to have BatchNorm, "
        "where its authors have those of a batch; features are compared at their own length, where they have unit length.",
        "Dice by the formula of the paper over all tissues together; its authors' code has the mean over tissues.",
    ]


def _listed(widths: tuple[int, ...]) -> str:
    return " to ".join(str(width) for width in (widths[0], widths[-1]))
