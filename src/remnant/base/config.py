"""Frozen settings: TOML in, the resolved settings written into the run."""

import difflib
import tomllib
from pathlib import Path
from types import UnionType
from typing import Any, Self, Union, get_origin

import pydantic

from remnant.base.errors import RemnantError, foreign
from remnant.base.files import require_file


class Settings(pydantic.BaseModel):
    """Base of every configuration: frozen, and an unknown key is an error."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @pydantic.field_validator("*")
    @classmethod
    def _readable_elsewhere(cls, value: Any) -> Any:
        if isinstance(value, int) and abs(value) >= 2**63:
            raise ValueError("must have at most 18 digits")
        return value

    @classmethod
    def of_toml(cls, path: Path) -> Self:
        """The settings of a file, and defaults for the others; raises `RemnantError` as `with_toml` does."""
        return cls._checked_of(path, _read(path))

    def with_toml(self, path: Path) -> Self:
        """The same settings with those of a file in their place, table by table.

        Raises `RemnantError` naming the file and every key that does not fit.
        """
        return self._checked_of(path, _merged(self.model_dump(), _read(path)))

    @classmethod
    def _checked_of(cls, path: Path, values: dict[str, Any]) -> Self:
        try:
            return cls.model_validate(values)
        except pydantic.ValidationError as error:
            raise RemnantError(f"The configuration {path} does not fit: {' '.join(problems(error, cls))}") from None

    def with_what_fits(self, path: Path) -> tuple[Self, list[str]]:
        """The same settings with those of a file that fit, and a sentence for each that does not.

        Raises `RemnantError` where the file is not there or no TOML.
        """
        changes, found = _read(path), []
        while True:
            try:
                return self.model_validate(_merged(self.model_dump(), changes)), found
            except pydantic.ValidationError as error:
                found += [f"{path}: {said}" for said in problems(error, type(self))]
                fitting = changes
                for problem in error.errors():
                    fitting = _without(fitting, _place(type(self), problem["loc"]))
                if fitting == changes:
                    # A rule over several settings: none of them is the wrong one.
                    return self, found
                changes = fitting

    @classmethod
    def checked(cls, **values: Any) -> Self:
        """Settings from a user's values; raise `RemnantError` naming the one that does not fit."""
        try:
            return cls.model_validate(values)
        except pydantic.ValidationError as error:
            raise RemnantError(first_problem(error, cls)) from None

    def changed(self, **values: Any) -> Self:
        """The same settings with some replaced; raise `RemnantError` naming the one that does not fit."""
        return self.checked(**(dict(self) | values))

    def resolved(self) -> dict[str, Any]:
        """Every setting as plain JSON values."""
        return self.model_dump(mode="json")


class NoSettings(Settings):
    """Settings of a part that has nothing to set."""


def _read(path: Path) -> dict[str, Any]:
    require_file(path, "configuration")
    with foreign(path, "is not valid TOML", "mend it, and save it as UTF-8"):
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))


def _without(changes: dict[str, Any], place: tuple[int | str, ...]) -> dict[str, Any]:
    """The changes without that at `place`; without the whole value where the place is inside of one that is no table."""
    if not place or place[0] not in changes:
        return changes
    name = str(place[0])
    if len(place) > 1 and isinstance(changes[name], dict):
        return changes | {name: _without(changes[name], place[1:])}
    return {key: value for key, value in changes.items() if key != name}


def _merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for key, change in changes.items():
        both = isinstance(change, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], change) if both else change
    return merged


# What a value must be, by pydantic's kind of error; its context fills the braces.
_MUST = {
    "missing": "is missing",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a text",
    "path_type": "must be a path",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} values",
    "too_long": "must have at most {max_length} values",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
}


def first_problem(error: pydantic.ValidationError, settings: type[pydantic.BaseModel] | None = None) -> str:
    """The first of the problems that pydantic found, as one sentence; of an unknown setting of `settings` also the nearest."""
    return problems(error, settings)[0]


def problems(error: pydantic.ValidationError, settings: type[pydantic.BaseModel] | None = None) -> list[str]:
    """All of them, a sentence a setting."""
    found: dict[tuple[int | str, ...], str] = {}
    for problem in error.errors():
        place = _place(settings, problem["loc"])
        found.setdefault(place, _problem({**problem, "loc": place}, settings))
    return list(found.values())


def _place(settings: type[pydantic.BaseModel] | None, place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The place of a setting, without the type that it is not: of one that may be of several pydantic tells each."""
    for depth, part in enumerate(place):
        field = settings.model_fields.get(str(part)) if settings else None
        kind = field.annotation if field else None
        if get_origin(kind) in (Union, UnionType):
            return place[: depth + 1]
        settings = kind if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel) else None
    return place


def _problem(problem: dict[str, Any], settings: type[pydantic.BaseModel] | None) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{place} is no setting here; {_meant(settings, problem['loc'])}"
    must = _MUST.get(problem["type"])
    if must:
        must = must.format(**problem.get("ctx", {}))
        if problem["type"] == "missing":
            return f"{place} {must}."
        return f"{place} {must}. Got {problem['input']!r} instead.".lstrip()
    message = problem["msg"].removeprefix("Value error, ").removesuffix(".")
    if not place:
        # A rule over several settings: the input would be all of them.
        return f"{message[0].upper()}{message[1:]}."
    return f"{place}: {message}. Got {problem['input']!r} instead."


def _meant(settings: type[pydantic.BaseModel] | None, place: tuple[int | str, ...]) -> str:
    """What an unknown setting may have been meant for: one of its own table, or one of another table."""
    name, names = str(place[-1]), _names(settings, place[:-1])
    if near := difflib.get_close_matches(name, names, n=1):
        return f"did you mean {near[0]}?"
    if near := difflib.get_close_matches(name, elsewhere := _elsewhere(settings), n=1):
        return f"did you mean {elsewhere[near[0]]}?"
    return f"it has {', '.join(names)}." if names else "leave it out."


def _elsewhere(settings: type[pydantic.BaseModel] | None) -> dict[str, str]:
    """Every setting of every table by its own name, as it is written in full."""
    found: dict[str, str] = {}
    for table in _names(settings, ()):
        found |= {name: f"{table}.{name}" for name in _names(settings, (table,))}
    return found | {name: name for name in _names(settings, ())}


def _names(settings: type[pydantic.BaseModel] | None, place: tuple[int | str, ...]) -> list[str]:
    """The settings of the table at `place`; none where that is no table of fixed settings."""
    for part in place:
        field = settings.model_fields.get(str(part)) if settings else None
        kind = field.annotation if field else None
        settings = kind if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel) else None
    return list(settings.model_fields) if settings else []
