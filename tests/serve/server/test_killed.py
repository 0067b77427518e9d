"""A server that is killed again and again while contributions come in."""

import random
import threading
import time

import httpx
import numpy as np
import pytest
from tests.serve.processes import Process

from remnant.defenses.privacynet.networks import load_server
from remnant.serve.holdout import draw_id
from remnant.serve.server.store import Store

KILLS, WRITERS = 30, 4


@pytest.mark.slow
def test_a_server_that_is_killed_while_it_is_contributed_to_loses_and_doubles_nothing(
    pair, tmp_path, given, code, labels
):
    """30 kills at random moments: all that was acknowledged is there, once, whole, and nothing that was never sent."""
    chance, turn, mark = random.Random(0), threading.Lock(), load_server(pair()).mark
    sent, acknowledged, open_ids, killed_under_way, answers = {}, set(), [], 0, set()

    def write(url, stop):
        nonlocal killed_under_way
        with httpx.Client(timeout=60, trust_env=False) as client:
            while not stop.is_set():
                with turn:
                    if open_ids:
                        one = open_ids.pop()
                    else:
                        one = draw_id()
                        sent[one] = np.roll(code, len(sent) % code.size, axis=None)
                body = given(code=sent[one], mark=mark)
                try:
                    path = f"{url}/v1/models/net/contributions/{one}"
                    status = client.put(path, content=body.body, headers=body.headers).status_code
                except httpx.TransportError:
                    with turn:
                        open_ids.append(one)
                        killed_under_way += 1
                    return
                with turn:
                    if status == 429:  # too many in a row: once more, later
                        open_ids.append(one)
                    else:
                        answers.add(status)
                        acknowledged.add(one)
                if status == 429:
                    stop.wait(0.2)

    for number in range(KILLS):
        before = len(acknowledged)
        server, stop = Process(pair(), "--store", tmp_path / "store"), threading.Event()
        writers = [threading.Thread(target=write, args=(server.url, stop)) for _ in range(WRITERS)]
        for writer in writers:
            writer.start()
        # Every other one while they come in, on however busy a machine; the others wherever the first ones are.
        deadline = time.monotonic() + 60
        while number % 2 and len(acknowledged) == before and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.2 if number % 2 else 1.0))
        server.kill()
        stop.set()
        for writer in writers:
            writer.join(120)
    assert answers <= {200, 201}, answers
    assert killed_under_way > KILLS / 2 and len(acknowledged) >= KILLS / 2  # kills hit what was under way
    server = Process(pair(), "--store", tmp_path / "store")
    found = httpx.get(f"{server.url}/v1/models/net/contributions", timeout=60, trust_env=False).json()["contributions"]
    server.stop()
    there = [one["id"] for one in found]
    assert acknowledged <= set(there) and len(there) == len(set(there)) and set(there) <= sent.keys()
    store = Store.existing(tmp_path / "store")
    kept = store.contributions("net")
    assert sorted(path.name for path in (store.folder / "contributions").iterdir()) == sorted(one.file for one in kept)
    for one in kept:
        whole = store.read(one)
        np.testing.assert_array_equal(whole[0], sent[one.id])
        np.testing.assert_array_equal(whole[1], labels)
    store.close()
