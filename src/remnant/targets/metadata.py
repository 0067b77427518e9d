"""What a checkpoint holds beside the weights, as plain values, and what that gives away."""

import functools
import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from remnant.base.identifying import kind_of
from remnant.base.texts import counted, short

Plain = str | int | float | bool | None

ENTRIES = 200
VALUES = 20_000  # looked at for names
TEXTS = 100_000  # looked at in all of their lists
LEVELS = 8
LIST = 12  # values that are shown of a list
TEXT = 120  # characters that are shown of a text
FILE = re.compile(
    r"^(?:~|\.{1,2})?/[^/\s]+/|^[A-Za-z]:[\\/]|^\w+://|[^\\/\s][\\/][^\\/]+\.\w{1,6}$"
    r"|\w\.(?:dcm|dicom|nii|nii\.gz|mha|mhd|nrrd|png|jpe?g|tiff?|csv|tsv|xlsx?|npy|npz|h5|pth?|ckpt|safetensors)$",
    re.IGNORECASE,
)
# A path within a longer text, such as a configuration file's: two folders at least.
PATH_WITHIN = re.compile(r"(?:^|[\s\"'=:,(\[])(?:~?/[\w.@%+-]+/[\w.@%+-]+|[A-Za-z]:\\[\w.@%+ -]+\\)")
# Lists of people's or cases' identifiers: by the name of the list, or by texts of one form that end in a number.
LISTED = re.compile(r"(?:^|_)(?:ids?|patients?|subjects?|cases?|keys|identifiers?|pids?|mrns?)(?:_|$)", re.IGNORECASE)
CASE = re.compile(r"(?:sub-\w+|[A-Za-z][A-Za-z_.-]*\d{3,}\w*)")
# Entries of a data list as nnU-Net, MONAI and the Decathlon write them: training.0.image.
SPLIT = re.compile(r"(?:train|test|val)(?:ing|idation)?", re.IGNORECASE)
IDENTIFIERS = "identifiers of cases"
# What trainers count; shown last.
COUNTERS = ("loops", "callbacks", "lr_schedulers", "message_hub")
MOMENTS = {"exp_avg": "Adam", "exp_avg_sq": "Adam", "momentum_buffer": "SGD with momentum", "square_avg": "RMSprop"}


@dataclass(frozen=True)
class Optimizer:
    """`kind` by what it remembers; `settings` of its first group, plain; `moments`: tensors that average past gradients."""

    kind: str
    settings: dict[str, Plain]
    moments: int
    steps: int | None


