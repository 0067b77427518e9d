"""What else a pickle would do if it were loaded in the common way: names that it imports and that weights do not need."""

import re
from collections.abc import Iterable
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.texts import short
from remnant.targets.files.pickled import BadPickleError

# What `torch.load(weights_only=True)` allows and weights are made of. Those that a pickle may call:
CALLED = {
    "builtins.complex",
    "builtins.set",
    "collections.Counter",
    "collections.OrderedDict",
    "_codecs.encode",
    "torch.Size",
    "torch._tensor._rebuild_from_type_v2",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch._utils._rebuild_qtensor",
    "torch._utils._rebuild_sparse_tensor",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
    "torch.device",
    "torch.serialization._get_layout",
}
# and those that it may only name: kinds of storages, of numbers and of quantisation.
PATTERN = re.compile(
    r"torch\.(?:[A-Z]\w+Storage|storage\.\w*Storage|nn\.parameter\.Parameter"
    r"|(?:u?int|float|bfloat|complex|bool|qu?int)\w*|per_\w+_affine)"
)
# Named last: what frameworks leave in their checkpoints.
USUAL = re.compile(
    r"(?:builtins\.(?:bool|bytes|dict|float|frozenset|int|list|object|range|slice|str|tuple)$|(?:argparse|collections|datetime|functools|lightning|lightning_fabric|mmengine|monai|numpy|omegaconf|pathlib|"
    r"pytorch_lightning|timm|torch|torchvision|torchxrayvision|typing|ultralytics|uuid)\.)"
)
SHOWN = 6


def refused_names(imports: Iterable[str]) -> list[str]:
    """Those of `imports` that no weights need, unusual ones first."""
    names = [name for name in imports if name not in CALLED and not PATTERN.fullmatch(name)]
    return sorted(names, key=lambda name: bool(USUAL.match(name)))


def named(names: list[str]) -> str:
    """`names` in a sentence: the first few, and how many more."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(short(name) for name in names[:SHOWN]) + more


def unreadable(path: Path, error: BadPickleError, imports: Iterable[str]) -> RemnantError:
    """The sentence for a pickle that cannot be followed to its end."""
    names = refused_names(imports)
    code = f", and would run code if it were loaded ({named(names)}; nothing was executed)" if names else ""
    return RemnantError(f"The pickle in {path} {error}{code}; copy or download it again.")
