"""The nnU-Net and Decathlon layout: dataset.json, imagesTr and labelsTr, in the first form and the second.

First form (Medical Segmentation Decathlon, nnU-Net 1): `training` lists image and label, `labels` goes from value to
name, `modality` from channel to name; on disk an image may carry the channel's suffix, _0000, that the list leaves
out. Second form (nnU-Net 2): `channel_names`, `file_ending`, and `labels` from name to value.

The layout knows cases, not people: every case counts as a person, unless patients.csv in the same directory says
otherwise, with the columns case (the file's name without channel and ending) and subject_id, and, if known,
session_id, age and sex.
"""

from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.cohort.case import Case, Cohort, LabelScheme
from remnant.cohort.people import parse_age, parse_sex
from remnant.cohort.table import make_cohort, own_scheme, read_table

LOOKED_FOR = "nnU-Net (dataset.json, imagesTr and labelsTr)"
ENDINGS = (".nii.gz", ".nii")


def recognises(directory: Path) -> bool:
    return (directory / "dataset.json").is_file()


def read(directory: Path) -> Cohort:
    """Read the training cases; their classes, as dataset.json names them, are the scheme `labels`.

    Raises `RemnantError` for several channels, regions that overlap, a case without a label map, and a case that
    patients.csv does not list.
    """
    about = read_json(directory / "dataset.json")
    if not isinstance(about, dict) or not isinstance(about.get("labels"), dict):
        raise RemnantError(f"{directory / 'dataset.json'} lacks 'labels'; add the classes as nnU-Net wants them.")
    scheme = _scheme(about["labels"], directory)
    channel = _channel(about, directory)
    people = _people(directory)
    cases = []
    for name, image, labels in _files(about, channel, directory):
        if people is not None and name not in people:
            raise RemnantError(f"{directory / 'patients.csv'} has no row for the case {name}; add it.")
        row = people[name] if people is not None else {}
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
        raise RemnantError(f"{directory} holds no training case; looked for imagesTr/*_{channel}.nii.gz.")
    return make_cohort(directory, cases, {scheme.name: scheme}, "dataset.json")


def _scheme(labels: dict, directory: Path) -> LabelScheme:
    names: dict[int, str] = {}
    for key, value in labels.items():
        # Value to name in the first form, name to value in the second.
        number, name = (key, value) if str(key).lstrip("-").isdigit() else (value, key)
        if not str(number).lstrip("-").isdigit():
            raise RemnantError(
                f"{directory / 'dataset.json'} gives {name!r} the labels {number}; overlapping regions cannot be read, "
                f"give every class one whole number."
            )
        if int(number) in names:
            raise RemnantError(f"{directory / 'dataset.json'} names the label {number} twice; keep one of the names.")
        names[int(number)] = str(name)
    return own_scheme(names)


def _channel(about: dict, directory: Path) -> str:
    """The suffix of the one channel, such as 0000."""
    channels = about.get("channel_names") or about.get("modality") or {"0": "image"}
    if len(channels) != 1:
        raise RemnantError(
            f"{directory / 'dataset.json'} has {len(channels)} channels ({', '.join(map(str, channels.values()))}); "
            f"leave the one to use in channel_names."
        )
    return f"{int(next(iter(channels))):04d}"


def _people(directory: Path) -> dict[str, dict[str, str]] | None:
    path = directory / "patients.csv"
    if not path.is_file():
        return None
    rows = read_table(path, ("case", "subject_id")).to_dict("records")
    return {row["case"]: row for row in rows}


def _files(about: dict, channel: str, directory: Path) -> list[tuple[str, Path, Path]]:
    """Name, image and label map of every training case, in the order of names."""
    listed = about.get("training")
    if listed:
        try:
            pairs = [(directory / entry["image"], directory / entry["label"]) for entry in listed]
        except (TypeError, KeyError):
            raise RemnantError(
                f"{directory / 'dataset.json'} must list image and label of every entry of 'training'; mend it."
            ) from None
        found = []
        for image, labels in pairs:
            stem, ending = _split(image, channel)
            with_suffix = image.with_name(f"{stem}_{channel}{ending}")
            found.append((stem, with_suffix if with_suffix.is_file() else image, labels))
        return sorted(found)
    ending = about.get("file_ending", ENDINGS[0])
    if ending not in ENDINGS:
        raise RemnantError(f"The files of {directory} end in {ending!r}; convert them to NIfTI (.nii.gz).")
    found = []
    for image in sorted((directory / "imagesTr").glob(f"*_{channel}{ending}")):
        stem, _ = _split(image, channel)
        found.append((stem, image, directory / "labelsTr" / f"{stem}{ending}"))
    return found


def _split(image: Path, channel: str) -> tuple[str, str]:
    """The case's name and the ending of an image's file name."""
    for ending in ENDINGS:
        if image.name.endswith(ending):
            return image.name.removesuffix(ending).removesuffix(f"_{channel}"), ending
    raise RemnantError(f"{image} must be NIfTI (.nii.gz or .nii); convert it and list it by its new name.")
