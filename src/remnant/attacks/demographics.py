"""Age and sex off a radiograph: the attacker's demographic model (Lee 2025), and what it is worth on patients it never saw."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import WeightedRandomSampler

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.files import read_json, write_json
from remnant.base.provenance import sha256
from remnant.base.seeds import Seeds
from remnant.cohort.images import AGE, SEX, Images
from remnant.engine.cost import timed
from remnant.engine.device import as_batch, place
from remnant.engine.loop import EpochReport, FitSettings, fit
from remnant.measure.anonymity import Errors
from remnant.measure.demographics import AgeSkill, SexSkill, age_skill, sex_skill, usable
from remnant.nets.classifiers import build_classifier
from remnant.targets.augmentation import Augmentation, augment
from remnant.targets.checkpoint import load_checkpoint, save_checkpoint
from remnant.targets.features import penultimate_features, predict_logits
from remnant.targets.inputs import InputRange
from remnant.targets.patients import check_disjoint, check_images

NETWORK = "densenet121"
OLDEST = 120  # years; the public NIH table has ages of several hundred


class DemographicSettings(Settings):
    """A DenseNet121 and its training. `batch`: images a step at most, in steps of nearly equal size.

    Images are drawn so that every age bin of `bin_years` comes as often as any other. `augmentation`: None for none.
    At 64 pixels an epoch of 500 images takes about 14 s of one core.
    """

    input_range: InputRange = InputRange(64, channels=1)
    batch: int = pydantic.Field(default=16, ge=3)
    bin_years: float = pydantic.Field(default=10.0, gt=0)
    augmentation: Augmentation | None = Augmentation()
    fit: FitSettings = FitSettings(epochs=30, learning_rate=1e-3, weight_decay=1e-2)


class ValidationRow(NamedTuple):
    """One validation image: a pseudonym, the true and the predicted age in years and sex (`probability` of a man)."""

    patient: str
    age: float
    predicted_age: float
    male: bool
    probability: float


@dataclass(frozen=True)
class DemographicModel:
    """`network`: from what `input_range` gives to (n, 2), a standardised age and the logit of a man.

    `age_mean` and `age_std` in years undo the standardisation; `age_mean` is also what somebody who only knows the
    `training_patients` would guess for everybody. `validation` holds predictions for patients that took no part in training.
    """

    network: nn.Module
    input_range: InputRange
    age_mean: float
    age_std: float
    training_patients: int
    validation: tuple[ValidationRow, ...]

    def predict(self, images: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Ages in years (n,) and probabilities of a man (n,), float64, of `images` (n, 1, N, N) in [0, 1]."""
        age, sex = predict_logits(self.network, images, self.input_range).double().unbind(1)
        return (age * self.age_std + self.age_mean).numpy(), sex.sigmoid().numpy()

    def features(self, images: Tensor) -> Tensor:
        """Features (n, 1024) of `images` (n, 1, N, N) in [0, 1]: a space to look for neighbours in that no target made."""
        return penultimate_features(self.network, images, self.input_range)

    def skills(self, seeds: np.random.Generator) -> tuple[AgeSkill, SexSkill]:
        """How well it reads the validation patients, each once: the mean over their images. No prediction without these."""
        people = self.people()
        age = age_skill(people["predicted_age"].to_numpy(), people["age"].to_numpy(), self.age_mean, seeds)
        return age, sex_skill(people["probability"].to_numpy(), people["male"].to_numpy())

    def errors(self) -> Errors:
        """Errors on the validation patients, for `measure.anonymity`."""
        people = self.people()
        right = (people["probability"] >= 0.5) == people["male"]
        return Errors((people["predicted_age"] - people["age"]).to_numpy(), right.to_numpy())

    def people(self) -> pd.DataFrame:
        """The validation patients, a row each with the columns of `ValidationRow`: the mean over their images."""
        rows = pd.DataFrame(self.validation, columns=ValidationRow._fields)
        return rows.groupby(["patient", "male"], sort=False, as_index=False).mean()


@dataclass(frozen=True)
class Reader:
    """The demographic model with its skill: nothing that it says is shown where that skill is not there."""

    model: DemographicModel
    age: AgeSkill
    sex: SexSkill

    @classmethod
    def of(cls, model: DemographicModel, seeds: Seeds) -> "Reader":
        return cls(model, *model.skills(seeds.numpy()))

    @cached_property
    def reads_age(self) -> bool:
        return usable(self.age)

    @cached_property
    def reads_sex(self) -> bool:
        return usable(self.sex)

    @cached_property
    def errors(self) -> Errors:
        return self.model.errors()


