"""Files of torch.save before PyTorch 1.6: five pickles, one behind the other, then the storages' bytes."""

from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.targets.files.allowed import check_names
from remnant.targets.files.declared import check_declared
from remnant.targets.files.pickled import BadPickleError, Pickled

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = b"\x80"  # begins every pickle that torch.save ever wrote, but a text may look like an older one
LENGTH = 8  # bytes before a storage that say how long it is
HEAD = 3  # magic number, version, system; then the object, then the keys of its storages


def check_legacy(path: Path) -> None:
    """Raise `RemnantError` unless the pickles in `path` are those of torch.save and only name and shape weights.

    Reads the pickles; no weight is read.
    """
    values, imports = [], {}
    with path.open("rb") as file:
        try:
            for _ in range(HEAD + 2):
                pickled = Pickled()
                try:
                    values.append(pickled.read(file))
                finally:
                    imports |= pickled.imports
                if values[0] != MAGIC:
                    break
        except BadPickleError as error:
            check_names(path, imports)
            file.seek(0)
            if file.read(1) != PROTOCOL:
                raise RemnantError(
                    f"{path} is no checkpoint that Remnant knows; give a PyTorch or safetensors checkpoint."
                ) from None
            raise RemnantError(f"The pickle in {path} {error}; copy or download it again.") from None
        check_names(path, imports)
        if values[0] != MAGIC:
            raise RemnantError(
                f"{path} is a pickle that torch.save did not write; save the state_dict with torch.save."
            )
        left = path.stat().st_size - file.tell()
    value, keys = values[HEAD:]
    known = set(map(str, keys)) if isinstance(keys, list) else set()
    sizes = check_declared(path, value, lambda key: left if key in known else None)
    needed = sum(LENGTH + size for size in sizes.values())
    # PyTorch would go on with whatever was in memory.
    if needed > left:
        raise RemnantError(
            f"{path} is cut off: {needed:,} bytes of weights are announced, {left:,} are there; copy it again."
        )
