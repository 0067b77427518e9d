"""What is wrong with a folder that can be said in no time: before PyTorch is imported, and before the owner's code is run."""

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from remnant.audit.config import AuditConfig
from remnant.base.errors import RemnantError
from remnant.targets.build import library_of
from remnant.targets.files.kind import kind_of_file

TARGET = "target.py"


def faults_before(folder: Path, config: AuditConfig) -> list[str]:
    """What no code has to run for, a sentence each: files that are not there, functions, the library, the checkpoint's kind."""
    target, settings = folder / TARGET, config.target
    named = ":" in settings.build
    found = []
    for check in (
        lambda: require_functions(target, ("data",) if named else (settings.build, "data")),
        lambda: named and _require_installed(settings.build),
        lambda: settings.checkpoint and kind_of_file(folder / settings.checkpoint),
        lambda: config.prior.file and kind_of_file(folder / config.prior.file),
    ):
        try:
            check()
        except RemnantError as error:
            found.append(str(error))
    return found


def require_functions(target: Path, needed: tuple[str, ...]) -> None:
    """Raise `RemnantError` unless `target` is Python and has these names, as far as its text tells."""
    require_python(target)
    tree = ast.parse(target.read_bytes())
    names = {*_names(tree)}
    if missing := [name for name in needed if name not in names and "*" not in names]:
        raise RemnantError(no_function(target, missing[0], sorted(_functions(tree))))


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
