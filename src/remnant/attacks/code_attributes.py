"""Age and sex off a code: what it tells of a patient to whoever does not even look for whose it is."""

from collections.abc import Iterator, Sequence

import numpy as np
import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.attacks.attack import Attack, Attributes, Work, of_a_client
from remnant.attacks.attributes import readable
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images, patient_means
from remnant.engine.cost import timed
from remnant.engine.device import as_batch, in_batches
from remnant.engine.loop import EpochReport, FitSettings, fit
from remnant.measure.intervals import numbered
from remnant.nets.deviation import Deviation
from remnant.nets.siamese import build_trunk
from remnant.targets.access import Codes, encode
from remnant.targets.audited import Audited
from remnant.targets.seen_codes import SeenCodes

Batch = tuple[Tensor, Tensor]
# Codes of each of his own scans that an attacker learns from, where the client draws a secret for each.
LOOKS = 3
EPOCHS_TRIED = 2  # beside the first, when a training is timed


class CodeAttributeSettings(Settings):
    """A `trunk` of the Siamese networks under two outputs, and its training: each epoch takes a view of every patient.

    `mirrored`: left and right exchanged give every scan a second time, a person of the same age and sex.
    """

    trunk: str = "resnet_small"
    mirrored: bool = True
    batch: int = pydantic.Field(default=8, ge=1)
    fit: FitSettings = FitSettings(epochs=30, learning_rate=1e-3, weight_decay=1e-2)


