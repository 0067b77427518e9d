"""A network by the name of its architecture in a library: "torchvision:resnet18". No code of the owner's is needed."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from remnant.base.errors import RemnantError
from remnant.base.texts import short


def _torchvision(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    models = importlib.import_module("torchvision.models")
    return models.get_model(name, weights=None, **arguments)


def _timm(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    return importlib.import_module("timm").create_model(name, pretrained=False, **arguments)


def _monai(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    return getattr(importlib.import_module("monai.networks.nets"), name)(**arguments)


def _transformers(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    library = importlib.import_module("transformers")
    kind = getattr(library, name)
    return kind(kind.config_class(**arguments))


def _torchxrayvision(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    return getattr(importlib.import_module("torchxrayvision.models"), name)(**arguments)


# A new library is a function and an entry here; a name is what that library calls it.
LIBRARIES: dict[str, Callable[[str, Mapping[str, Any]], nn.Module]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "monai": _monai,
    "transformers": _transformers,
    "torchxrayvision": _torchxrayvision,
}


def build(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """The network that `name`, "library:architecture", stands for, untrained, with the library's `arguments`.

    Raises `RemnantError` for an unknown library, one that is not installed, and for what it refuses.
    """
    library, _, architecture = name.partition(":")
    if library not in LIBRARIES or not architecture:
        raise RemnantError(
            f"The build {short(name)!r} names no known library; write LIBRARY:ARCHITECTURE with one of {', '.join(LIBRARIES)}, "
            "or a function of target.py."
        )
    try:
        return LIBRARIES[library](architecture, arguments)
    except ModuleNotFoundError as error:
        raise RemnantError(
            f"The build {short(name)!r} needs the package {error.name!r}, which is not installed here; install it beside "
            "Remnant, or write build() in target.py."
        ) from error
    except Exception as error:
        raise RemnantError(
            f"{library} does not build {short(architecture)!r} with {short(dict(arguments))} ({type(error).__name__}: "
            f"{short(error, 160)}); mend the build or its arguments in [target]."
        ) from error
