"""The files of nnU-Net's layout, and whose they are: quick, without opening an image."""

import re
from dataclasses import dataclass
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.files import read_json

PATIENTS = "patients.csv"
ENDINGS = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd", ".mgz")


@dataclass(frozen=True)
class RawCase:
    """A case as nnU-Net itself reads it: `images`, one a channel, and `labels`; whose it is, and his age and sex where known."""

    images: tuple[Path, ...]
    labels: Path
    patient: str
    age: float | None
    sex: str | None


def cases_of(directory: Path) -> dict[str, RawCase]:
    """Every training case by name, with all of its channels.

    Raises `RemnantError` for a dataset.json that lists no cases as nnU-Net does, for a case that patients.csv does not list, and
    for a file that is not there.
    """
    about = read_json(directory / "dataset.json")
    people = people_of(directory)
    channels = sorted(map(int, channels_of(about, directory)))
    listed = [files_of(about, f"{number:04d}", directory) for number in channels]
    by_name = [{name: image for name, image, _ in files} for files in listed]
    found = {}
    for name, _, labels in listed[0]:
        images = tuple(files[name] for files in by_name if name in files)
        if len(images) < len(channels):
            raise RemnantError(
                f"The case {name} of {directory} lacks one of {len(channels)} channels; copy it to imagesTr."
            )
        if missing := next((path for path in (*images, labels) if not path.is_file()), None):
            raise RemnantError(f"{missing} does not exist, and the case {name} needs it; copy it there.")
        found[name] = RawCase(images, labels, *_person(row_of(people, name, directory), name))
    if not found:
        raise RemnantError(f"{directory} holds no training case; looked for imagesTr/*_0000{ending_of(about)}.")
    return found


def _person(row: dict[str, str], case: str) -> tuple[str, float | None, str | None]:
    if not row:
        return case, None, None
    # Not before: where no table says whose they are, files are looked for without pandas.
    from remnant.cohort.layouts.people import parse_age, parse_sex

    return row["subject_id"], parse_age(row.get("age", "")), parse_sex(row.get("sex", ""))


def knows_people(directory: Path) -> bool:
    """Whether patients.csv says whose cases are one person's."""
    return (directory / PATIENTS).is_file()


def channels_of(about: dict, directory: Path) -> dict[str, str]:
    """Name by number."""
    channels = about.get("channel_names") or about.get("modality") or {"0": "image"}
    if not isinstance(channels, dict) or not all(re.fullmatch(r"[0-9]{1,4}", str(number)) for number in channels):
        raise RemnantError(f"{directory / 'dataset.json'} must number its channels in channel_names; mend it.")
    return channels


def ending_of(about: dict) -> str:
    """Of the files in imagesTr and labelsTr."""
    return str(about.get("file_ending", ENDINGS[0]))


def people_of(directory: Path) -> dict[str, dict[str, str]] | None:
    """The rows of patients.csv by case, None where there is none."""
    if not knows_people(directory):
        return None
    from remnant.cohort.layouts.table import read_table

    rows = read_table(directory / PATIENTS, ("case", "subject_id")).to_dict("records")
    return {row["case"]: row for row in rows}


def row_of(people: dict[str, dict[str, str]] | None, name: str, directory: Path) -> dict[str, str]:
    """What patients.csv says of a case, nothing where there is none."""
    if people is not None and name not in people:
        raise RemnantError(f"{directory / PATIENTS} has no row for the case {name}; add it.")
    return people[name] if people is not None else {}


def files_of(about: dict, channel: str, directory: Path) -> list[tuple[str, Path, Path]]:
    """Name, image and label map of every training case, in the order of names."""
    if about.get("dataset"):
        try:
            return sorted(
                (str(name), directory / entry["images"][int(channel)], directory / entry["label"])
                for name, entry in about["dataset"].items()
            )
        except (AttributeError, IndexError, KeyError, TypeError):
            raise RemnantError(
                f"{directory / 'dataset.json'} must list the images, one a channel, and the label of every case of 'dataset'; "
                "mend it."
            ) from None
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
    ending = ending_of(about)
    if ending not in ENDINGS:
        raise RemnantError(f"The files of {directory} end in {ending!r}; convert them to one of {', '.join(ENDINGS)}.")
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
    raise RemnantError(f"{image} must end in one of {', '.join(ENDINGS)}; convert it and list it by its new name.")
