"""Kept reconstructions and what follows from them: patient data, in RUN/private, one file a cell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.store import keep, kept, opened


@dataclass(frozen=True)
class VolumePair:
    """One patient's original and its reconstruction, (x, y, z) float32 in [0, 1], RAS+."""

    network: str
    decoder: str
    pseudonym: str
    group: str
    session: str
    original: np.ndarray
    reconstruction: np.ndarray


@dataclass(frozen=True)
class Bending:
    """How one patient's reconstruction (x, y, z) in [0, 1] is bent: displacements (3, x, y, z) in mm, float32.

    `own` leads to the own original, `other` to somebody else's, whom `other_pseudonym` names; `heads` (x, y, z) is True
    where displacements are counted.
    """

    network: str
    decoder: str
    pseudonym: str
    other_pseudonym: str
    reconstruction: np.ndarray
    own: np.ndarray
    other: np.ndarray
    heads: np.ndarray


def write_reconstructions(
    run: Path,
    cell: str,
    *,
    network: str,
    decoder: str,
    pseudonyms: Iterable[str],
    groups: Iterable[str],
    sessions: Iterable[str],
    originals: np.ndarray,
    reconstructions: np.ndarray,
) -> Path:
    """Keep what one cell drew as RUN/private/reconstructions/<cell>.npz; return its path.

    `originals` and `reconstructions` are (n, x, y, z) in [0, 1] on the same grid, stored as float16;
    pseudonyms, groups (member, non_member) and sessions have n entries and are those of the table `scores`.
    """
    path = _folder(run, "reconstructions") / f"{cell}.npz"
    names = {"pseudonyms": tuple(pseudonyms), "groups": tuple(groups), "sessions": tuple(sessions)}
    images = {
        "originals": np.asarray(originals, np.float16),
        "reconstructions": np.asarray(reconstructions, np.float16),
    }
    keep(path, {"network": network, "decoder": decoder, **names, **images})
    return path


def read_reconstructions(run: Path, wanted: set[tuple[str, str, str, str, str]]) -> list[VolumePair]:
    """The pairs whose (network, decoder, pseudonym, group, session) is wanted, from all cells of the run.

    Raises `RemnantError` when the run kept none, or when a file is not one of these.
    """
    return [pair for path in _kept(run, "reconstructions") for pair in _pairs(path, wanted)]


def write_bendings(run: Path, cell: str, bendings: Sequence[Bending]) -> Path:
    """Keep the displacements of some patients of one network and decoder as RUN/private/bendings/<cell>.npz."""
    path = _folder(run, "bendings") / f"{cell}.npz"
    halves = ("reconstruction", "own", "other")
    keep(path, [replace(one, **{name: getattr(one, name).astype(np.float16) for name in halves}) for one in bendings])
    return path


def read_bendings(run: Path, network: str, decoder: str) -> list[Bending]:
    """What all cells of a network and decoder kept; raises `RemnantError` as `read_reconstructions` does."""
    found = [bending for path in _kept(run, "bendings") for bending in _bendings(path)]
    return [bending for bending in found if (bending.network, bending.decoder) == (network, decoder)]


def _folder(run: Path, name: str) -> Path:
    return Path(run) / "private" / name


def _kept(run: Path, folder: str) -> list[Path]:
    paths = sorted(_folder(run, folder).glob("*.npz"))
    if not paths:
        raise RemnantError(
            f"The run {run} kept no {folder}, so no patient image can be shown; "
            "run the study again with --keep-reconstructions, or make the report without --show-images."
        )
    return paths


def _bendings(path: Path) -> list[Bending]:
    halves = ("reconstruction", "own", "other")
    return [
        replace(one, **{name: getattr(one, name).astype(np.float32) for name in halves})
        for one in kept(path, list[Bending])
    ]


def _pairs(path: Path, wanted: set[tuple[str, str, str, str, str]]) -> list[VolumePair]:
    with opened(path) as arrays:
        common = (str(arrays["network"]), str(arrays["decoder"]))
        names = list(zip(arrays["pseudonyms"], arrays["groups"], arrays["sessions"], strict=True))
        keys = [(*common, str(pseudonym), str(group), str(session)) for pseudonym, group, session in names]
        chosen = [i for i, key in enumerate(keys) if key in wanted]
        if not chosen:
            return []
        originals, drawn = arrays["originals"], arrays["reconstructions"]
        return [VolumePair(*keys[i], originals[i].astype(np.float32), drawn[i].astype(np.float32)) for i in chosen]
