"""Frozen settings: TOML in, the resolved settings written into the run."""

import tomllib
from pathlib import Path
from typing import Any, Self

import pydantic

from remnant.base.errors import RemnantError


class Settings(pydantic.BaseModel):
    """Base of every configuration: frozen, and an unknown key is an error."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read settings; raise `RemnantError` naming the file and the key that does not fit."""
        try:
            return cls.model_validate(tomllib.loads(Path(path).read_text(encoding="utf-8")))
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


def first_problem(error: pydantic.ValidationError) -> str:
    """The first of the problems that pydantic found, as one sentence."""
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the settings"
    return f"{place}: {problem['msg']}. Got {problem['input']!r} instead."