def plain_metadata(value: dict[Any, Any]) -> tuple[dict[str, Plain], list[str]]:
    """Everything that is no weight, by dotted names, at most `ENTRIES`; and a finding for each kind of telling text.

    A text that looks like a file's name, a date, a person's name, a record number or a case's identifier is not repeated: its
    kind stands in its place. Tensors, long lists and objects are described, not shown. Counters of trainers come last.
    """
    shown: dict[str, Plain] = {}
    telling: Counter[str] = Counter()
    places: dict[str, list[str]] = defaultdict(list)
    left = 0
    texts = _Texts()
    ordered = dict(sorted(value.items(), key=lambda entry: str(entry[0]).startswith(COUNTERS)))
    for count, (names, item) in enumerate(_leaves(ordered)):
        if count >= VALUES:
            break
        kinds = Counter(kind for text in names if (kind := _kind(text))) + texts.kinds(names, item)
        name = short(".".join("(hidden)" if _kind(part) else part for part in names), TEXT)
        telling += kinds
        for kind in kinds:
            places[kind].append(name)
        if len(shown) >= ENTRIES:
            left += 1
        else:
            shown[name] = f"({next(iter(kinds))}, not shown)" if kinds else _short(item)
    if left:
        shown["..."] = f"{left} more"
    findings = []
    for kind, times in telling.items():
        where = ", ".join(dict.fromkeys(places[kind][:3]))
        files = "The metadata name files" if kind == "a file" else f"The metadata hold what looks like {kind}"
        findings.append(
            f"{files} ({counted(times, 'time')}, e.g. at {where}); save the weights alone before you release them."
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
    steps = [step for state in states if (step := _step(state.get("step"))) is not None]
    return Optimizer(
        kinds[0] if kinds else "unknown",
        {
            short(name): item
            for name, item in itertools.islice(settings.items(), LIST)
            if isinstance(item, (int, float))
        },
        moments,
        max(steps, default=None),
    )


def _leaves(value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Values with the names that lead to them; each container once, however often it is referred to."""
    seen: set[int] = set()
    flat: set[int] = set()
    stack: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while stack:
        names, item = stack.pop()
        below: list[tuple[Any, Any]] | None = None
        if isinstance(item, dict):
            below = list(item.items())
        elif isinstance(item, (list, tuple)) and id(item) not in flat:
            if any(isinstance(one, (dict, list, tuple)) for one in item):
                below = list(enumerate(item))
            else:
                flat.add(id(item))
        if below is None or len(names) >= LEVELS:
            yield names, item
        elif id(item) not in seen:
            seen.add(id(item))
            stack.extend(((*names, str(key)), one) for key, one in reversed(below))


def _step(value: Any) -> int | None:
    """A count of steps, a number or a tensor of one; None for anything else."""
    if isinstance(value, Tensor):
        value = value.item() if value.numel() == 1 else None
    return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


class _Texts:
    """Looks for telling texts; each list once, however often it is referred to, and not without end."""

    def __init__(self) -> None:
        self.seen: dict[int, Counter[str]] = {}
        self.left = TEXTS

    def kinds(self, names: tuple[str, ...], item: Any) -> Counter[str]:
        """What the texts of a value look like, and how many of them."""
        if isinstance(item, str):
            # A single identifier is told by its name alone: much else ends in a number.
            named = is_of_datalist(names) or (LISTED.search(names[-1]) and _is_list_of_cases(item))
            kind = _kind(item) or (IDENTIFIERS if named else None)
            return Counter([kind] if kind else [])
        if not isinstance(item, (list, tuple)):
            return Counter()
        if id(item) not in self.seen:
            texts = [one for one in itertools.islice(item, self.left) if isinstance(one, str)]
            self.left -= min(self.left, len(item))
            found = Counter(kind for text in texts if (kind := _kind(text)))
            if (
                not found
                and texts
                and (_are_cases(texts) or is_of_datalist(names) or (names and LISTED.search(names[-1])))
            ):
                found = Counter({IDENTIFIERS: len(texts)})
            self.seen[id(item)] = found
        return self.seen[id(item)]


def is_of_datalist(names: Sequence[str]) -> bool:
    """Whether the names that lead to a text, or to a list of them, are those of a case in a data list, whatever it is called."""
    split = [place for place, name in enumerate(names) if SPLIT.fullmatch(name)]
    if not split:
        return False
    below = names[split[-1] + 1 :]
    if not below:
        return "dataset_json" in names
    return below[0].isdigit() and below[1:2] in (("image",), ("label",))


def _are_cases(texts: list[str]) -> bool:
    """Whether texts have the form of cases' identifiers: two or more, most of them letters and a number."""
    return len(texts) > 1 and 2 * sum(bool(CASE.fullmatch(text[:100])) for text in texts) > len(texts)


def _is_list_of_cases(text: str) -> bool:
    return _are_cases([part for part in re.split(r"[,;\s]+", text[:10_000]) if part])


@functools.lru_cache(maxsize=4096)
def _kind(text: str) -> str | None:
    text = text[:10_000]
    if FILE.search(text[:1000].strip()) or PATH_WITHIN.search(text):
        return "a file"
    return kind_of(text[:1000])


def _short(item: Any) -> Plain:
    if isinstance(item, (bool, int, float)) or item is None:
        return item
    if isinstance(item, str):
        return short(item, TEXT)
    if isinstance(item, Tensor):
        return f"tensor {tuple(item.shape)}"
    if isinstance(item, (list, tuple)):
        if len(item) <= LIST and all(isinstance(one, (str, int, float, bool)) for one in item):
            return short(", ".join(short(one, TEXT) for one in item), TEXT)
        return counted(len(item), "value")
    if isinstance(item, dict):
        return counted(len(item), "entry", "entries")
    return type(item).__name__
