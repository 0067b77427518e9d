"""The table of prepared images: what a network takes, whose it is, and what is known of him. 2D and 3D alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case

# Details of a patient: years, and 1 for a man, 0 for a woman; NaN where unknown.
AGE, SEX = "age", "sex"
# A class index, 0 or 1 (and NaN for unknown) an output, a label map of class indices, or a map of 0 and 1 an output.
Label = int | Tensor
CLASSES = 20  # that become a detail each


@dataclass(frozen=True)
class Images:
    """`images` (n), each (channels, *spatial) float32 as the network takes it: a tuple, whose shapes may differ, or one tensor
    (n, channels, *spatial). `labels` (n), a tuple or one tensor likewise, None where none are known. `patients` (n): whose each
    is. `details` by name, (n,) numbers such as age, NaN for unknown.

    Of scans of several visits there are known, (n) each or empty: `visits`, of a patient, counted from 1; `roles`, what the
    patient, or the image, does in a study, such as "training"; `kinds`, "real", of an own session, or "simulated". `classes`:
    what the indices in label maps mean, the background first. `spacing_mm`: of the grid, where all lie on one.
    """

    images: Tensor | tuple[Tensor, ...]
    labels: Tensor | tuple[Label, ...] | None
    patients: tuple[str, ...]
    details: Mapping[str, np.ndarray] = field(default_factory=dict)
    visits: tuple[int, ...] = ()
    roles: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    spacing_mm: float | None = None

    def __post_init__(self) -> None:
        counts = {len(self.images), len(self.patients), *(len(values) for values in self.details.values())}
        counts |= {len(values) for values in (self.visits, self.roles, self.kinds) if values}
        if self.labels is not None:
            counts.add(len(self.labels))
        if len(counts) != 1:
            raise RemnantError(
                f"Every image needs one patient, label and detail. Got {sorted(counts)} of them instead."
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def spatial(self) -> int:
        """Axes of an image beside its channels."""
        return self.images[0].dim() - 1

    def take(self, places: Sequence[int] | np.ndarray) -> "Images":
        """Those at `places`, in that order."""
        chosen = [int(place) for place in places]
        return replace(
            self,
            images=_taken(self.images, chosen),
            labels=None if self.labels is None else _taken(self.labels, chosen),
            patients=tuple(self.patients[i] for i in chosen),
            details={name: np.asarray(values)[chosen] for name, values in self.details.items()},
            **{name: _taken(own, chosen) for name in ("visits", "roles", "kinds") if (own := getattr(self, name))},
        )

    def apart(self) -> "Images":
        """The same, each image by itself: to take some of them copies none."""
        return replace(self, images=tuple(self.images), labels=None if self.labels is None else tuple(self.labels))

    @property
    def kind(self) -> str:
        """What a study of them rests on: simulated visits where there are any."""
        return "simulated" if "simulated" in self.kinds else "real"

    def where(self, role: str, *, visit: int | None = None, kind: str | None = None) -> list[int]:
        """Places of the images of those who have a role: of one visit or of all, of the given kind or of `kind`."""
        wanted = kind or self.kind
        return [
            i
            for i, own in enumerate(self.roles)
            if own == role and visit in (None, self.visits[i]) and wanted == (self.kinds[i] if self.kinds else "real")
        ]

    def of(self, patients: Sequence[str]) -> "Images":
        """Those of some patients."""
        wanted = set(patients)
        return self.take([i for i, patient in enumerate(self.patients) if patient in wanted])

    def batches(self, most: int) -> list[list[int]]:
        """Places of images of one shape, in their order, at most so many together."""
        found: list[list[int]] = []
        for i, image in enumerate(self.images):
            if not found or len(found[-1]) == most or self.images[found[-1][0]].shape != image.shape:
                found.append([])
            found[-1].append(i)
        return found


def _taken(values: Any, places: list[int]) -> Any:
    return values[places] if isinstance(values, Tensor) else tuple(values[i] for i in places)


def people_in(cases: Sequence[Case]) -> dict[str, np.ndarray]:
    """The details `AGE` and `SEX` of whom the cases (n,) show."""
    sexes = {"F": 0.0, "M": 1.0}
    return {
        AGE: np.array([np.nan if case.age is None else case.age for case in cases]),
        SEX: np.array([sexes.get(case.sex or "", np.nan) for case in cases]),
    }


def class_columns(
    labels: np.ndarray, outputs: int, names: Mapping[int, str] = MappingProxyType({})
) -> dict[str, np.ndarray]:
    """Details of images: the answers of a classifier with so many `outputs`, a column (n,) of 0 and 1 a class, NaN for unknown.

    `labels`: class indices (n,), of which class 0 has no column, or 0 and 1 an output (n, outputs). `names` of classes by number.
    """
    if labels.ndim == 2 and labels.shape[1] > 1:
        columns = dict(enumerate(labels.T))
    else:
        own = labels.reshape(-1)
        columns = {kind: np.where(np.isnan(own), np.nan, own == kind) for kind in range(1, max(2, outputs))}
    return {f"class: {names.get(kind, kind)}": column for kind, column in list(columns.items())[:CLASSES]}


def visits_of(cases: Sequence[Case]) -> tuple[int, ...]:
    """Which visit of a patient each of the cases (n,) shows, counted from 1 in the order of sessions, whose names may hold a
    date."""
    ordered = sorted(case.order for case in cases)
    first = {patient: place for place, (patient, *_) in reversed(list(enumerate(ordered)))}
    return tuple(ordered.index(case.order) - first[case.patient] + 1 for case in cases)


def patient_means(values: np.ndarray, patients: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Each patient once, in the order of the first image, and the mean of his images' `values` (n,) or (n, d).

    Never the maximum: who has more images would have more chances.
    """
    values = np.asarray(values, dtype=float)
    names = tuple(dict.fromkeys(patients))
    place = {name: i for i, name in enumerate(names)}
    whose = np.array([place[patient] for patient in patients])
    sums = np.zeros((len(names), *values.shape[1:]))
    np.add.at(sums, whose, values)
    counts = np.bincount(whose, minlength=len(names)).reshape(-1, *[1] * (values.ndim - 1))
    return names, sums / counts


def first_visits(scans: Images, chosen: Sequence[int]) -> list[int]:
    """Of the `chosen` scans the first of each patient, in their order."""
    first: dict[str, int] = {}
    for i in chosen:
        known = first.setdefault(scans.patients[i], i)
        if scans.visits[i] < scans.visits[known]:
            first[scans.patients[i]] = i
    return list(first.values())


def stacked(images: Sequence[Tensor]) -> Tensor:
    """Images of one shape as a batch (n, channels, *spatial)."""
    return torch.stack(list(images))
