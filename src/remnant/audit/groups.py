"""Members and non-members as Python hands them over: datasets, lists of items, or arrays."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from remnant.audit.items import DETAILS, numbered, table_of
from remnant.base.errors import RemnantError
from remnant.cohort.images import Images

NEEDED = ("image", "label", "patient")


def images_of_groups(members: Any, non_members: Any, attacker: Any = None) -> tuple[Images, tuple[bool | None, ...]]:
    """One table of the groups, and who of it is a member.

    A group is a Dataset or iterable of items, each a mapping with image, label and patient or these three in a tuple; or arrays
    with a row an image, as a mapping of these names or as a tuple of the three. Raises `RemnantError` for what does not fit.
    """
    groups = [("members", members, True), ("non_members", non_members, False)]
    if attacker is not None:
        groups.append(("attacker", attacker, None))
    return table_of(chain.from_iterable(_items(*group) for group in groups), "members and non_members")


def _items(name: str, given: Any, member: bool | None) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(given, tuple) and len(given) == len(NEEDED) and _is_array(given[0]):
        given = dict(zip(NEEDED, given, strict=True))
    rows = list(_rows(given, name)) if isinstance(given, Mapping) else given
    for where, item in numbered(rows, name):
        yield where, {**_fields(item, where), "member": member}


def _is_array(value: Any) -> bool:
    """Whether it is images, and not one: rows of (channels, *spatial)."""
    if isinstance(value, list):
        return all(hasattr(one, "ndim") for one in value)
    return getattr(value, "ndim", 0) >= 4


def _rows(columns: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    if missing := [one for one in NEEDED if one not in columns]:
        raise RemnantError(
            f"{name} has no {' and no '.join(missing)}; give image, label and patient, a row each an image."
        )
    known = {key: columns[key] for key in (*NEEDED, *DETAILS) if key in columns}
    counts = {key: len(values) for key, values in known.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} of {key}" for key, count in counts.items())
        raise RemnantError(f"{name} has rows of unequal number ({told}); give one of each an image.")
    return (dict(zip(known, values, strict=True)) for values in zip(*known.values(), strict=True))


def _fields(item: Any, where: str) -> Mapping[str, Any]:
    if isinstance(item, Mapping):
        return item
    if isinstance(item, tuple | list) and len(item) == len(NEEDED):
        return dict(zip(NEEDED, item, strict=True))
    found = {key: getattr(item, key) for key in (*NEEDED, *DETAILS) if hasattr(item, key)}
    if not found:
        many = f" of {len(item)}" if isinstance(item, tuple | list) else ""
        raise RemnantError(
            f"{where[0].upper()}{where[1:]} is a {type(item).__name__}{many}; give (image, label, patient), or a mapping."
        )
    return found
