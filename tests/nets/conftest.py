"""torchvision, where its wheel does not import: beside the CPU build of torch its compiled operators are missing."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="session")
def torchvision_models():
    """`torchvision.models`; operators that could not be loaded, none of which a classifier calls, are stubbed."""
    try:
        import torchvision
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        package = Path(importlib.util.find_spec("torchvision").submodule_search_locations[0])
        registered = (package / "_meta_registrations.py").read_text()
        library = torch.library.Library("torchvision", "DEF")
        for operator in set(re.findall(r'register_fake\("torchvision::(\w+)"\)', registered)):
            library.define(f"{operator}(Tensor boxes) -> Tensor")
        import torchvision

        # The stubs live as long as the library.
        torchvision.stubs = library
    return torchvision.models
