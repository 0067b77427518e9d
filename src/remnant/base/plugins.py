"""Parts that other packages add to a list of Remnant's own, by an entry point."""

import importlib.metadata
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from remnant.base.errors import RemnantError


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Part = TypeVar("Part", bound=_Named)


def with_plugins(
    own: Iterable[Part], kind: type[Part], group: str, word: str, fault: Callable[[Part], str]
) -> dict[str, Part]:
    """Remnant's `own` parts by name, each with a `name`, and behind them those that entry points of the `group` name.

    `word`: what such a part is called, "attack"; `fault(part)`: why it is none of ours, empty where it is. Raises `RemnantError`
    for an entry point that cannot be imported, is of another `kind`, has a fault, or has the name of another part.
    """
    found = {part.name: part for part in own}
    an = f"an {word}" if word[0] in "aeiou" else f"a {word}"
    for point in importlib.metadata.entry_points(group=group):
        package = point.dist.name if point.dist else point.value
        try:
            part = point.load()
        except Exception as error:
            raise RemnantError(
                f"The {word} {point.name!r} of {package} cannot be imported ({type(error).__name__}: {error}); mend or "
                "uninstall it."
            ) from error
        if not isinstance(part, kind):
            raise RemnantError(
                f"{point.value} of {package} is no {kind.__module__}.{kind.__name__}; mend or uninstall it."
            )
        if why := fault(part):
            raise RemnantError(f"The {word} {part.name!r} of {package} {why}.")
        if part.name in found:
            raise RemnantError(f"{package} has {an} called {part.name!r}, which there is already; rename it.")
        found[part.name] = part
    return found
