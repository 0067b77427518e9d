"""Series of an archive segmented as they come, each once: `remnant client watch`.

What is of one series holds up no other, and is told once: a scan that is unfit, a result that the archive does not take, a series
of which more came after its result was stored. What a server is to blame for leaves all series in the queue: one that is away is
asked again, and anything else stops the client with a sentence; its next start goes on.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.defenses.privacynet.networks import Client
from remnant.serve.client.connection import AwayError, ServerError
from remnant.serve.client.dicomweb import Archive, NotTakenError
from remnant.serve.client.queue import ARRIVING, MADE, REFUSED, STORED, UNFIT, Queue, Row
from remnant.serve.client.remote import Remote
from remnant.serve.client.rules import Rule
from remnant.serve.client.segment import SEG, segment_scan

QUEUE, RESULTS = "queue.sqlite", "results"


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
            if path not in kept:
                shutil.rmtree(path)

    def once(self, queue: Queue, now: float) -> None:
        """Store what is made, look at the archive, and segment what has settled."""
        for row in queue.of(MADE):
            self._store(queue, row)
        for listed in self.source.matching(self.rules):
            row = queue.saw(listed.study, listed.series, listed.instances, now)
            if row.outgrown and row.settled(now, self.settle):
                self._outgrown(queue, row)
            elif row.state == ARRIVING and row.settled(now, self.settle):
                self._segment(queue, row)

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
        except ServerError:
            raise
        except RemnantError as error:
            queue.becomes(row, UNFIT, str(error))
            self.tell(f"remnant: series {row.id} of the queue is set aside: {error}")
            return
        if came != row.instances:
            queue.saw(row.study, row.series, came, time.time())
            why = f"the archive lists {row.instances} images of it and gives {came}"
            if row.why != why:
                queue.becomes(row, ARRIVING, why)
                self.tell(f"remnant: series {row.id} of the queue waits: {why}.")
            return
        queue.becomes(row, MADE)
        self._store(queue, row)

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

    def _result(self, row: Row) -> Path:
        return self.folder / RESULTS / str(row.id)
