"""The owner's own code, `target.py`: read and called in a process of its own, and its faults told in one sentence.

Only `remnant audit` runs it, since its owner asked for that; nothing that a checkpoint or a bundle names is ever run.
"""

import contextlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from remnant.base.errors import RemnantError
from remnant.base.texts import short
from remnant.cohort.images import Images

FIELDS = ("image", "label", "patient", "member")
DETAILS = ("age", "sex", "site")
MALE, FEMALE = {"m", "male", "1"}, {"f", "female", "0", "2"}


@contextlib.contextmanager
def calling(path: Path, what: str) -> Iterator[None]:
    """Whatever the owner's code raises becomes one `RemnantError` that names the line of his file."""
    try:
        yield
    except RemnantError:
        raise
    except ModuleNotFoundError as error:
        raise RemnantError(
            f"{what} of {path} needs the package {error.name!r}, which is not installed here; install it beside Remnant."
        ) from error
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).resolve() == path.resolve()]
        where = f"line {own[-1].lineno} of {path}" if own else str(path)
        if isinstance(error, NotImplementedError) and own and own[-1] is frames[-1]:
            raise RemnantError(
                f"{where[0].upper()}{where[1:]}: {short(error, 200) or f'{what} is to be written'}."
            ) from error
        raise RemnantError(
            f"{what} raised {type(error).__name__} at {where} ({short(error, 200)}); mend it there."
        ) from error


def load_module(path: Path) -> ModuleType:
    """The file as a module; what lies beside it can be imported from it."""
    if not path.is_file():
        raise RemnantError(f"{path} does not exist; `remnant audit --init {path.parent}` writes one to start from.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    with calling(path, "Importing it"):
        try:
            spec.loader.exec_module(module)
        except SyntaxError as error:
            raise RemnantError(f"Line {error.lineno} of {path} is no Python ({error.msg}); mend it.") from error
    return module


def function_of(module: ModuleType, name: str, *, needed: bool) -> Callable[..., Any] | None:
    """The function `name` of the owner's file; None where it has none and none is needed."""
    found = getattr(module, name, None)
    if found is None and not needed:
        return None
    if not callable(found):
        have = [
            key
            for key, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        raise RemnantError(
            f"{module.__file__} has no function {name}(); it has {', '.join(have) or 'none'}. Write {name}(), or name another in "
            "audit.toml."
        )
    return found


def images_of(items: Any, path: Path) -> tuple[Images, tuple[bool | None, ...]]:
    """The items of `data()` as one table, and who of them is a member; raises `RemnantError` naming the item that does not fit.

    An item is a mapping, or an object, with `image` (channels, *spatial) as the network takes it, `label`, `patient`, and
    `member`: true, false, or None for an image that the attacker owns. `age`, `sex`, `site` where they are known.
    """
    images, labels, patients, members = [], [], [], []
    details: dict[str, list[Any]] = {name: [] for name in DETAILS}
    with calling(path, "data()"):
        for number, item in enumerate(items):
            own = _fields(item, number, path)
            images.append(_image(own["image"], number, path))
            labels.append(np.asarray(own["label"].cpu() if isinstance(own["label"], torch.Tensor) else own["label"]))
            patients.append(str(own["patient"]))
            members.append(None if own["member"] is None else bool(own["member"]))
            for name in DETAILS:
                details[name].append(own.get(name))
    if not images:
        raise RemnantError(f"data() of {path} gives no items; yield one for every image.")
    axes = {image.dim() for image in images}
    if len(axes) > 1 or not axes <= {2, 3, 4}:
        raise RemnantError(
            f"data() of {path} gives images with {' and '.join(map(str, sorted(axes)))} axes; give (channels, x, y) or "
            "(channels, x, y, z) throughout, without a batch."
        )
    return Images(tuple(images), tuple(labels), tuple(patients), dict(_numbers(details))), tuple(members)


def _fields(item: Any, number: int, path: Path) -> dict[str, Any]:
    known = (*FIELDS, *DETAILS)
    own = (
        dict(item)
        if isinstance(item, Mapping)
        else {name: getattr(item, name) for name in known if hasattr(item, name)}
    )
    if missing := [name for name in FIELDS if name not in own]:
        raise RemnantError(
            f"Item {number} of data() in {path} has no {' and no '.join(missing)}; yield "
            '{"image": ..., "label": ..., "patient": ..., "member": True or False}.'
        )
    if own["patient"] is None or str(own["patient"]).strip() == "":
        raise RemnantError(
            f"Item {number} of data() in {path} has no patient; give an identifier that is one person's."
        )
    return own


def _image(image: Any, number: int, path: Path) -> torch.Tensor:
    found = image.detach().cpu() if isinstance(image, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(image))
    if found.dim() < 2 or not (
        found.is_floating_point() or found.dtype in (torch.uint8, torch.int16, torch.int32, torch.int64)
    ):
        raise RemnantError(
            f"The image of item {number} of data() in {path} has shape {tuple(found.shape)} and type {found.dtype}; give "
            "numbers, (channels, x, y) or (channels, x, y, z)."
        )
    return found.float()


def _numbers(details: Mapping[str, list[Any]]) -> Iterator[tuple[str, np.ndarray]]:
    """Details as numbers, NaN for unknown; a site becomes a column each, sex 1 for men."""
    for name, values in details.items():
        known = [value for value in values if value is not None]
        if not known:
            continue
        if name == "site":
            for site in sorted({str(value) for value in known})[:20]:
                yield (
                    f"site {short(site, 30)}",
                    np.array([np.nan if value is None else float(str(value) == site) for value in values]),
                )
        elif name == "sex":
            yield name, np.array([_sex(value) for value in values])
        else:
            yield name, np.array([np.nan if value is None else float(value) for value in values])


def _sex(value: Any) -> float:
    word = str(value).strip().lower()
    return 1.0 if word in MALE else 0.0 if word in FEMALE else np.nan
