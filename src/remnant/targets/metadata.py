"""What a checkpoint holds beside the weights, as plain values, and what that gives away."""

import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from remnant.base.identifying import kind_of

Plain = str | int | float | bool | None

ENTRIES = 200
VALUES = 20_000  # looked at for names
LEVELS = 8
LIST = 12  # values that are shown of a list
TEXT = 120  # characters that are shown of a text
FILE = re.compile(
    r"^(?:~|\.{1,2})?/[^/\s]+/|^[A-Za-z]:[\\/]|^\w+://|[^\\/\s][\\/][^\\/]+\.\w{1,6}$"
    r"|\.(?:dcm|dicom|nii|nii\.gz|mha|mhd|nrrd|png|jpe?g|tiff?|csv|tsv|xlsx?|npy|npz|h5|pth?|ckpt|safetensors)$",
    re.IGNORECASE,
)
MOMENTS = {"exp_avg": "Adam", "exp_avg_sq": "Adam", "momentum_buffer": "SGD with momentum", "square_avg": "RMSprop"}


@dataclass(frozen=True)
class Optimizer:
    """`kind` by what it remembers; `settings` of its first group, plain; `moments`: tensors that average past gradients."""

    kind: str
    settings: dict[str, Plain]
    moments: int
    steps: int | None


def plain_metadata(value: Any) -> tuple[dict[str, Plain], list[str]]:
    """Everything that is no weight, by dotted names, at most `ENTRIES`; and a finding for each kind of telling text.

    A text that looks like a file's name, a date, a person's name or a record number is not repeated: its kind stands in
    its place. Tensors, long lists and objects are described, not shown.
    """
    shown: dict[str, Plain] = {}
    telling: dict[str, list[str]] = {}
    left = 0
    for count, (names, item) in enumerate(_leaves(value)):
        if count >= VALUES:
            break
        kinds = [kind for text in (*names, *_texts(item)) if (kind := _kind(text))]
        name = _safe(".".join("(hidden)" if _kind(part) else part for part in names))
        for kind in kinds:
            telling.setdefault(kind, []).append(name)
        if len(shown) >= ENTRIES:
            left += 1
        else:
            shown[name] = f"({kinds[0]}, not shown)" if kinds else _short(item)
    if left:
        shown["..."] = f"{left} more"
    findings = []
    for kind, names in telling.items():
        places = ", ".join(dict.fromkeys(names[:3]))
        files = "The metadata name files" if kind == "a file" else f"The metadata hold what looks like {kind}"
        findings.append(
            f"{files} ({len(names)} times, e.g. at {places}); save the weights alone before you release them."
        )
    return shown, findings


def read_optimizer(value: Any) -> Optimizer | None:
    """The optimiser's state, if `value` is one: `state` and `param_groups`."""
    if not (
        isinstance(value, dict) and isinstance(value.get("param_groups"), list) and isinstance(value.get("state"), dict)
    ):
        return None
    states = [state for state in value["state"].values() if isinstance(state, dict)]
    kinds = [kind for name, kind in MOMENTS.items() if any(name in state for state in states)]
    moments = sum(isinstance(item, Tensor) for state in states for name, item in state.items() if name in MOMENTS)
    groups = value["param_groups"]
    settings = groups[0] if groups and isinstance(groups[0], dict) else {}
    steps = [float(state["step"]) for state in states if isinstance(state.get("step"), (int, float, Tensor))]
    return Optimizer(
        kinds[0] if kinds else "unknown",
        {str(name): item for name, item in settings.items() if isinstance(item, (int, float, bool))},
        moments,
        int(max(steps)) if steps else None,
    )


def _leaves(value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Values with the names that lead to them; each container once, however often it is referred to."""
    seen: set[int] = set()
    stack: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while stack:
        names, item = stack.pop()
        below: list[tuple[Any, Any]] | None = None
        if isinstance(item, dict):
            below = list(item.items())
        elif isinstance(item, (list, tuple)) and any(isinstance(one, (dict, list, tuple)) for one in item):
            below = list(enumerate(item))
        if below is None or len(names) >= LEVELS:
            yield names, item
        elif id(item) not in seen:
            seen.add(id(item))
            stack.extend(((*names, str(key)), one) for key, one in reversed(below))


def _texts(item: Any) -> Iterator[str]:
    if isinstance(item, str):
        yield item
    elif isinstance(item, (list, tuple, set)):
        yield from (one for one in itertools.islice(item, VALUES) if isinstance(one, str))


@functools.lru_cache(maxsize=4096)
def _kind(text: str) -> str | None:
    text = text[:1000]
    return "a file" if FILE.search(text.strip()) else kind_of(text)


def _short(item: Any) -> Plain:
    if isinstance(item, (bool, int, float)) or item is None:
        return item
    if isinstance(item, str):
        return _safe(item)
    if isinstance(item, Tensor):
        return f"tensor {tuple(item.shape)}"
    if isinstance(item, (list, tuple, set)):
        plain = all(isinstance(one, (str, int, float, bool)) for one in item)
        if plain and len(item) <= LIST:
            return _safe(", ".join(map(str, item)))
        return f"{len(item)} values"
    if isinstance(item, dict):
        return f"{len(item)} entries"
    return type(item).__name__


def _safe(text: str) -> str:
    """One line without control characters: the text is a stranger's, and it goes to a terminal."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= TEXT else f"{text[: TEXT - 3]}..."
