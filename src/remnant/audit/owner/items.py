"""The owner's items, an image with what is known of it each, as one table; whatever does not fit is told by the item's number."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from os import PathLike
from typing import Any

import numpy as np
import torch
from torch import Tensor

from remnant.audit.owner.item_faults import ItemFaults
from remnant.audit.owner.parted import BEFORE, UNTRAINED
from remnant.base.errors import RemnantError
from remnant.base.texts import enumerated, first_of, short
from remnant.cohort.images import Images

FIELDS = ("image", "label", "patient", "member")
DETAILS = ("age", "sex", "site")
# Whether the image trained the model, and whether the patient trained the version before, too.
MARKS = ("trained", "version_before")
MALE, FEMALE = {"m", "male", "1", "1.0"}, {"f", "female", "0", "2", "0.0", "2.0"}
SITES = 20  # that become a column each


def table_of(items: Iterable[tuple[str, Any]], source: str) -> tuple[Images, tuple[bool | None, ...]]:
    """The items of `source`, in words, each with how it is called, as one table, and who of them is a member.

    An item is a mapping, or an object, with `image` (channels, *spatial) as the network takes it, `label`, `patient`, and
    `member`: true, false, or None for an image that the attacker owns. `age`, `sex`, `site` where they are known;
    `trained`, false for an image of a member that did not train the model, and `version_before`, true for who trained that, too.
    Raises `ItemFaultsError` naming the items that do not fit, and `RemnantError` where there are none, or not of one kind.
    """
    images, labels, patients, members = [], [], [], []
    details: dict[str, list[Any]] = {name: [] for name in DETAILS}
    roles: list[str] = []
    columns = [
        *zip(FIELDS, (_image, _label, _patient, _member), (images, labels, patients, members), strict=True),
        *((name, partial(_detail, name), details[name]) for name in DETAILS),
    ]
    faults = ItemFaults()
    with faults.of_all(_begun(source)):
        for where, item in items:
            own: dict[str, Any] = {}
            with faults.of(_begun(where)):
                own = _fields(item, where)
            for name, read, kept in columns if own else ():
                with faults.of(_begun(where)):
                    kept.append(read(own.get(name), where))
            if own:
                with faults.of(_begun(where)):
                    roles.append(_role(own, where))
            if faults.enough:
                break
    if not images:
        raise RemnantError(f"{_begun(source)} gives no items; give one for every image.")
    axes: dict[int, list[int]] = {}
    for place, image in enumerate(images):
        axes.setdefault(image.dim(), []).append(place)
    if len(axes) > 1 or not axes.keys() <= {2, 3, 4}:
        told = enumerated([f"{count} axes ({first_of(axes[count], 'image')})" for count in sorted(axes)])
        raise RemnantError(
            f"{_begun(source)} gives images with {told}; give (channels, x, y) or (channels, x, y, z) throughout, and "
            "no batch."
        )
    table = Images(tuple(images), tuple(labels), tuple(patients), dict(_columns(details)))
    return replace(table, roles=tuple(roles) if any(roles) else ()), tuple(members)


def told_to_train(item: Any) -> dict[str, Any]:
    """An item, as it was given, without who is a member, and what each did in the training."""
    return {name: value for name, value in _given(item).items() if name not in ("member", *MARKS)}


def numbered(items: Any, source: str) -> Iterator[tuple[str, Any]]:
    """The items one after another, with how each is called in a sentence."""
    return ((f"item {number} of {source}", item) for number, item in enumerate(_each(items, source)))


def _each(items: Any, source: str) -> Iterable[Any]:
    # A torch Dataset need not say where it ends but by its length.
    if hasattr(items, "__getitem__") and hasattr(items, "__len__") and not isinstance(items, Mapping | str):
        return (items[i] for i in range(len(items)))
    if not isinstance(items, Iterable) or isinstance(items, Mapping | str):
        raise RemnantError(
            f"{_begun(source)} gives a {type(items).__name__}; give a list, a generator or a Dataset of items."
        )
    return items


def _fields(item: Any, where: str) -> dict[str, Any]:
    own = _given(item)
    if missing := [name for name in FIELDS if name not in own]:
        lacks = f"has no {' and no '.join(missing)}"
        if isinstance(item, tuple | list):
            lacks = f"is a {type(item).__name__} of {len(item)}, whose values have no names"
        raise RemnantError(
            f'{_begun(where)} {lacks}; yield {{"image": ..., "label": ..., "patient": ..., "member": True or False}}.'
        )
    return own


def _given(item: Any) -> dict[str, Any]:
    """All that a mapping holds, or what is known of an object."""
    if isinstance(item, Mapping):
        return dict(item)
    return {name: getattr(item, name) for name in (*FIELDS, *DETAILS, *MARKS) if hasattr(item, name)}


def _image(image: Any, where: str) -> Tensor:
    if isinstance(image, Tensor):
        # Not of a class of its own, such as MONAI's, which does more than it says.
        found = image.detach().cpu().as_subclass(Tensor)
    else:
        array = np.asarray(image)
        found = torch.from_numpy(np.ascontiguousarray(array)) if array.dtype.kind in "biuf" else torch.zeros(())
    if isinstance(image, str | PathLike):
        raise RemnantError(f"{_begun(where)} has a path or a text as its image; load it, and give its numbers.")
    if found.dim() < 2 or found.is_complex():
        raise RemnantError(
            f"{_begun(where)} has the image {short(type(image).__name__)} of shape {tuple(np.shape(image))}; give numbers, "
            "(channels, x, y) or (channels, x, y, z)."
        )
    if 0 in found.shape:
        raise RemnantError(
            f"{_begun(where)} has an image of shape {tuple(found.shape)}, which holds nothing; leave it out."
        )
    return found.float()


def _label(label: Any, where: str) -> np.ndarray:
    found = np.asarray(label.detach().cpu() if isinstance(label, Tensor) else label)
    if found.dtype.kind not in "biuf":
        raise RemnantError(
            f"{_begun(where)} has the label {short(label, 40)!r}; give a class index, 0 and 1 for each output, or a label map."
        )
    return found


def _patient(patient: Any, where: str) -> str:
    if isinstance(patient, tuple | list) or getattr(patient, "ndim", 0):
        raise RemnantError(
            f"{_begun(where)} has {len(patient)} patients, as a batch has; give the items one by one, with one patient each."
        )
    # One person is one name, whatever holds the number.
    patient = patient.item() if hasattr(patient, "item") else patient
    patient = int(patient) if isinstance(patient, float) and patient.is_integer() else patient
    # NaN is what pandas reads of an empty cell: all of these would be one person.
    if patient is None or (isinstance(patient, float) and patient != patient) or not str(patient).strip():
        raise RemnantError(f"{_begun(where)} has no patient; give an identifier that is one person's.")
    return str(patient)


def _member(member: Any, where: str) -> bool | None:
    if member is None or member is True or member is False:
        return member
    if isinstance(member, int | float | np.bool_ | np.integer | np.floating | Tensor) and member in (0, 1):
        return bool(member)
    raise RemnantError(
        f"{_begun(where)} has the member {short(member, 40)!r}; give True, False, or None for an image of the attacker's own."
    )


def _role(own: Mapping[str, Any], where: str) -> str:
    """What the image did in the training, as `parted` reads it."""
    marks = {name: own.get(name) for name in MARKS}
    for name, value in marks.items():
        if value is not None and value not in (True, False):
            raise RemnantError(f"{_begun(where)} has {name} {short(value, 40)!r}; give True or False, or leave it out.")
    trained, before = marks.values()
    if own.get("member") in (True, 1):
        return UNTRAINED if trained is not None and not trained else BEFORE if before else ""
    if trained or before:
        did = "trained" if trained else "trained the version before"
        raise RemnantError(
            f"{_begun(where)} is of no member and is said to have {did}; give member=True, or leave the patient out."
        )
    return ""


def _detail(name: str, value: Any, where: str) -> Any:
    if value is None or name == "sex":
        return value
    if name == "site":
        return str(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise RemnantError(f"{_begun(where)} has the {name} {short(value, 40)!r}; give a number, or None.") from None


def _columns(details: Mapping[str, list[Any]]) -> Iterator[tuple[str, np.ndarray]]:
    """Details as numbers, NaN for unknown; a site becomes a column each, sex 1 for men."""
    for name, values in details.items():
        known = [value for value in values if value is not None]
        if not known:
            continue
        if name == "site":
            for site in sorted(set(known))[:SITES]:
                column = [np.nan if value is None else float(value == site) for value in values]
                yield f"site: {short(site, 30)}", np.array(column)
        elif name == "sex":
            yield name, np.array([_sex(value) for value in values])
        else:
            yield name, np.array([np.nan if value is None else value for value in values])


def _sex(value: Any) -> float:
    word = str(value).strip().lower()
    return 1.0 if word in MALE else 0.0 if word in FEMALE else np.nan


def _begun(words: str) -> str:
    return words[0].upper() + words[1:] if words.startswith("item ") else words