class AttributeReader(nn.Module):
    """Volumes (n, channels, x, y, z) to a standardised age and the logit of a man, (n, 2).

    The buffers `age_mean` and `age_std`, in years, undo the standardisation; `age_mean` is what somebody who only knows the
    training patients guesses for everybody. They are NaN where no ages were learnt; `reads_sex` is False where no sexes were.
    """

    def __init__(self, trunk: str, channels: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.deviation = Deviation(channels, shape)
        self.trunk = build_trunk(trunk, 2 * channels)
        self.out = nn.Linear(self.trunk.features_out, 2)
        for name, value in (("age_mean", torch.nan), ("age_std", torch.nan), ("reads_sex", False)):
            self.register_buffer(name, torch.tensor(value))

    def forward(self, volumes: Tensor) -> Tensor:
        return self.out(self.trunk(self.deviation(volumes)))


def train_attribute_reader(
    access: Codes,
    own: Tensor,
    ages: Sequence[float],
    male: Sequence[bool | None],
    patients: Sequence[str],
    settings: CodeAttributeSettings,
    seeds: Seeds,
    report: EpochReport,
    looks: int = 1,
) -> AttributeReader:
    """A network that reads age and sex off what is seen of a scan, trained on the attacker's `own` (n, 1, x, y, z).

    `ages` (n,) in years, NaN where unknown; `male` (n,), None where unknown; `patients` (n,). The first axis of scans runs from
    left to right. Both sexes weigh alike, however many there are of either. `looks`: how often each scan is passed through
    `access.view` to learn from, more than once where the client draws a secret each time. It never sees `access.codes`.
    Raises `RemnantError` where there are neither two different ages nor both sexes to learn from.
    """
    ages, sexes = np.asarray(ages, float), np.array([np.nan if one is None else float(one) for one in male])
    owners = np.asarray(patients)
    if not len(own) == len(ages) == len(sexes) == len(owners):
        raise RemnantError(
            f"Each of the {len(own)} scans needs an age, a sex and a patient. Got {len(ages)}, {len(sexes)} and {len(owners)}."
        )
    reads_age = len(np.unique(ages[np.isfinite(ages)])) > 1
    reads_sex = len(np.unique(sexes[np.isfinite(sexes)])) > 1
    if not (reads_age or reads_sex):
        raise RemnantError(
            "Nobody can learn to read people off codes where all known ages are equal and all known sexes are; add patients "
            "with both, or leave this attack out."
        )
    known = np.isfinite(ages) * reads_age | np.isfinite(sexes) * reads_sex
    # Mirrored before the client's software sees them: the mirror image of a code is no code.
    views = ([own, own.flip(2)] if settings.mirrored else [own]) * looks
    seen = torch.stack([encode(access.view, scans[torch.from_numpy(known)]) for scans in views])
    ages, sexes, owners = ages[known], sexes[known], owners[known]

    torch.manual_seed(seeds.child("weights").integer)
    model = AttributeReader(settings.trunk, seen.shape[2], tuple(seen.shape[3:]))
    model.deviation.learn(seen)
    if reads_age:
        model.age_mean.fill_(np.nanmean(ages))
        model.age_std.fill_(np.nanstd(ages))
    model.reads_sex.fill_(reads_sex)
    men = np.nanmean(sexes) if reads_sex else np.nan
    truth = torch.from_numpy(np.column_stack([(ages - float(model.age_mean)) / float(model.age_std), sexes]))
    count, place = numbered(owners)
    images = [np.flatnonzero(place == i) for i in range(count)]
    steps = -(-len(images) // settings.batch)

    def draw(epoch: int) -> Iterator[Batch]:
        generator = seeds.child("epoch", epoch).numpy()
        chosen = generator.permutation([generator.choice(scans) for scans in images])
        for some in np.array_split(chosen, steps):
            mirror = generator.integers(len(seen), size=len(some))
            batch = as_batch(seen[torch.from_numpy(mirror), torch.from_numpy(some)])
            yield batch, truth[some].float().to(batch.device)

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        (age, sex), (true_age, male) = model(batch[0]).float().unbind(1), batch[1].unbind(1)
        has_age, has_sex = true_age.isfinite(), male.isfinite()
        total = (age + sex).sum() * 0  # a batch may have neither
        if has_age.any():
            total = total + functional.mse_loss(age[has_age], true_age[has_age])
        if has_sex.any() and reads_sex:
            weights = torch.where(male[has_sex] > 0, 0.5 / men, 0.5 / (1 - men))
            total = total + functional.binary_cross_entropy_with_logits(sex[has_sex], male[has_sex], weights)
        return total

    return fit(model, draw, steps, loss, settings.fit, report=report)


@torch.no_grad()
def predict_attributes(model: AttributeReader, codes: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Ages in years and probabilities of a man, float64 (m,) each, of `codes` (m, c, x, y, z); NaN where neither was learnt."""
    found = torch.cat([model(batch).double().cpu() for batch in in_batches(codes)])
    ages = found[:, 0] * float(model.age_std) + float(model.age_mean)
    probability = found[:, 1].sigmoid() if model.reads_sex else torch.full((len(codes),), torch.nan)
    return ages.numpy(), probability.double().numpy()


def read_codes(access: SeenCodes, own: Images, settings: CodeAttributeSettings, work: Work) -> list[Attributes]:
    """One claim: what is read of each patient, the mean over what his codes give."""
    ages, sexes = (np.asarray(own.details.get(name, np.full(len(own), np.nan)), float) for name in ("age", "sex"))
    model = train_attribute_reader(
        access.given,
        torch.stack(own.images),
        ages,
        [None if np.isnan(sex) else bool(sex) for sex in sexes],
        own.patients,
        settings,
        work.seeds.child("reader"),
        work.epoch,
        LOOKS if access.secret else 1,
    )
    read = dict(zip(("age", "sex"), predict_attributes(model, access.codes), strict=True))
    means = {name: patient_means(values, access.patients) for name, values in read.items()}
    return [Attributes(access.what, means["age"][0], {name: values for name, (_, values) in means.items()})]


def _cost(access: SeenCodes, own: Images, settings: CodeAttributeSettings, work: Work) -> float:
    """Epochs on a batch of scans are tried, as if each were of somebody else; his own pass the client before."""
    scans = torch.stack(own.images[: settings.batch])
    ages, sexes = np.linspace(20.0, 80.0, len(scans)), [bool(i % 2) for i in range(len(scans))]
    names, seeds = [str(i) for i in range(len(scans))], work.seeds
    passing = timed(lambda: encode(access.view, scans[:1])) * (1 + settings.mirrored) * (LOOKS if access.secret else 1)

    def tried(epochs: int) -> float:
        few = settings.changed(fit=settings.fit.changed(epochs=epochs))
        return timed(lambda: train_attribute_reader(access.given, scans, ages, sexes, names, few, seeds, work.epoch))

    # What comes before the first epoch, the client's work above all, does not come again.
    begun = tried(1)
    epoch = max(0.0, tried(1 + EPOCHS_TRIED) - begun) / EPOCHS_TRIED
    return passing * len(own) + begun + settings.fit.epochs * epoch * len(set(own.patients)) / len(scans)


def _readable(target: Audited, candidates: Images, own: Images | None) -> str:
    if own is None or not any(len({*known[np.isfinite(known)]}) > 1 for known in _known(own)):
        return "neither ages nor sexes that differ are known of the attacker's own patients"
    return readable(target, candidates, own)


def _known(own: Images) -> list[np.ndarray]:
    return [np.asarray(own.details[name], float) for name in ("age", "sex") if name in own.details]


CODE_ATTRIBUTES = Attack(
    "code_attributes",
    "age and sex read from codes by a network that learned on the attacker's own scans",
    access="codes",
    claim="attributes",
    run=read_codes,
    source="Song and Shmatikov 2020 (overlearning), a 3D network as reader",
    applies=_readable,
    needs="ages or sexes of the patients",
    settings=CodeAttributeSettings,
    cost=_cost,
    suits=of_a_client,
)
