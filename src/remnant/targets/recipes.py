"""The recipes by which a classifier under audit is trained: regularly, to overfit, and with each of the paper's mitigations."""

from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import pydantic

from remnant.base.config import Settings
from remnant.engine.loop import FitSettings
from remnant.targets.augmentation import Augmentation
from remnant.targets.inputs import InputRange

SMALLEST_OF_A_RESNET = 16
PLANTED = 8  # images of the planted positive control

RecipeName = Literal["regular", "overfit", "dropout", "augmentation", "early_stopping", "planted", "untrained"]


class Recipe(NamedTuple):
    """What a recipe does against memorising; `memorise`: the target must end with every training image right.

    Every layer is trained in every recipe; in `untrained`, the negative control, none is: it takes no step.
    """

    weight_decay: bool = False
    dropout: bool = False
    augmentation: bool = False
    early_stopping: bool = False
    memorise: bool = False


# The mitigations are the overfit recipe and one thing more; with it the target may fail to memorise, which is the point.
RECIPES: dict[RecipeName, Recipe] = {
    "regular": Recipe(weight_decay=True, augmentation=True, early_stopping=True),
    "overfit": Recipe(memorise=True),
    "dropout": Recipe(dropout=True),
    "augmentation": Recipe(augmentation=True),
    "early_stopping": Recipe(early_stopping=True),
    "planted": Recipe(memorise=True),
    "untrained": Recipe(),
}


class ClassifierSettings(Settings):
    """A target: what it is, how it is trained, and how strong each means of the recipe is where the recipe uses it.

    `network` and `arguments` as `build_classifier` takes them. `initial`: a checkpoint whose weights it starts from,
    but for a head of other classes.
    `batch`: images a step at most, in steps of nearly equal size: of three or more, none is ever left alone, so that running
    statistics never remember a single image. `planted_epochs` take the place of `epochs` in that recipe. `dropout` is a
    probability; `patience`: epochs without a better validation loss until early stopping.
    """

    recipe: RecipeName = "regular"
    network: str = "resnet18"
    arguments: dict[str, Any] = pydantic.Field(default_factory=dict)
    input_range: InputRange = InputRange(64)
    initial: Path | None = None
    batch: int = pydantic.Field(default=16, ge=3)
    epochs: int = pydantic.Field(default=60, ge=1)
    planted_epochs: int = pydantic.Field(default=1000, ge=1)
    learning_rate: float = pydantic.Field(default=1e-3, gt=0)
    weight_decay: float = pydantic.Field(default=0.05, gt=0)
    dropout: float = pydantic.Field(default=0.5, gt=0, lt=1)
    augmentation: Augmentation = Augmentation()
    patience: int = pydantic.Field(default=10, ge=1)

    @pydantic.model_validator(mode="after")
    def _large_enough(self) -> Self:
        # As in `nets.siamese`: where its last stride sees a single place, bfloat16 gradients on a CPU are not all written.
        if self.network.startswith("resnet") and self.input_range.size <= SMALLEST_OF_A_RESNET:
            raise ValueError(
                f"a ResNet is trained on images of more than {SMALLEST_OF_A_RESNET} pixels a side, and input_range.size is "
                f"{self.input_range.size}"
            )
        return self

    @property
    def means(self) -> Recipe:
        """What the recipe does."""
        return RECIPES[self.recipe]

    @property
    def build_arguments(self) -> dict[str, Any]:
        """What builds the network, for its checkpoint."""
        dropout = {"dropout": self.dropout} if self.means.dropout else {}
        return {"name": self.network, "channels": self.input_range.channels, **dropout, **self.arguments}

    @property
    def fit(self) -> FitSettings:
        """The training loop's settings under the recipe."""
        epochs = {"planted": self.planted_epochs, "untrained": 0}.get(self.recipe, self.epochs)
        return FitSettings(
            epochs=epochs,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay if self.means.weight_decay else 0.0,
        )
