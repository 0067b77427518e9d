"""What is wrong with a folder that can be said in no time: before PyTorch is imported, and before the owner's code is run."""

import ast
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from remnant.audit.config import AuditConfig
from remnant.audit.verdict.scenario import not_attacked
from remnant.base.errors import RemnantError
from remnant.targets.build import library_of
from remnant.targets.files.kind import kind_of_file

TARGET = "target.py"
# What of a folder a fault is in, and so what can still be looked at.
Part = Literal["scenario", "target", "build", "data", "library", "checkpoint", "version_before", "prior"]


def faults_before(folder: Path, config: AuditConfig) -> dict[Part, str]:
    """What no code has to run for, a sentence each: files that are not there, functions, the library, the checkpoint's kind.

    What only follows from another is left out: of a file that is no Python no function is missed.
    """
    target, settings = folder / TARGET, config.target
    checks: dict[Part, Callable[[], object]] = {
        "target": lambda: require_python(target),
        "build": lambda: ":" not in settings.build and require_function(target, settings.build),
        "data": lambda: require_function(target, "data"),
        "library": lambda: ":" in settings.build and _require_installed(settings.build),
        "checkpoint": lambda: settings.checkpoint and kind_of_file(folder / settings.checkpoint),
        "version_before": lambda: settings.version_before and kind_of_file(folder / settings.version_before),
        "prior": lambda: config.prior.file and kind_of_file(folder / config.prior.file),
    }
    why = not_attacked(config.scenario)
    found: dict[Part, str] = {"scenario": why} if why else {}
    for part, check in checks.items():
        if part in ("build", "data") and "target" in found:
            continue
        try:
            check()
        except RemnantError as error:
            found[part] = str(error)
    return found


def require_function(target: Path, name: str) -> None:
    """Raise `RemnantError` unless `target`, which is Python, has this name, as far as its text tells."""
    tree = ast.parse(target.read_bytes())
    names = {*_names(tree)}
    if name not in names and "*" not in names:
        raise RemnantError(no_function(target, name, sorted(_functions(tree))))


def require_python(target: Path) -> None:
    """Raise `RemnantError` unless `target` is there and Python."""
    if not target.is_file():
        raise RemnantError(f"{target} does not exist; `remnant audit --init {target.parent}` writes one to start from.")
    try:
        ast.parse(target.read_bytes())
    except SyntaxError as error:
        raise RemnantError(f"Line {error.lineno} of {target} is no Python ({error.msg}); mend it.") from None
    except ValueError as error:
        raise RemnantError(f"{target} is no Python ({error}); mend it.") from None


def no_function(target: Path, name: str, has: list[str]) -> str:
    """The sentence for a function that a file lacks."""
    return (
        f"{target} has no function {name}(), but {', '.join(has) or 'none'}; write it, or name another in audit.toml."
    )


def _functions(tree: ast.Module) -> Iterator[str]:
    return (node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _names(tree: ast.Module) -> Iterator[str]:
    """Every name that is defined, imported or assigned anywhere; a star for one that is imported with all others."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _require_installed(build: str) -> None:
    library = library_of(build)
    if importlib.util.find_spec(library) is None:
        raise RemnantError(
            f"{library} is not installed here; install it beside Remnant, or write build() in target.py."
        )
