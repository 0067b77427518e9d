"""Which names a pickle of weights may import, and the sentence for one that imports others."""

import re
from collections.abc import Iterable
from pathlib import Path

from remnant.base.errors import RemnantError

# A part of what `torch.load(weights_only=True)` allows. What is left out builds no weights, but can be told to ask for any
# amount of memory: `builtins.bytearray`, constructors of tensors and storages, tensors without storage, sparse and nested ones.
# Those that a pickle may call:
CALLED = {
    "builtins.complex",
    "builtins.set",
    "collections.Counter",
    "collections.OrderedDict",
    "_codecs.encode",
    "torch.Size",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_qtensor",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch.device",
    "torch.serialization._get_layout",
}
# and those that it may only name: kinds of storages, of numbers and of quantisation.
PATTERN = re.compile(
    r"torch\.(?:[A-Z]\w+Storage|storage\.\w*Storage|(?:u?int|float|bfloat|complex|bool|qu?int)\w*|per_\w+_affine)"
)
MODEL = re.compile(
    r"(?:torch\.nn\.(?:modules\.|parallel\.)|torchvision\.models|timm\.models|monai\.networks|__main__\.)"
)
SHOWN = 6


def refused_names(imports: Iterable[str]) -> list[str]:
    """Those of `imports` that no weights need."""
    return [name for name in imports if name not in CALLED and not PATTERN.fullmatch(name)]


def check_names(path: Path, imports: Iterable[str]) -> None:
    """Raise `RemnantError` with the names that the pickle in `path` tried to import, if weights need none of them."""
    names = refused_names(imports)
    if not names:
        return
    # Names are a stranger's text: no control characters on the terminal, and not without end.
    shown = ", ".join(ascii(name[:80])[1:-1] for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    if any(MODEL.match(name) for name in names):
        raise RemnantError(
            f"{path} holds a whole pickled model, whose code would run on opening (it imports {shown}{more}); "
            "nothing was executed: save the model's state_dict() where you trust the file, and give that."
        )
    raise RemnantError(
        f"{path} is a pickle that would run code: it imports {shown}{more}; nothing was executed: "
        "ask for the weights alone, as safetensors or as a state_dict."
    )
