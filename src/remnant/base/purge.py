"""What `remnant purge` removes: everything of a run that is patient data, wherever it lies."""

import shutil
from pathlib import Path

from remnant.base import cachedir
from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.run import AUDITS, Run
from remnant.base.texts import counted


def purge(run: Run) -> int:
    """Remove everything that is patient data, in the run, in the audits that it made and in the caches they used; return how many
    files.

    A note may come from somebody else's run: outside the run only what is surely Remnant's (`cachedir.is_ours`) is
    removed, and no link is followed. Raises `RemnantError`, when all else is done, naming what was left for that.
    """
    count, faults = 0, []
    for one in (run, *_audits(run)):
        try:
            count += _purged(one)
        except RemnantError as error:
            faults.append(str(error))
    if faults:
        raise RemnantError(" ".join(faults))
    return count


def _audits(run: Run) -> list[Run]:
    """The audits that the run made, and those that these made, none behind a link."""
    records = sorted((run.path / AUDITS).glob("*/run.json"))
    linked = (run.path / AUDITS).is_symlink()
    own = [Run(record.parent) for record in records if not (linked or record.parent.is_symlink())]
    return [*own, *(further for one in own for further in _audits(one))]


def _purged(run: Run) -> int:
    note, left, gone = run.private / "cache.json", set(), set()
    if note.exists():
        told = read_json(note)
        noted = {Path(name) for name in told if isinstance(name, str)} if isinstance(told, list) else set()
        stale = [path for folder in {path.parent for path in noted} for path in cachedir.unfinished(folder)]
        gone = {path for path in noted if cachedir.is_ours(path)} | {*stale}
        left |= {path for path in noted - gone if path.exists()}
    if run.private.is_symlink():
        left.add(run.private.resolve())
        run.private.unlink()
    elif run.private.exists():
        inside = list(run.private.rglob("*"))
        left |= {path.resolve() for path in inside if path.is_symlink() and path.exists()}
        gone |= {path for path in inside if path.is_file() and not path.is_symlink()}
    for path in gone:
        path.unlink()
    if run.private.exists():
        shutil.rmtree(run.private)
    if left:
        raise RemnantError(
            f"{counted(len(gone), 'file of patient data was', 'files of patient data were')} removed, but what lies "
            "behind a link or is not Remnant's was left "
            f"alone ({', '.join(sorted(map(str, left)))}); look at it, and remove it yourself."
        )
    return len(gone)
