"""What an audit of checkpoints keeps in RUN/private for the figures that show images: patient data, read from its files alone."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.results import Row
from remnant.base.store import opened

SHOWN = 4  # pairs of a target at most


@dataclass(frozen=True)
class Strip:
    """The same few latents' images (s, k, N, N) in [0, 1] after each of `steps` (s,) of stage 1."""

    target: str
    steps: np.ndarray
    images: np.ndarray


@dataclass(frozen=True)
class CandidateMatch:
    """A candidate (N, N) in [0, 1], which is among the `likely` or only the first of the list, and the training image nearest to
    it in the target's features with their cosine and SSIM."""

    target: str
    likely: bool
    candidate: np.ndarray
    nearest: np.ndarray
    cosine: float
    ssim: float


def strips_of(run: Path, rows: list[Row]) -> list[Strip]:
    """The progressions of the targets and methods in `rows` of the table `stage1`."""
    strips = []
    for target, method in dict.fromkeys((str(row["target"]), str(row["method"])) for row in rows):
        path = _path(run, "progressions", f"{target}-{method}")
        with opened(path) as kept:
            strips.append(Strip(target, kept["steps"], kept["images"].astype(np.float32) / 255))
    return strips


def pairs_beside(run: Path, rows: list[Row]) -> list[CandidateMatch]:
    """Of the targets and methods in `rows` of the table `likely`, the first `SHOWN` likely candidates of the ranked list, or
    its first ones where none is likely."""
    return [pair for row in rows for pair in _pairs(run, row)]


def _pairs(run: Path, row: Row) -> list[CandidateMatch]:
    path = _path(run, "attacks", f"{row['target']}-{row['method']}")
    with opened(path) as kept:
        order, likely = kept["order"], kept["likely"]
        chosen = [int(one) for one in order if likely[one] or not likely.any()][:SHOWN]
        images, nearest, cosine, ssim = (kept[name][chosen] for name in ("images", "nearest", "cosine", "ssim"))
    members = _members(run, str(row["source"]))
    return [
        CandidateMatch(
            str(row["target"]),
            bool(likely[one]),
            images[place].astype(np.float32) / 255,
            members[nearest[place], 0],
            float(cosine[place]),
            float(ssim[place]),
        )
        for place, one in enumerate(chosen)
    ]


def _members(run: Path, source: str) -> np.ndarray:
    path = _path(run, "groups", source)
    with opened(path) as kept:
        return kept["members/images"]


def _path(run: Path, folder: str, stem: str) -> Path:
    path = Path(run) / "private" / folder / f"{stem}.npz"
    if not path.exists():
        raise RemnantError(
            f"The run {run} kept no {folder} of {stem}, so its images cannot be shown; run it again with "
            "--keep-reconstructions, or make the report without --show-images."
        )
    return path
