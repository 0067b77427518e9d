"""How stored values are written for people: names of networks, metrics and groups, and numbers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

from remnant.base.results import Row, Value
from remnant.base.texts import p_number, p_said

MISSING = "–"
WITHHELD = "withheld"  # what a cell says of a number that may not leave the house
FRESH = "d_new_"  # how the names of freshly trained adversaries begin, the network and a number behind it

_LABELS = {
    "unet": "U-Net",
    "segnet": "SegNet",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
    "ncc": "NCC",
    "mcc": "MCC",
    "deformation": "deformation field",
    "dice": "Dice",
    "gamma": "gamma curve",
    "sigmoid": "sigmoid curve",
    "own": "own original",
    "member": "members",
    "non_member": "non-members",
    "cnn": "CNN",
    "vit": "ViT",
    "lpba3": "LPBA, 3 classes",
    "non_members": "non-members",
    "likelihood": "voxels' likelihood ratio",
    "shapes": "shapes' likelihood ratio",
    "d_adv": "D_adv",
    "d_adv_patch": "D_adv, by patch",
    "d_adv_recalibrated": "D_adv, recalibrated",
    "d_adv_patch_recalibrated": "D_adv, recalibrated, by patch",
    "d_new": "fresh D_new",
    "gm": "grey matter",
    "wm": "white matter",
    "csf": "CSF",
    "csf_int": "internal CSF",
    "csf_ext": "external CSF",
    "clean": "as they are",
    "noise_15": "noise, 15 dB",
    "noise_10": "noise, 10 dB",
    "noise_5": "noise, 5 dB",
    "low_resolution": "half resolution",
    "as_trained": "as trained",
    "margin_shifted": "margin, shifted images",
    "correct": "right answer",
    "cross_entropy": "cross-entropy",
    "dice_shifted": "Dice, shifted scans",
    "cross_entropy_shifted": "cross-entropy, shifted scans",
    "blind": "blind baseline",
}

_own: ContextVar[Mapping[str, str]] = ContextVar("own", default=MappingProxyType({}))

# Columns that need other than two decimals; a p-value of 0.00 or a loss of 0.01 would say nothing.
_DECIMALS = {
    "mean_rank": 1,
    "published_mean_rank": 1,
    "chance_mean_rank": 1,
    "chance": 3,
    "difference": 3,
    "detectable": 3,
    "margin": 3,
    "margin_against": 3,
    "loss": 4,
    "validation": 4,
}


@contextmanager
def labelled(own: Mapping[str, str]) -> Iterator[None]:
    """Within it `label` knows these words, too, before all others: those of the study or the audit whose results are told."""
    before = _own.set(own)
    try:
        yield
    finally:
        _own.reset(before)


def label(value: Value) -> str:
    """The word a person reads for a stored value; an unknown one stays as it is."""
    text = str(value)
    if text in _own.get():
        return _own.get()[text]
    if text.startswith(FRESH):
        of = text.removeprefix(FRESH)
        return f"{_LABELS['d_new']}, {'the mean of all' if of == 'all' else of.replace('_', ' ')}"
    return _LABELS.get(text, text)


def number(value: float, column: str = "", spec: str = "", *, bound: bool = False) -> str:
    """A number with the digits that suit its column, or those of `spec` (".3f", "+.2f", ".0%").

    `bound`: a p-value is no more than this, since no resample was as extreme.
    """
    if (column == "p" or column.endswith("_p")) and not spec:
        return p_number(value, bound=bound)
    if not spec:
        spec = "d" if isinstance(value, int) else f".{_DECIMALS.get(column, 2)}f"
    text = format(value, spec)
    if not text.strip("+-0.%"):  # neither "-0.00" nor "+0.00": a rounded zero has no sign
        text = text.lstrip("+-")
    return text.replace("-", "−")


def p_in_words(row: Row, column: str) -> str:
    """ "p = 0.012", or what can be said of a p-value that has no more than a bound: the row's `<column>_bound` says so."""
    if row[column] is None:
        return "p not resolvable"
    return p_said(row[column], bound=bool(row.get(f"{column}_bound")))


def duration(seconds: float) -> str:
    """Seconds as a person says them: "48 s", "12 min", "1 h 5 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def split(rows: list[Row], *columns: str) -> dict[tuple[Value, ...], list[Row]]:
    """The rows apart by the values of `columns`, in the order of their first appearance."""
    parts: dict[tuple[Value, ...], list[Row]] = {}
    for row in rows:
        parts.setdefault(tuple(row.get(column) for column in columns), []).append(row)
    return parts


def facet(keys: tuple[Value, ...], parts: dict[tuple[Value, ...], list[Row]], *, always: bool = False) -> str:
    """The title of one panel: its network, and of the other keys those that differ between panels, or all."""
    differ = [i == 0 or always or len({other[i] for other in parts}) > 1 for i in range(len(keys))]
    return " · ".join(label(key) for key, shown in zip(keys, differ, strict=True) if shown)
