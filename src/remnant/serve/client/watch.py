"""Series of an archive segmented as they come, each once: `remnant client watch`.

Only a scan that is unfit is set aside. What a server is to blame for leaves the series in the queue: one that is away is asked
again, and anything else stops the client with a sentence; its next start goes on.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.defenses.privacynet.networks import Client
from remnant.serve.client.connection import AwayError, ServerError
from remnant.serve.client.dicomweb import Archive
from remnant.serve.client.queue import MADE, STORED, UNFIT, Queue, Row
from remnant.serve.client.remote import Remote
from remnant.serve.client.rules import Rule
from remnant.serve.client.segment import SEG, segment_scan

QUEUE, RESULTS = "queue.sqlite", "results"


@dataclass(frozen=True)
class Watch:
    """Series of `source` that fit the `rules` are segmented by `model` of `remote` once their number of instances has not changed
    for `settle` seconds, and the results put into `target`. `folder` holds the queue, and results until they are stored there.
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
        """Remove what a kill left half-made, or behind; patients' data lie in it."""
        results = self.folder / RESULTS
        results.mkdir(exist_ok=True, mode=0o700)
        stored = [self._result(row) for row in queue.of(STORED)]
        for path in (*results.glob(".tmp-*"), *(path for path in stored if path.exists())):
            shutil.rmtree(path)

    def once(self, queue: Queue, now: float) -> None:
        """Store what is made, look at the archive, and segment what has settled."""
        for row in queue.of(MADE):
            self._store(queue, row)
        for listed in self.source.matching(self.rules):
            row = queue.saw(listed.study, listed.series, listed.instances, now)
            if row.settled(now, self.settle):
                self._segment(queue, row)

    def _segment(self, queue: Queue, row: Row) -> None:
        out = self._result(row)
        if not out.exists():  # a kill may have come before the queue knew of it
            try:
                with self.source.fetched(row.study, row.series, out.parent) as folder:
                    came = len(list(folder.iterdir()))
                    if came != row.instances:
                        queue.saw(row.study, row.series, came, time.time())
                        return
                    segment_scan(
                        folder,
                        out,
                        self.client,
                        self.remote,
                        self.model,
                        measured=self.measured,
                        quiet=True,
                        key=f"{row.study} {row.series} {self.client.mark} {self.model}",
                    )
            except ServerError:
                raise
            except RemnantError as error:
                queue.becomes(row, UNFIT, str(error))
                self.tell(f"remnant: series {row.id} of the queue is set aside: {error}")
                return
        queue.becomes(row, MADE)
        self._store(queue, row)

    def _store(self, queue: Queue, row: Row) -> None:
        out = self._result(row)
        self.target.store(out / SEG)
        queue.becomes(row, STORED)
        shutil.rmtree(out)
        self.tell(f"remnant: series {row.id} of the queue is segmented and stored.")

    def _result(self, row: Row) -> Path:
        return self.folder / RESULTS / str(row.id)
