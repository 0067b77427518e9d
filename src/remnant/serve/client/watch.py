"""Series of an archive segmented as they come, each once: `remnant client watch`.

What is of one series holds up no other: a scan that is unfit, a code that the segmenter refuses, a result that the archive does
not take, a series of which more came after its result was stored. It is told, and what is set aside stands in `set-aside.json`.
What a server is to blame for leaves all series in the queue: one that is away is asked again, for another series first, and
anything else stops the client with a sentence; its next start goes on.
"""

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.files import write_text
from remnant.base.texts import counted
from remnant.defenses.privacynet.networks import Client
from remnant.serve.client.connection import MOST_REFUSED, AwayError, RefusedError, ServerError
from remnant.serve.client.dicomweb import Archive, NotTakenError
from remnant.serve.client.queue import ARRIVING, MADE, REFUSED, STORED, UNFIT, Queue, Row
from remnant.serve.client.remote import Remote
from remnant.serve.client.rules import Rule
from remnant.serve.client.segment import SEG, segment_scan

QUEUE, RESULTS, ASIDE = "queue.sqlite", "results", "set-aside.json"


@dataclass(frozen=True)
class Watch:
    """Series of `source` that fit the `rules` are segmented by `model` of `remote` once their number of instances has not changed
    for `settle` seconds, and the results put into `target`. `folder` holds the queue, and results until they are stored there.
    `again`: also what was set aside before this start, and what has changed since its result was stored, beside that result.
    """

    source: Archive
    target: Archive
    client: Client
    remote: Remote
    model: str
    rules: Sequence[Rule]
    settle: float
    folder: Path
    tell: Callable[[str], None]
    measured: str = ""
    again: bool = False
    # By row: how often the segmenter was away, as one is that a code brings down; and which it refused since it took one.
    _away: Counter[int] = field(default_factory=Counter, init=False, repr=False)
    _refused: list[int] = field(default_factory=list, init=False, repr=False)

    def forever(self, wait: Callable[[float], None] = time.sleep) -> None:
        """Look, work, and look again after a third of `settle` until something raises."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with Queue(self.folder / QUEUE) as queue:
            self.begin(queue)
            while True:
                try:
                    self.once(queue, time.time())
                except AwayError as error:
                    self.tell(f"remnant: {error} What is in the queue stays there.")
                wait(self.settle / 3)

    def begin(self, queue: Queue) -> None:
        """Remove what a kill left half-made, or behind: it is patients' data. What the archive refused, it may take now."""
        results = self.folder / RESULTS
        results.mkdir(exist_ok=True, mode=0o700)
        for row in queue.of(REFUSED):
            queue.becomes(row, MADE)
        for row in queue.of(UNFIT) if self.again else ():
            queue.becomes(row, ARRIVING)
        for row in queue.of(MADE):
            if not (self._result(row) / SEG).exists():  # someone made room
                queue.becomes(row, ARRIVING)
        kept = {self._result(row) for row in queue.of(MADE)}
        for path in results.iterdir():
            ours = path.name.isdecimal() or path.name.startswith(".tmp-")
            if ours and path.is_dir() and path not in kept:
                shutil.rmtree(path)
        if count := self._list(queue):
            self.tell(
                f"remnant: {counted(count, 'series is', 'series are')} set aside, with why in {self.folder / ASIDE}; start "
                "with --again to try once more."
            )

    def once(self, queue: Queue, now: float) -> None:
        """Store what is made, look at the archive, and segment what has settled."""
        try:
            for row in queue.of(MADE):
                self._store(queue, row)
            rows = [
                queue.saw(listed.study, listed.series, listed.instances, now)
                for listed in self.source.matching(self.rules)
            ]
            settled = [row for row in rows if row.settled(now, self.settle)]
            for row in sorted(settled, key=lambda one: self._away[one.id]):
                if row.outgrown:
                    self._outgrown(queue, row)
                elif row.state == ARRIVING:
                    self._segment(queue, row)
        finally:
            self._list(queue)

    def _segment(self, queue: Queue, row: Row) -> None:
        out = self._result(row)
        try:
            with self.source.fetched(row.study, row.series, out.parent) as folder:
                came = len(list(folder.iterdir()))
                if came == row.instances:
                    segment_scan(
                        folder,
                        out,
                        self.client,
                        self.remote,
                        self.model,
                        measured=self.measured,
                        quiet=True,
                        key=f"{row.study} {row.series} {self.client.mark} {self.model} {row.edition}",
                        edition=row.edition,
                    )
        except AwayError:
            self._away[row.id] += 1
            raise
        except RefusedError as error:
            self._set_aside(queue, row, error)
            self._refused.append(row.id)
            if len(self._refused) >= MOST_REFUSED:
                raise ServerError(
                    f"{self.remote.url} refused {len(self._refused)} series one after another, which are set aside with why in "
                    f"{self.folder / ASIDE}; once it is mended, start with --again."
                ) from None
            return
        except ServerError:
            raise
        except RemnantError as error:
            self._set_aside(queue, row, error)
            return
        if came != row.instances:
            queue.saw(row.study, row.series, came, time.time())
            why = f"the archive lists {row.instances} images of it and gives {came}"
            if row.why != why:
                queue.becomes(row, ARRIVING, why)
                self.tell(f"remnant: series {row.id} of the queue waits: {why}.")
            return
        queue.becomes(row, MADE)
        self._refused.clear()
        self._store(queue, row)

    def _set_aside(self, queue: Queue, row: Row, error: RemnantError) -> None:
        queue.becomes(row, UNFIT, str(error))
        self.tell(f"remnant: series {row.id} of the queue is set aside: {error}")

    def _store(self, queue: Queue, row: Row) -> None:
        out = self._result(row)
        try:
            self.target.store(out / SEG)
        except NotTakenError as error:
            queue.becomes(row, REFUSED, str(error))
            self.tell(f"remnant: the result of series {row.id} of the queue stays in {out}: {error}")
            return
        queue.becomes(row, STORED)
        shutil.rmtree(out)
        self.tell(f"remnant: series {row.id} of the queue is segmented and stored.")

    def _outgrown(self, queue: Queue, row: Row) -> None:
        why = f"it has {row.instances} images now, and its result is of {row.made_of}"
        if self.again:
            queue.again(row)
            self.tell(f"remnant: series {row.id} of the queue is segmented again: {why}, which stays.")
        elif row.why != why:
            queue.becomes(row, STORED, why)
            self.tell(
                f"remnant: series {row.id} of the queue has changed: {why}; check that one, and start with --again for another."
            )

    def _list(self, queue: Queue) -> int:
        """Write what is set aside, for whoever looks after it; return how many series that is."""
        found = [
            {"number": row.id, "study": row.study, "series": row.series, "images": row.instances, "why": row.why}
            for row in (*queue.of(UNFIT), *queue.of(REFUSED))
        ]
        text, path = json.dumps(found, indent=1) + "\n", self.folder / ASIDE
        if text != (path.read_text(errors="replace") if path.exists() else "[]\n"):
            write_text(path, text)
        return len(found)

    def _result(self, row: Row) -> Path:
        return self.folder / RESULTS / str(row.id)
