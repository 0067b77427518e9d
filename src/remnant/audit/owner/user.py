"""The owner's own code, `target.py`: read and called in a process of its own, and its faults told in one sentence.

Only `remnant audit` runs it, since its owner asked for that; nothing that a checkpoint or a bundle names is ever run.
"""

import contextlib
import importlib.util
import inspect
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from remnant.audit.owner.before import no_function, require_python
from remnant.base.errors import RemnantError
from remnant.base.files import write_text
from remnant.base.seeds import Seeds
from remnant.base.texts import short
from remnant.targets.audited import lacks_memory
from remnant.targets.build import OTHER_INDEX, lacks_operator


@contextlib.contextmanager
def calling(path: Path, what: str) -> Iterator[None]:
    """Whatever the owner's code raises becomes one `RemnantError` that names the line of his file; its text is kept."""
    try:
        yield
    except RemnantError:
        raise
    except SystemExit as error:
        raise RemnantError(
            f"{what} ended the process at {_place(error, path)[0]} (code {error.code}); take that out, and return or raise."
        ) from error
    except ModuleNotFoundError as error:
        raise RemnantError(
            f"{what} of {path} needs the package {short(error.name or error)!r}, which is not installed here; install it beside "
            "Remnant."
        ) from error
    except Exception as error:
        where, own = _place(error, path)
        if isinstance(error, NotImplementedError) and own:
            raise RemnantError(
                f"{where[0].upper()}{where[1:]}: {short(error, 200) or f'{what} is to be written'}."
            ) from error
        if lacks_memory(error):
            raise RemnantError(
                f"{what} of {path} runs out of memory; give smaller images or fewer of them, or take a larger machine."
            ) from error
        if lacks_operator(error):
            raise RemnantError(OTHER_INDEX) from error
        raise RemnantError(
            f"{what} raised {type(error).__name__} at {where}{_kept(what, path)}; mend it there."
        ) from error


def _kept(what: str, path: Path) -> str:
    """Write the traceback beside the owner's file and say where: its text may name a patient, and what a terminal shows is passed
    on, or kept by others."""
    log = path.with_name(f"{what.split('(')[0].split()[0].lower()}-error.log")
    try:
        write_text(log, traceback.format_exc())
    except OSError:
        return ""
    return f" (what it said is in {log})"


def _place(error: BaseException, path: Path) -> tuple[str, bool]:
    """Where in the owner's file it happened, in words, and whether it was raised there and not below."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).resolve() == path.resolve()]
    return (f"line {own[-1].lineno} of {path}", own[-1] is frames[-1]) if own else (str(path), False)


def seed_libraries(seeds: Seeds) -> None:
    """Set the generators that libraries share, which the owner's code may draw on: one seed is one audit."""
    random.seed(seeds.integer)
    np.random.seed(seeds.integer % 2**32)
    torch.manual_seed(seeds.integer)


def load_module(path: Path) -> ModuleType:
    """The file as a module; what lies beside it can be imported from it."""
    require_python(path)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    with calling(path, "Importing it"):
        try:
            spec.loader.exec_module(module)
        except SyntaxError as error:
            raise RemnantError(
                f"Line {error.lineno} of {error.filename} is no Python ({error.msg}); mend it."
            ) from error
    return module


def function_of(module: ModuleType, name: str, path: Path, *, needed: bool) -> Callable[..., Any] | None:
    """The function `name` of the owner's file `path`; None where it has none and none is needed."""
    found = getattr(module, name, None)
    if found is None and not needed:
        return None
    if not callable(found):
        has = [
            key
            for key, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        raise RemnantError(no_function(path, name, sorted(has)))
    return found
