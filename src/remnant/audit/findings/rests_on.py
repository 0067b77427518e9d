"""What a patient's exposure may rest on: his number of images, how rare his labels are, and how well networks fit him."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from remnant.base.texts import counted
from remnant.cohort.images import AGE, SEX, Images, Label, patient_means

RARE = 0.1  # share of the patients, of no more of whom a label is rare
FAR = 0.05  # of the patients, who are fit worse or better than all others


@dataclass(frozen=True)
class Traits:
    """Of each of the `patients` (n,): how many `images`; the label that the fewest patients have, in words (`rarest`, empty where
    none is known), and the `share` of patients who have it, NaN where none is. `people` by name: age in years and 1 for a man,
    NaN where unknown."""

    patients: tuple[str, ...]
    images: np.ndarray
    rarest: tuple[str, ...]
    share: np.ndarray
    people: dict[str, np.ndarray] = field(default_factory=dict)


def traits_of_patients(images: Images) -> Traits:
    """The traits of whose images these are, in the order of their first image."""
    count = Counter(images.patients)
    own: dict[str, set[str]] = {patient: set() for patient in count}
    for patient, label in zip(images.patients, images.labels if images.labels is not None else (), strict=False):
        own[patient].update(_named(label, images))
    holders = Counter(name for names in own.values() for name in names)
    rarest = [min(sorted(names), key=lambda name: holders[name], default="") for names in own.values()]
    people = {
        name: patient_means(images.details[name], images.patients)[1] for name in (AGE, SEX) if name in images.details
    }
    return Traits(
        tuple(count),
        np.array(list(count.values())),
        tuple(rarest),
        np.array([holders[name] / len(count) if name else np.nan for name in rarest]),
        people,
    )


def rests_on(traits: Traits, place: int, fit_rank: float) -> str:
    """What sets a patient apart, in words: of the patient at this `place`, whom all networks together, with him and without him,
    fit better than this share of all others (`fit_rank`)."""
    said = []
    usual = float(np.median(traits.images))
    if traits.images[place] > max(usual, 1) and (traits.images >= traits.images[place]).mean() <= RARE:
        said.append(f"{counted(int(traits.images[place]), 'image')}, of others mostly {usual:g}")
    if traits.share[place] <= RARE:
        said.append(f"{traits.rarest[place]}, of {traits.share[place]:.0%} of patients")
    if fit_rank <= FAR:
        said.append(f"all networks fit worse than {_of_others(1 - fit_rank)}")
    elif fit_rank >= 1 - FAR:
        said.append(f"all networks fit better than {_of_others(fit_rank)}")
    return "; ".join(said) or "nothing that is known"


def _of_others(share: float) -> str:
    return "all other patients" if share == 1 else f"{share:.0%} of other patients"


def groups_of(traits: Traits, fit: np.ndarray) -> Iterator[tuple[str, list[tuple[str, np.ndarray]]]]:
    """By trait the groups of patients that it makes, each in words with who is in it, bool (n,); none of a trait that all share.

    `fit` (n,): how well all networks together fit a patient, with him and without him, so that it is not by chance that who is
    fit worse without him seems to gain the more.
    """
    several = traits.images > 1
    yield from _parted("images", [("one image", ~several), ("two images or more", several)])
    rare, known = traits.share <= RARE, np.isfinite(traits.share)
    yield from _parted(
        "label", [(f"a label of {RARE:.0%} of patients or fewer", rare), ("commoner labels", known & ~rare)]
    )
    ranks = np.argsort(np.argsort(fit, kind="stable"), kind="stable") / len(fit)
    thirds = [ranks < 1 / 3, (ranks >= 1 / 3) & (ranks < 2 / 3), ranks >= 2 / 3]
    words = ("the third fit worst", "the middle third", "the third fit best")
    yield from _parted("fit by all networks", list(zip(words, thirds, strict=True)))
    if AGE in traits.people:
        age = traits.people[AGE]
        middle = np.nanmedian(age) if np.isfinite(age).any() else np.nan
        yield from _parted("age", [("younger half", age < middle), ("older half", age >= middle)])
    if SEX in traits.people:
        sex = traits.people[SEX]
        yield from _parted("sex", [("women", sex < 0.5), ("men", sex >= 0.5)])


def _parted(trait: str, groups: list[tuple[str, np.ndarray]]) -> Iterator[tuple[str, list[tuple[str, np.ndarray]]]]:
    if all(chosen.any() for _, chosen in groups):
        yield trait, groups


def _named(label: Label, images: Images) -> list[str]:
    """The labels of an image in words: its class, the outputs that are 1, or the classes that its label map shows."""
    values = np.asarray(label, dtype=float)
    if values.ndim == 0:
        return [f"class {values:g}"]
    if values.ndim == images.spatial:
        return [_called(int(one), images.classes) for one in np.unique(values[np.isfinite(values)]) if one]
    ones = values.reshape(len(values), -1) == 1
    return [f"output {place}" for place in np.flatnonzero(ones.any(1))]


def _called(index: int, classes: Sequence[str]) -> str:
    return classes[index] if index < len(classes) else f"class {index}"
