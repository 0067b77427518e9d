"""A network by the name of its architecture in a library: "torchvision:resnet18". No code of the owner's is needed."""

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from remnant.base.errors import RemnantError
from remnant.base.texts import short

if TYPE_CHECKING:
    from torch import nn


def _torchvision(models: ModuleType, name: str, arguments: Mapping[str, Any]) -> "nn.Module":
    return models.get_model(name, weights=None, **arguments)


def _timm(library: ModuleType, name: str, arguments: Mapping[str, Any]) -> "nn.Module":
    return library.create_model(name, pretrained=False, **arguments)


def _named(library: ModuleType, name: str, arguments: Mapping[str, Any]) -> "nn.Module":
    return getattr(library, name)(**arguments)


def _transformers(library: ModuleType, name: str, arguments: Mapping[str, Any]) -> "nn.Module":
    kind = getattr(library, name)
    return kind(kind.config_class(**arguments))


# The module that has a library's networks, and what builds one. A new library is an entry here; a name is what it calls it.
LIBRARIES: dict[str, tuple[str, Callable[[ModuleType, str, Mapping[str, Any]], "nn.Module"]]] = {
    "torchvision": ("torchvision.models", _torchvision),
    "timm": ("timm", _timm),
    "monai": ("monai.networks.nets", _named),
    "transformers": ("transformers", _transformers),
    "torchxrayvision": ("torchxrayvision.models", _named),
}

# Of torchvision beside a PyTorch that it was not made for, such as PyPI's beside that of the CPU's index.
OTHER_INDEX = (
    "torchvision does not load here, since its operators are of another PyTorch; install both from one index, such as "
    "`pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu`."
)


def lacks_operator(error: BaseException) -> bool:
    """Whether it says that torchvision's compiled part does not belong to this PyTorch."""
    return "operator torchvision::" in str(error)


def library_of(name: str) -> str:
    """The library of "library:architecture"; raises `RemnantError` for one that is not known."""
    library, _, architecture = name.partition(":")
    if library not in LIBRARIES or not architecture:
        raise RemnantError(
            f"The build {short(name)!r} names no known library; write LIBRARY:ARCHITECTURE with one of {', '.join(LIBRARIES)}, "
            "or a function of target.py."
        )
    return library


def build(name: str, arguments: Mapping[str, Any]) -> "nn.Module":
    """The network that `name`, "library:architecture", stands for, untrained, with the library's `arguments`.

    Raises `RemnantError` for an unknown library, one that is not installed or does not load, and for what it refuses.
    """
    library, architecture = library_of(name), name.partition(":")[2]
    module = load_library(library)
    try:
        return LIBRARIES[library][1](module, architecture, arguments)
    except Exception as error:
        # Hugging Face imports a network's file when it is asked for, and hides what became of it.
        if isinstance(error, ModuleNotFoundError):
            raise _unloaded(library, error) from error
        raise RemnantError(
            f"{library} does not build {short(architecture)!r} with {short(dict(arguments))} ({type(error).__name__}: "
            f"{short(error, 160)}); mend the build or its arguments in [target]."
        ) from error


def load_library(library: str) -> ModuleType:
    """The module of a library of `LIBRARIES`; raises `RemnantError` where it is not installed or does not load here."""
    try:
        return importlib.import_module(LIBRARIES[library][0])
    except Exception as error:
        raise _unloaded(library, error) from error


def _unloaded(library: str, error: BaseException) -> RemnantError:
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, ModuleNotFoundError) and error.name:
        missing = "" if error.name == library else f" needs the package {error.name}, which"
        return RemnantError(
            f"{library}{missing} is not installed here; install it beside Remnant, or write build() in target.py."
        )
    if lacks_operator(error):
        return RemnantError(OTHER_INDEX)
    return RemnantError(
        f"{library} does not load here ({type(error).__name__}: {short(error, 120)}); install the version that belongs to this "
        "PyTorch, or write build() in target.py."
    )