def train_demographics(
    training: Images,
    validation: Images,
    settings: DemographicSettings,
    seeds: Seeds,
    report: EpochReport = lambda epoch, loss, validation: None,
) -> DemographicModel:
    """Train on the attacker's own public images: squared error of the standardised age plus cross-entropy of the sex.

    The images of either group are float32 (n, 1, N, N) in [0, 1], with the details `AGE` and `SEX`.

    The last epoch is kept, so that `validation` chooses nothing and its figures are honest. That no patient of a target is
    among these is up to the caller. Raises `RemnantError` for images, ages or patients that do not fit, people of one
    age or sex, and a patient in both groups.
    """
    for group, what in ((training, "training"), (validation, "validation")):
        _check(group, what)
    check_disjoint(training.patients, validation.patients)
    ages = pd.Series(training.details[AGE], dtype=float).groupby(list(training.patients), sort=False).mean()
    mean, std = float(ages.mean()), float(ages.std(ddof=0))
    if std == 0 or len(set(training.details[SEX].tolist())) < 2:
        raise RemnantError(
            "The training images show one age or one sex only, so that neither can be learnt; give others."
        )
    torch.manual_seed(seeds.child("weights").integer)
    network = build_classifier(NETWORK, channels=settings.input_range.channels, classes=2)
    drawing, n = seeds.child("augmentation").torch(), len(training.images)
    sampler = balanced_by_age(training.details[AGE], settings.bin_years, seeds.child("order"))
    truth = torch.from_numpy(
        np.column_stack([(training.details[AGE] - mean) / std, training.details[SEX]]).astype(np.float32)
    )
    steps = -(-n // settings.batch)

    def draw_epoch(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        # Steps of nearly equal size: none of a single image, of which alone running statistics would then speak.
        for chosen in np.array_split(list(sampler), steps):
            images = as_batch(training.images[chosen])
            if settings.augmentation:
                images = augment(images, settings.augmentation.draw(len(images), drawing))
            yield settings.input_range(images), truth[chosen].to(images.device)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        (age, sex), (true_age, male) = model(batch[0]).float().unbind(1), batch[1].unbind(1)
        return functional.mse_loss(age, true_age) + functional.binary_cross_entropy_with_logits(sex, male)

    fit(network, draw_epoch, steps, loss, settings.fit, report=report)
    model = DemographicModel(network, settings.input_range, mean, std, len(ages), ())
    return DemographicModel(network, settings.input_range, mean, std, len(ages), _predicted(model, validation))


def training_seconds(settings: DemographicSettings, images: int) -> float:
    """About how many seconds it takes here to train on so many `images`, by one step of it."""
    taken = settings.input_range
    network = place(build_classifier(NETWORK, channels=taken.channels, classes=2))
    batch = as_batch(torch.rand(min(images, settings.batch), taken.channels, taken.size, taken.size))
    return timed(lambda: network(batch).sum().backward()) * settings.fit.epochs * images / len(batch)


def balanced_by_age(ages: np.ndarray, bin_years: float, seeds: Seeds) -> WeightedRandomSampler:
    """As many draws an epoch as there are `ages` (n,), with replacement, each bin of `bin_years` as likely as any other."""
    _, bins, counts = np.unique(np.floor(np.asarray(ages) / bin_years), return_inverse=True, return_counts=True)
    return WeightedRandomSampler((1 / counts[bins]).tolist(), len(bins), replacement=True, generator=seeds.torch())


def save_demographics(path: Path, model: DemographicModel) -> None:
    """Write the weights to `path` (.safetensors) and beside it, as .json, the rest with the validation's predictions."""
    arguments = {"name": NETWORK, "channels": model.input_range.channels, "classes": 2}
    save_checkpoint(path, model.network, arguments)
    rest = {
        "weights": sha256(path),
        "input_range": asdict(model.input_range),
        "age_mean": model.age_mean,
        "age_std": model.age_std,
        "training_patients": model.training_patients,
        "validation": [row._asdict() for row in model.validation],
    }
    write_json(_beside(path), rest)


def load_demographics(path: Path) -> DemographicModel:
    """The model that `save_demographics` wrote at `path`.

    Raises `RemnantError` as `load_checkpoint` does, and when the file beside it is missing, damaged or of other weights.
    """
    path = Path(path)
    network = load_checkpoint(path)
    rest = read_json(_beside(path))
    try:
        weights = rest.pop("weights")
        rows = tuple(ValidationRow(**row) for row in rest.pop("validation"))
        sizes = {
            name: tuple(value) if isinstance(value, list) else value for name, value in rest.pop("input_range").items()
        }
        model = DemographicModel(network, InputRange(**sizes), **rest, validation=rows)
    except (AttributeError, KeyError, TypeError):
        raise RemnantError(f"{_beside(path)} does not describe a demographic model; train it again.") from None
    if weights != sha256(path):
        raise RemnantError(f"{_beside(path)} describes other weights than those in {path}; copy both, or train again.")
    return model


def _beside(path: Path) -> Path:
    return Path(path).with_suffix(".json")


def _predicted(model: DemographicModel, people: Images) -> tuple[ValidationRow, ...]:
    """Predictions under pseudonyms, numbers in the order of appearance: who is meant is nobody's business later."""
    numbers = {patient: f"v{number:04d}" for number, patient in enumerate(dict.fromkeys(people.patients), 1)}
    ages, male = model.predict(people.images)
    columns = (people.patients, people.details[AGE], ages, people.details[SEX], male)
    return tuple(
        ValidationRow(numbers[patient], float(age), float(predicted), bool(sex), float(probability))
        for patient, age, predicted, sex, probability in zip(*columns, strict=True)
    )


def _check(people: Images, what: str) -> None:
    check_images(people.images, what)
    ages, male = (np.asarray(people.details[name], dtype=float) for name in (AGE, SEX))
    if not ((ages >= 0) & (ages <= OLDEST)).all():
        raise RemnantError(
            f"The {what} ages must be known and from 0 to {OLDEST} years. Got {ages.min():g} to {ages.max():g} instead; "
            "leave out who has none."
        )
    if not np.isin(male, (0, 1)).all():
        raise RemnantError(f"The {what} sexes must be known, 1 for a man and 0 for a woman; leave out whose is not.")
