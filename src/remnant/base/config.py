"""Frozen settings: TOML in, the resolved settings written into the run."""

import tomllib
from pathlib import Path
from typing import Any, Self

import pydantic

from remnant.base.errors import RemnantError


class Settings(pydantic.BaseModel):
    """Base of every configuration: frozen, and an unknown key is an error."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    def with_toml(self, path: Path) -> Self:
        """The same settings with those of a file in their place, table by table.

        Raises `RemnantError` naming the file and the key that does not fit.
        """
        try:
            changes = tomllib.loads(Path(path).read_text(encoding="utf-8"))
            return self.model_validate(_merged(self.model_dump(), changes))
        except FileNotFoundError:
            raise RemnantError(f"The configuration {path} does not exist; check the path.") from None
        except tomllib.TOMLDecodeError as error:
            raise RemnantError(f"The configuration {path} is not valid TOML: {error}.") from None
        except pydantic.ValidationError as error:
            raise RemnantError(f"The configuration {path} does not fit: {first_problem(error)}") from None

    @classmethod
    def checked(cls, **values: Any) -> Self:
        """Settings from a user's values; raise `RemnantError` naming the one that does not fit."""
        try:
            return cls.model_validate(values)
        except pydantic.ValidationError as error:
            raise RemnantError(first_problem(error)) from None

    def changed(self, **values: Any) -> Self:
        """The same settings with some replaced; raise `RemnantError` naming the one that does not fit."""
        return self.checked(**(dict(self) | values))

    def resolved(self) -> dict[str, Any]:
        """Every setting as plain JSON values."""
        return self.model_dump(mode="json")


def _merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for key, change in changes.items():
        both = isinstance(change, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], change) if both else change
    return merged


def first_problem(error: pydantic.ValidationError) -> str:
    """The first of the problems that pydantic found, as one sentence."""
    problem = error.errors()[0]
    message = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        # A rule over several settings: the input would be all of them.
        return f"{message[0].upper()}{message[1:]}."
    return f"{'.'.join(str(part) for part in problem['loc'])}: {message}. Got {problem['input']!r} instead."
