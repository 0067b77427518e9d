"""Members and non-members as Python hands them over: datasets, lists of items, or arrays."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from torch.utils.data import DataLoader

from remnant.audit.owner.items import DETAILS, MARKS, numbered, table_of, told_to_train
from remnant.base.errors import RemnantError
from remnant.cohort.images import Images

NEEDED = ("image", "label", "patient")
ARRAYS = "(images, labels, patients), a row each an image"


def images_of_groups(
    members: Any, non_members: Any, attacker: Any = None, kept: list[dict[str, Any]] | None = None
) -> tuple[Images, tuple[bool | None, ...]]:
    """One table of the groups, and who of it is a member.

    A group is a Dataset or iterable of items, each a mapping with image, label and patient or these three in a tuple; or arrays
    with a row an image, as a mapping of these names, as a data frame, or as the three together. `kept` is given the items as they
    were, in the order of the table. Raises `RemnantError` for what does not fit.
    """
    groups = [("members", members, True), ("non_members", non_members, False)]
    if attacker is not None:
        groups.append(("attacker", attacker, None))
    items = chain.from_iterable(_items(*group) for group in groups)
    return table_of(items if kept is None else _keeping(items, kept), "members and non_members")


def _keeping(
    items: Iterable[tuple[str, dict[str, Any]]], kept: list[dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, item in items:
        kept.append(told_to_train(item))
        yield where, item


def _items(name: str, given: Any, member: bool | None) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(given, DataLoader) and given.batch_sampler is not None:
        raise RemnantError(f"{name} is a DataLoader, which gives batches; give its dataset, loader.dataset.")
    if hasattr(given, "iloc"):
        given = given.to_dict("list")
    elif isinstance(given, tuple | list) and given and _is_array(given[0], within=given):
        given = _columns(given, name)
    rows = list(_rows(given, name)) if isinstance(given, Mapping) else given
    for where, item in numbered(rows, name):
        yield where, {**_fields(item, where), "member": member}


def _is_array(value: Any, within: tuple[Any, ...] | list[Any]) -> bool:
    """Whether it is many images, where no item could stand: an array, or in a tuple of three a list of such."""
    if isinstance(value, list):
        return isinstance(within, tuple) and len(within) == len(NEEDED) and all(hasattr(one, "ndim") for one in value)
    return getattr(value, "ndim", 0) > 0


def _columns(given: tuple[Any, ...] | list[Any], name: str) -> dict[str, Any]:
    """Arrays by their names; raises `RemnantError` where they are not images, labels and patients."""
    images, *others = given
    if len(given) != len(NEEDED):
        raise RemnantError(f"{name} is a {type(given).__name__} of {len(given)}; of arrays give {ARRAYS}.")
    if isinstance(images, list) or images.ndim >= 4:
        return dict(zip(NEEDED, given, strict=True))
    shape = tuple(images.shape)
    if getattr(others[0], "ndim", 0) == 0 and not isinstance(others[0], tuple | list):
        raise RemnantError(f"{name} is one item with an image of shape {shape}; give a list of such items.")
    full = ", ".join(map(str, (shape[0], 1, *shape[1:])))
    raise RemnantError(f"{name} has images of shape {shape} without a channel axis; give them as ({full}).")


def _rows(columns: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    if missing := [one for one in NEEDED if columns.get(one) is None]:
        raise RemnantError(
            f"{name} has no {' and no '.join(missing)}; give image, label and patient, a row each an image."
        )
    known = {key: columns[key] for key in (*NEEDED, *DETAILS, *MARKS) if columns.get(key) is not None}
    if bare := [key for key, values in known.items() if not hasattr(values, "__len__") or isinstance(values, str)]:
        raise RemnantError(f"{name} has one {bare[0]} for all images; give a row each an image.")
    counts = {key: len(values) for key, values in known.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} of {key}" for key, count in counts.items())
        raise RemnantError(f"{name} has rows of unequal number ({told}); give one of each an image.")
    return (dict(zip(known, values, strict=True)) for values in zip(*known.values(), strict=True))


def _fields(item: Any, where: str) -> Mapping[str, Any]:
    if isinstance(item, Mapping):
        if missing := [name for name in NEEDED if name not in item]:
            raise RemnantError(
                f"{where[0].upper()}{where[1:]} has no {' and no '.join(missing)}; give image, label and patient in every item."
            )
        return item
    if isinstance(item, tuple | list) and len(item) == len(NEEDED):
        return dict(zip(NEEDED, item, strict=True))
    found = {key: getattr(item, key) for key in (*NEEDED, *DETAILS, *MARKS) if hasattr(item, key)}
    if not found:
        many = f" of {len(item)}" if isinstance(item, tuple | list) else ""
        arrays = "" if isinstance(item, tuple) else f"; of arrays {ARRAYS}"
        raise RemnantError(
            f"{where[0].upper()}{where[1:]} is a {type(item).__name__}{many}; give (image, label, patient), or a mapping{arrays}."
        )
    return found
