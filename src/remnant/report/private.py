"""Kept reconstructions: patient data, in RUN/private/reconstructions, one file a cell."""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
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
    paths = sorted((Path(run) / "private" / "reconstructions").glob("*.npz"))
    if not paths:
        raise RemnantError(
            f"The run {run} kept no reconstruction, so no patient image can be shown; "
            "run the study again with --keep-reconstructions, or make the report without --show-images."
        )
    return [pair for path in paths for pair in _pairs(path, wanted)]


def _pairs(path: Path, wanted: set[tuple[str, str, str, str, str]]) -> Iterable[Pair]:
    try:
        with np.load(path, allow_pickle=False) as kept:
            common = (str(kept["network"]), str(kept["decoder"]))
            names = list(zip(kept["pseudonyms"], kept["groups"], kept["sessions"], strict=True))
            keys = [(*common, str(pseudonym), str(group), str(session)) for pseudonym, group, session in names]
            chosen = [i for i, key in enumerate(keys) if key in wanted]
            if not chosen:
                return []
            originals, drawn = kept["originals"], kept["reconstructions"]
            return [Pair(*keys[i], originals[i].astype(np.float32), drawn[i].astype(np.float32)) for i in chosen]
    except (OSError, KeyError, ValueError, IndexError, zipfile.BadZipFile) as error:
        raise RemnantError(
            f"{path} is not a file of reconstructions ({error}); remove it, or run the study again with --resume."
        ) from None
