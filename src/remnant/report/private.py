"""Kept reconstructions and what follows from them: patient data, in RUN/private, one file a cell."""

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path


@dataclass(frozen=True)
class Pair:
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


def private_folder(run: Path, name: str) -> Path:
    """RUN/private/<name>, made if need be, for nobody but its owner."""
    folder = Path(run) / "private"
    for path in (folder, folder / name):
        path.mkdir(mode=0o700, exist_ok=True)
    return folder / name


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
    path = private_folder(run, "reconstructions") / f"{cell}.npz"
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            network=np.array(network),
            decoder=np.array(decoder),
            pseudonyms=np.array(list(pseudonyms), dtype=str),
            groups=np.array(list(groups), dtype=str),
            sessions=np.array(list(sessions), dtype=str),
            originals=np.asarray(originals, np.float16),
            reconstructions=np.asarray(reconstructions, np.float16),
        )
    return path


def read_reconstructions(run: Path, wanted: set[tuple[str, str, str, str, str]]) -> list[Pair]:
    """The pairs whose (network, decoder, pseudonym, group, session) is wanted, from all cells of the run.

    Raises `RemnantError` when the run kept none, or when a file is not one of these.
    """
    return [pair for path in _kept(run, "reconstructions") for pair in _pairs(path, wanted)]


def write_bendings(run: Path, cell: str, bendings: Sequence[Bending]) -> Path:
    """Keep the displacements of some patients of one network and decoder as RUN/private/bendings/<cell>.npz."""
    path = private_folder(run, "bendings") / f"{cell}.npz"
    names = ("network", "decoder", "pseudonym", "other_pseudonym")
    arrays = ("reconstruction", "own", "other")
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            **{name: np.array([getattr(bending, name) for bending in bendings]) for name in names},
            **{name: np.stack([getattr(bending, name) for bending in bendings]).astype(np.float16) for name in arrays},
            heads=np.stack([bending.heads for bending in bendings]),
        )
    return path


def read_bendings(run: Path, network: str, decoder: str) -> list[Bending]:
    """What all cells of a network and decoder kept; raises `RemnantError` as `read_reconstructions` does."""
    found = [bending for path in _kept(run, "bendings") for bending in _bendings(path)]
    return [bending for bending in found if (bending.network, bending.decoder) == (network, decoder)]


def _kept(run: Path, folder: str) -> list[Path]:
    paths = sorted((Path(run) / "private" / folder).glob("*.npz"))
    if not paths:
        raise RemnantError(
            f"The run {run} kept no {folder}, so no patient image can be shown; "
            "run the study again with --keep-reconstructions, or make the report without --show-images."
        )
    return paths


def _bendings(path: Path) -> list[Bending]:
    with readable(path), np.load(path, allow_pickle=False) as kept:
        columns = [kept[field.name] for field in fields(Bending)]
        return [
            Bending(*(str(value) for value in row[:4]), *(volume.astype(np.float32) for volume in row[4:7]), row[7])
            for row in zip(*columns, strict=True)
        ]


def _pairs(path: Path, wanted: set[tuple[str, str, str, str, str]]) -> list[Pair]:
    with readable(path), np.load(path, allow_pickle=False) as kept:
        common = (str(kept["network"]), str(kept["decoder"]))
        names = list(zip(kept["pseudonyms"], kept["groups"], kept["sessions"], strict=True))
        keys = [(*common, str(pseudonym), str(group), str(session)) for pseudonym, group, session in names]
        chosen = [i for i, key in enumerate(keys) if key in wanted]
        if not chosen:
            return []
        originals, drawn = kept["originals"], kept["reconstructions"]
        return [Pair(*keys[i], originals[i].astype(np.float32), drawn[i].astype(np.float32)) for i in chosen]


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Inside, whatever is wrong with a kept file becomes a `RemnantError` that names it."""
    try:
        yield
    except (OSError, KeyError, ValueError, IndexError, zipfile.BadZipFile) as error:
        raise RemnantError(
            f"{path} is not a file of {path.parent.name} ({error}); remove it, or run the study again with --resume."
        ) from None
