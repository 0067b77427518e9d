"""The run directory: where every command leaves what it did, mode 0700, written piece by piece so that it resumes."""

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import shutil
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Self

from remnant import __version__
from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path, read_json, require_utf8, write_json

FORMAT = 1
LOCK = ".lock"
ASKS_EVERY_S = 0.5
AUDITS = "audits"  # finished audits that a run made, each a run directory of its own


class Run:
    """A run directory.

    ```
    run.json      which study made it          results.json  everything the report is made of
    config.json   resolved settings            scores.csv    a row a patient, by pseudonym
    log.jsonl     events, training curves      figures/      no patient image
    cells/        finished pieces of work      checkpoints/  the targets
    audits/       audits that the run made, each a run directory
    private/      patient data: key, reconstructions, inversion decoders; `remnant purge` removes it
    ```
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.private = self.path / "private"
        self.checkpoints = self.path / "checkpoints"
        self.results = self.path / "results.json"
        self._lock: IO[str] | None = None
        self._part = ""

    @classmethod
    def start(
        cls,
        path: Path,
        study: str,
        config: Mapping[str, Any],
        *,
        resume: bool,
        growing: Collection[str] = (),
        changing: Collection[str] = (),
    ) -> Self:
        """Make the directory, or with `resume` go on in it; it is held against other processes from here on, until the end of
        the `with` that the run is used in.

        Of the settings in `growing`, which are lists, the run may be asked for more than it was started with (`asks_more`);
        those in `changing`, which make no number another, may differ, and the new ones are kept.
        Raises `RemnantError` when it belongs to another study or to other settings, when it is not empty and not a
        run, when it holds a run and `resume` was not asked for, or when another process is working in it.
        """
        run = cls.free(path, study, resume=resume)
        run.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        run._hold()
        try:
            # Again, now that nobody else can: another process may have begun meanwhile.
            cls.free(path, study, resume=resume)
            if (run.path / "run.json").exists():
                run._require_continued(config, growing, changing)
            else:
                run._begin(study, config)
        except BaseException:
            run._release()
            raise
        return run

    def _require_continued(
        self, config: Mapping[str, Any], growing: Collection[str], changing: Collection[str]
    ) -> None:
        """Raise `RemnantError` where the run cannot be gone on with: purged, of another version or of other settings."""
        if not (self.private / "key").exists() and not self.results.exists():
            raise self._purged()
        version = read_json(self.path / "run.json").get("version")
        if version != __version__:
            raise RemnantError(
                f"{self.path} was started by version {version} of Remnant, this is {__version__}; numbers of two versions do "
                "not belong together, so choose another run directory."
            )
        grown = self.asks_more(config, growing)
        before = read_json(self.path / "config.json")
        changed = {key: config[key] for key in changing if key in config}
        differing = _differences({**before, **changed}, {**config, **grown})
        if differing:
            raise RemnantError(
                f"{self.path} was started with other settings ({', '.join(differing)}); "
                "give the same, or choose another run directory."
            )
        if {**before, **changed} != before:
            write_json(self.path / "config.json", {**before, **changed})

    def _begin(self, study: str, config: Mapping[str, Any]) -> None:
        self.path.chmod(0o700)
        self.private.mkdir(exist_ok=True, mode=0o700)
        write_json(self.path / "config.json", dict(config))
        with atomic_path(self.private / "key") as temporary:
            temporary.write_bytes(secrets.token_bytes(32))
        # Last, since a directory with run.json counts as a run that can be resumed.
        write_json(self.path / "run.json", {"format": FORMAT, "study": study, "version": __version__})

    @classmethod
    def free(cls, path: Path, study: str, *, resume: bool) -> Self:
        """The run that may be started or gone on with in `path`, which is left as it is.

        Raises `RemnantError` as `start` does, but for settings, which are not known yet.
        """
        run = cls(path)
        require_utf8(path)
        if (run.path / "run.json").exists():
            run._require(study)
            if not resume:
                raise RemnantError(
                    f"{path} holds a run already; add --resume to go on with it, or choose another run directory."
                )
        elif os.path.lexists(run.path) and (not run.path.is_dir() or _foreign(run.path)):
            raise RemnantError(f"{path} exists and is not a run directory of Remnant; choose another run directory.")
        return run

    def asks_more(self, config: Mapping[str, Any], growing: Collection[str]) -> dict[str, Any]:
        """Of the lists in `growing`, those that hold more in `config` than the run was started with: as they were."""
        record = self.path / "config.json"
        before = read_json(record) if record.exists() else {}
        known = {key: before[key] for key in growing if isinstance(before.get(key), list)}
        return {key: old for key, old in known.items() if len(config[key]) > len(old) == len({*old} & {*config[key]})}

    def take_on(self, config: Mapping[str, Any]) -> None:
        """Go on with a `config` that asks for more; results that lack it are removed, to be made again from all cells.

        Raises `RemnantError` when the run's patient data were purged.
        """
        if not (self.private / "key").exists():
            raise self._purged()
        write_json(self.path / "config.json", dict(config))
        self.results.unlink(missing_ok=True)

    @classmethod
    def open(cls, path: Path, mend: str = "check the path") -> Self:
        """An existing run, for reading; raise `RemnantError` when `path` is none, which says how to `mend` that."""
        run = cls(path)
        run._require(None, mend)
        return run

    def part(self, name: str) -> Self:
        """The same run for one of several that are audited in it: what is kept of each lies in RUN/private/`name`, and the log
        calls its cells `name`/cell."""
        part = type(self)(self.path)
        part.private, part._part = self.private / name, f"{self._part}{name}/"
        return part

    @property
    def study(self) -> str:
        """What made the run: the name of a study, or of a command."""
        return str(read_json(self.path / "run.json").get("study"))

    def _require(self, study: str | None, mend: str = "check the path") -> None:
        if not (self.path / "run.json").exists():
            raise RemnantError(f"{self.path} is not a run directory of Remnant (it has no run.json); {mend}.")
        record = read_json(self.path / "run.json")
        written = record.get("format") if isinstance(record, dict) else None
        if written != FORMAT:
            raise RemnantError(f"{self.path} was written in format {written!r}; this version reads {FORMAT}.")
        if study is not None and record.get("study") != study:
            raise RemnantError(
                f"{self.path} is a run of the study '{record.get('study')}', not of '{study}'; choose another run directory."
            )

    def __enter__(self) -> Self:
        """Hold the directory against a second process that would write into it, and clear away what a killed one left."""
        self._hold()
        # What a killed process had begun to write; nobody else is writing now.
        for unfinished in list(self.path.rglob(".tmp-*")):
            if unfinished.is_dir() and not unfinished.is_symlink():
                shutil.rmtree(unfinished, ignore_errors=True)
            else:
                unfinished.unlink(missing_ok=True)
        return self

    def __exit__(self, *exception: object) -> None:
        self._release()

    def _hold(self) -> None:
        if self._lock:
            return
        lock = (self.path / LOCK).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise RemnantError(f"Another process is working in {self.path}; wait for it, or stop it.") from None
        self._lock = lock

    def await_others(self, seconds: float) -> None:
        """Wait while another process works in the directory, `seconds` at most: one that is being ended may hold it yet."""
        over = time.monotonic() + seconds
        while self.path.is_dir() and time.monotonic() < over:
            try:
                self._hold()
            except RemnantError:
                time.sleep(ASKS_EVERY_S)
            else:
                return self._release()

    def _release(self) -> None:
        assert self._lock is not None
        self._lock.close()
        self._lock = None

    def hmac(self, content: bytes) -> str:
        """HMAC-SHA256 under the run's key: recognisable inside the run, meaningless outside it."""
        try:
            key = (self.path / "private" / "key").read_bytes()
        except FileNotFoundError:
            raise self._purged() from None
        return hmac.new(key, content, hashlib.sha256).hexdigest()

    def _purged(self) -> RemnantError:
        return RemnantError(f"The patient data of {self.path} were purged; start a new run in another directory.")

    def pseudonym(self, patient: str) -> str:
        """How logs, tables and reports call a patient."""
        return f"P-{self.hmac(patient.encode())[:8]}"

    def log(self, cell: str, event: str, **values: Any) -> None:
        """Append one JSON line; a line is one write, so that several processes can share the file."""
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "cell": f"{self._part}{cell}",
            "event": event,
            **values,
        }
        # The newline comes first, so that a line cut short by a kill does not spoil the next.
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(line))

    def events(self) -> list[dict[str, Any]]:
        """What `log` wrote, in order, nothing at first; a line that a kill cut short is passed over."""
        events, log = [], self.path / "log.jsonl"
        for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
            with contextlib.suppress(json.JSONDecodeError):
                events.append(json.loads(line))
        return events

    def keep_note_of(self, cache_files: list[Path]) -> None:
        """Remember files outside the run that hold its patients' images, for `purge` to find."""
        note = self.private / "cache.json"
        known = read_json(note) if note.exists() else []
        # Whole paths, since `purge` may be called from another directory.
        write_json(note, sorted({*known, *(str(path.resolve()) for path in cache_files)}))


def _foreign(path: Path) -> bool:
    """Whether the directory holds anything but what `Run.start` leaves when it is killed half-way."""
    private = path / "private"
    entries = [*path.iterdir(), *(private.iterdir() if private.is_dir() else ())]
    ours = {path / LOCK, path / "config.json", private, private / "key"}
    return any(entry not in ours and not entry.name.startswith(".tmp-") for entry in entries)


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], path: str = "") -> list[str]:
    """What differs, by dotted names: of settings within settings only those that do."""
    found = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _differences(old, new, f"{path}{key}.")
        elif old != new:
            found.append(f"{path}{key}: {old!r} then, {new!r} now")
    return found
