"""The nnU-Net and Decathlon layout: dataset.json, imagesTr and labelsTr, in the first form and the second.

First form (Medical Segmentation Decathlon, nnU-Net 1): `training` lists image and label, `labels` goes from value to
name, `modality` from channel to name; on disk an image may carry the channel's suffix, _0000, that the list leaves
out. Second form (nnU-Net 2): `channel_names`, `file_ending`, `labels` from name to value, and the files in imagesTr and
labelsTr or, wherever they lie, listed by `dataset`. A name may stand for several values: a region; a value belongs to the last
region that holds it, as nnU-Net writes them by `regions_class_order`. The value called `ignore` is no class but background.

Of several channels the first counts; which other one does, `channel_names` with that one alone says.

The layout knows cases, not people: every case counts as a person, unless patients.csv in the same directory says
otherwise, with the columns case (the file's name without channel and ending) and subject_id, and, if known,
session_id, age and sex. labels.csv in it, where there is one, merges the values into other schemes, as in a manifest.
"""

import re
from dataclasses import replace
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.texts import counted
from remnant.cohort.case import OWN_LABELS, Case, Cohort, LabelScheme, Note
from remnant.cohort.layouts.nnunet_files import channels_of, ending_of, files_of, people_of, row_of
from remnant.cohort.layouts.people import parse_age, parse_sex
from remnant.cohort.layouts.table import make_cohort, own_scheme, read_schemes

# At most 18 digits, as everybody else's integers have.
WHOLE = re.compile(r"-?[0-9]{1,18}")
PEOPLE = "write patients.csv with the columns case and subject_id (their person's id)"
LOOKED_FOR = "nnU-Net (dataset.json, imagesTr and labelsTr)"
IGNORE = "ignore"


def recognises(directory: Path) -> bool:
    return (directory / "dataset.json").is_file()


def read(directory: Path) -> Cohort:
    """Read the training cases; their classes, as dataset.json names them, are the scheme `labels`.

    Raises `RemnantError` for a case without a label map, and for one that patients.csv does not list.
    """
    about = read_json(directory / "dataset.json")
    if not isinstance(about, dict) or not isinstance(about.get("labels"), dict):
        raise RemnantError(f"{directory / 'dataset.json'} lacks 'labels'; add the classes as nnU-Net wants them.")
    notes: list[Note] = []
    scheme = _scheme(about, directory, notes)
    channel = _channel(about, directory, notes)
    people = people_of(directory)
    cases = []
    for name, image, labels in files_of(about, channel, directory):
        row = row_of(people, name, directory)
        cases.append(
            Case(
                patient=row.get("subject_id", name),
                session=row.get("session_id") or "1",
                image=image,
                labels=labels,
                age=parse_age(row.get("age", "")),
                sex=parse_sex(row.get("sex", "")),
            )
        )
    if not cases:
        raise RemnantError(f"{directory} holds no training case; looked for imagesTr/*_{channel}{ending_of(about)}.")
    schemes = read_schemes(directory / "labels.csv", "label") | {scheme.name: scheme}
    return make_cohort(directory, cases, schemes, "labels.csv", notes, PEOPLE)


def _scheme(about: dict, directory: Path, notes: list[Note]) -> LabelScheme:
    named: list[tuple[str, list[int]]] = []
    for key, value in about["labels"].items():
        # Value to name in the first form, name to value, or to those of a region, in the second.
        name, numbers = (str(value), [key]) if WHOLE.fullmatch(str(key)) else (key, value)
        numbers = numbers if isinstance(numbers, list) else [numbers]
        if not numbers or not all(WHOLE.fullmatch(str(number)) for number in numbers):
            raise RemnantError(
                f"{directory / 'dataset.json'} gives {name!r} the labels {value}; give it a whole number, or those of a region."
            )
        named.append((name, [int(number) for number in numbers]))
    ignored = [number for name, numbers in named if name == IGNORE for number in numbers]
    named = [(name, numbers) for name, numbers in named if name != IGNORE]
    if ignored:
        notes.append(
            Note(
                f"The label {ignored[0]}, which dataset.json calls '{IGNORE}', is taken as background and not a class."
            )
        )
    if all(len(numbers) == 1 for _, numbers in named):
        names: dict[int, str] = {}
        for name, (number,) in named:
            if number in names:
                raise RemnantError(
                    f"{directory / 'dataset.json'} names the label {number} twice; keep one of the names."
                )
            names[number] = name
        scheme = own_scheme(names)
    else:
        scheme = _regions(dict(named), about.get("regions_class_order"), directory)
        notes.append(
            Note(
                "The labels of dataset.json are regions that overlap; a voxel counts to the last of them that holds it."
            )
        )
    return replace(scheme, mapping=scheme.mapping | dict.fromkeys(ignored, 0))


def _regions(values: dict[str, list[int]], order: object, directory: Path) -> LabelScheme:
    background = next((name for name, numbers in values.items() if numbers == [0]), "background")
    regions = [name for name in values if name != background]
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(
        str(place) for place in range(1, len(regions) + 1)
    ):
        raise RemnantError(
            f"{directory / 'dataset.json'} has regions, and regions_class_order must number its "
            f"{counted(len(regions), 'label')} from 1; add it."
        )
    mapping = {0: 0}
    for name, place in zip(regions, order, strict=True):
        mapping |= dict.fromkeys(values[name], int(place))
    classes = [name for _, name in sorted(zip(map(int, order), regions, strict=True))]
    return LabelScheme(OWN_LABELS, (background, *classes), mapping)


def _channel(about: dict, directory: Path, notes: list[Note]) -> str:
    """The suffix of the channel that counts, such as 0000."""
    channels = channels_of(about, directory)
    first = min(channels, key=int)
    if len(channels) > 1:
        notes.append(
            Note(
                f"dataset.json has {len(channels)} channels, of which {channels[first]} alone is read; for another one leave "
                "that alone in channel_names."
            )
        )
    return f"{int(first):04d}"
