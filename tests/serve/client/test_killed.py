"""Client and server killed at any moment, as processes, on a real PACS: nothing is lost, doubled or half-written."""

import json
import random
import shutil
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pydicom
import pytest
from tests.serve.processes import WAIT_S, Orthanc, free_port
from tests.serve.ready import Ready

from remnant.base.provenance import sha256
from remnant.cohort.files.volume import read_labels
from remnant.defenses.privacynet.networks import load_client
from remnant.serve.client.queue import STORED
from remnant.serve.client.remote import Remote
from remnant.serve.client.segment import LABELS, MANIFEST, SEG, segment_scan
from remnant.serve.client.watch import QUEUE, RESULTS

pytestmark = pytest.mark.slow
KILLS = 30
LONGEST_S = 20  # however long a busy machine takes for a series


@pytest.fixture
def ready(tmp_path):
    made = Ready(tmp_path / "log")
    yield made
    made.stop()


@pytest.fixture
def orthanc(tmp_path):
    begun = Orthanc(tmp_path)
    yield begun
    begun.stop()


def until(what, seconds=WAIT_S):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_client_that_is_killed_at_any_moment_loses_no_series_and_doubles_none(
    orthanc, serving, ready, pair, head, tmp_path
):
    queue = tmp_path / "q"
    words = ("client", "watch", "--from", orthanc.url, "--to", orthanc.url, "--rule", "Modality=MR", "--settle", 1)
    words += ("--encoder", pair(), "--server", serving.url, "--model", pair().name, "--queue", queue)

    def put(number):
        folder = head((0.0, 0.0, 8.0), f"zq-{number}")
        orthanc.client.store_instances([pydicom.dcmread(path) for path in folder.iterdir()])

    def states():
        """As a kill left them."""
        if not (queue / QUEUE).exists():
            return []
        with closing(sqlite3.connect(f"file:{queue / QUEUE}?mode=ro", uri=True)) as base:
            return [state for (state,) in base.execute("SELECT state FROM series")]

    put(0)
    begun = time.monotonic()
    process = ready.begin(*words)
    until(lambda: len(orthanc.results()) == 1)
    longest, chance = min(1.5 * (time.monotonic() - begun), LONGEST_S), random.Random(0)
    ready.kill(process)
    seen, broken_off, whole = [], 0, 0
    for number in range(1, KILLS + 1):
        put(number)
        process = ready.begin(*words)
        time.sleep(chance.uniform(0, longest))
        ready.kill(process)
        seen.append(states())
        left = list((queue / RESULTS).iterdir())
        broken_off += any(path.name.startswith(".tmp-") for path in left)
        for path in left:
            if not path.name.startswith(".tmp-"):
                whole += 1
                assert sorted(one.name for one in path.iterdir()) == sorted([LABELS, MANIFEST, SEG])
                sums = json.loads((path / MANIFEST).read_text())["sha256"]
                assert sums == {name: sha256(path / name) for name in (LABELS, SEG)}
    # Series were stored under the kills, and kills met work.
    assert seen[-1].count(STORED) > KILLS / 6 and broken_off > KILLS / 6, (broken_off, seen)
    process = ready.begin(*words)
    until(lambda: len(orthanc.results()) == KILLS + 1, 5 * WAIT_S)
    time.sleep(2 * longest)  # in which what would be doubled would come
    ready.kill(process)
    results = orthanc.results()
    assert len(results) == KILLS + 1 and set(states()) == {STORED}
    segs = [orthanc.client.retrieve_instance(*result) for result in results]
    assert len({seg.ReferencedSeriesSequence[0].SeriesInstanceUID for seg in segs}) == KILLS + 1
    assert len({seg.pixel_array.tobytes() for seg in segs}) == 1  # of one drawn head
    assert not list((queue / RESULTS).iterdir())


def test_a_server_that_is_killed_at_any_moment_answers_each_request_in_the_end(ready, pair, scans, tmp_path):
    port = free_port()
    words, told, chance = ("serve", pair(), "--port", port), [], random.Random(1)

    def listens():
        with socket.socket() as found:
            return found.connect_ex(("127.0.0.1", port)) == 0

    def again(process, after):
        time.sleep(after)
        ready.kill(process)
        return ready.begin(*words)

    with Remote(f"http://127.0.0.1:{port}", tell=told.append) as remote, ThreadPoolExecutor(1) as meanwhile:
        client, out = load_client(pair()), tmp_path / "out"

        def segmented():
            segment_scan(scans[0], out, client, remote, pair().name, quiet=True)
            assert sorted(one.name for one in out.iterdir()) == sorted([LABELS, MANIFEST])
            labels = read_labels(out / LABELS)[0]
            shutil.rmtree(out)
            return labels

        process = ready.begin(*words)
        until(listens)
        wanted, begun = segmented(), time.monotonic()
        assert np.array_equal(segmented(), wanted) and wanted.any()
        longest = time.monotonic() - begun
        for _ in range(KILLS):
            until(listens)
            killed = meanwhile.submit(again, process, chance.uniform(0, longest))
            assert np.array_equal(segmented(), wanted)
            process = killed.result(WAIT_S)
    # Kills met requests under way, and such as began later.
    assert all(sum(why in line for line in told) > 2 for why in ("broke the connection off", "cannot be reached")), told
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".tmp-")]
