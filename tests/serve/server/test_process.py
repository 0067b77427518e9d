"""The server as a process, on a socket: TLS, uploads without end, requests of a fuzzer, and how it stops."""

import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
import trustme
from tests.serve.processes import WAIT_S, Process

from remnant.cohort.files.nifti import write_volume
from remnant.defenses.privacynet.deploy import segment_code
from remnant.defenses.privacynet.networks import load_server
from remnant.serve.protocol import HEADER_LENGTH, Answer, unpacked
from remnant.serve.server.tokens import add_token

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
INFER = "/v2/models/net/infer"
ROOM = 48  # MiB that a server may grow by, whatever arrives: bodies here have 75 kB, plain ones at most 16 MiB


@pytest.fixture
def start(pair):
    """`start(*words)`: a server, which is gone after the test."""
    begun = []

    def make(*words):
        begun.append(Process(pair(), *words))
        return begun[-1]

    yield make
    for process in begun:
        process.kill()


def maps(response):
    assert response.status_code == 200, response.text
    return unpacked(Answer, response.content, response.headers["Inference-Header-Content-Length"]).tensors[0].array


def post(client, body, path=INFER, **headers):
    return client.post(path, content=body.body, headers=body.headers | headers)


def test_codes_go_through_tls_with_a_token_and_come_back_as_the_local_maps(start, asked, pair, code, tmp_path):
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    token = add_token(tmp_path / "tokens", "a", ("segment",), 1)
    words = ("--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem", "--tokens", tmp_path / "tokens")
    # On every address: what is refused without tokens and TLS.
    server = start(*words, "--host", "0.0.0.0")
    trusting = ssl.create_default_context()
    with pytest.raises(httpx.ConnectError, match=r"(?i)certificate"):
        httpx.get(f"https://localhost:{server.port}/v2/health/live", verify=trusting, timeout=WAIT_S)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://localhost:{server.port}/v2/health/live", timeout=WAIT_S)
    authority.configure_trust(trusting)
    with httpx.Client(base_url=f"https://localhost:{server.port}", verify=trusting, timeout=WAIT_S) as client:
        assert post(client, asked()).status_code == 401
        found = maps(post(client, asked(), Authorization=f"Bearer {token}"))
    write_volume(tmp_path / "code.nii.gz", code[0].astype(np.float32), np.eye(4), load_server(pair()).mark)
    local, _ = segment_code(load_server(pair()), tmp_path / "code.nii.gz")
    np.testing.assert_array_equal(found, local.numpy().astype(np.float16))
    stopped, log = server.stop()
    assert stopped == -signal.SIGTERM and [line["status"] for line in log] == [401, 200]
    assert log[1]["tenant"] == "a" and token not in json.dumps(log)


@pytest.mark.parametrize("announced", [True, False])
def test_ten_gigabytes_are_refused_while_they_arrive(start, asked, announced):
    server = start()
    with httpx.Client(base_url=server.url, timeout=WAIT_S) as client:
        assert post(client, asked()).status_code == 200
        before, sent, total = server.peak(), 0, 10 * 10**9
        how = f"Content-Length: {total}" if announced else "Transfer-Encoding: chunked"
        megabyte = bytes(2**20)
        part = megabyte if announced else b"100000\r\n" + megabyte + b"\r\n"
        with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as upload:
            upload.sendall(
                f"POST {INFER} HTTP/1.1\r\nHost: here\r\n{how}\r\nContent-Type: application/octet-stream\r\n"
                "Inference-Header-Content-Length: 20\r\n\r\n".encode()
            )
            try:
                while sent < total:
                    upload.sendall(part)
                    sent += len(megabyte)
            except OSError:  # hung up
                pass
        assert sent < 2**26 and server.peak() < before + ROOM
        assert post(client, asked()).status_code == 200
    _, log = server.stop()
    assert [line["status"] for line in log] == [200, 413, 200] and log[1]["received"] < 2**20


def test_uploads_that_stall_hold_nobody_up(start, asked):
    server = start()
    stalled = []
    for _ in range(10):
        stalled.append(socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S))
        stalled[-1].sendall(f"POST {INFER} HTTP/1.1\r\nHost: here\r\nContent-Length: 999\r\n\r\n{{".encode())
    with httpx.Client(base_url=server.url, timeout=WAIT_S) as client:
        assert post(client, asked()).status_code == 200
        for one in stalled:
            one.close()
        assert post(client, asked()).status_code == 200
    _, log = server.stop()
    assert sorted(line["status"] for line in log) == [200, 200, *[400] * 10]


def test_two_hundred_requests_of_sixteen_clients(start, asked):
    """No error, one answer, and memory that does not grow with them."""
    server = start()
    body = asked()

    def ask(_):
        with httpx.Client(base_url=server.url, timeout=WAIT_S) as client:
            return maps(post(client, body)).tobytes()

    with ThreadPoolExecutor(16) as clients:
        first = set(clients.map(ask, range(100)))
        before = server.peak()
        second = set(clients.map(ask, range(100)))
    assert len(first | second) == 1 and server.peak() < before + ROOM


def changed(chance, body, other):
    """A sound request with something wrong in it: bytes, their number, the headers, or two at once."""
    data, headers = bytearray(body.body), dict(body.headers)
    for _ in range(chance.randint(1, 4)):
        kind, place = (
            chance.randint(0, 5),
            chance.randrange(min(len(data), 600) if chance.random() < 0.8 else len(data)),
        )
        if kind == 0:
            data[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[place : place + chance.randint(1, 9)]
        elif kind == 2:
            data[place:place] = chance.choice([b"9" * 30, b'"', b"[", b"NaN", b"-1", b"null", b"\0"])
        elif kind == 3:
            del data[max(1, place) :]
        elif kind == 4:
            headers[HEADER_LENGTH] = chance.choice(
                ["0", "-1", "9" * 9, "1e3", "512", "1", "\u0661".encode(), "", "9" * 5000]
            )
        else:
            headers = dict(other.headers)
    return bytes(data), headers


def test_a_thousand_changed_bodies_are_refused(start, asked):
    """By 4xx, but for the few whose changes are allowed; the server lives, and does not grow."""
    server = start()
    chance, statuses = random.Random(0), Counter()
    with httpx.Client(base_url=server.url, timeout=WAIT_S) as client:
        forms = [asked(binary=binary) for binary in (True, False)]
        for body in forms:
            assert post(client, body).status_code == 200
        before = server.peak(), server.memory()
        for _ in range(1000):
            at = chance.random() < 0.3
            data, headers = changed(chance, forms[at], forms[not at])
            statuses[client.post(INFER, content=data, headers=headers).status_code] += 1
        assert post(client, asked()).status_code == 200
        after = server.peak(), server.memory()
    assert {status // 100 for status in statuses} <= {2, 4} and sum(statuses.values()) == 1000 > 5 * statuses[200]
    assert after[0] < before[0] + 2 * ROOM and after[1] < before[1] + ROOM


def test_a_fuzzer_that_knows_the_document_and_the_model_finds_no_fault(start, asked, tmp_path):
    server = start()
    (tmp_path / "sound.json").write_bytes(asked(binary=False).body)
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    command = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"
    words = ("run", f"{server.url}/openapi.json", "--checks", checks, "--max-examples", "40", "--seed", "1")
    words += ("--phases", "examples,coverage,fuzzing", "--request-timeout", "20", "--no-color")
    hooks = {"SCHEMATHESIS_HOOKS": "tests.serve.server.fuzzed", "SOUND_REQUEST": str(tmp_path / "sound.json")}
    env = os.environ | hooks | {"PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))}
    done = subprocess.run(
        [sys.executable, "-c", command, *words], capture_output=True, text=True, check=False, cwd=tmp_path, env=env
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    _, log = server.stop()
    counts = Counter((line["route"].rpartition("/")[2], line["status"]) for line in log)
    assert len(log) > 300 and all(line["status"] < 500 or line["status"] == 503 for line in log)
    assert min(counts["infer", 200], counts["infer", 400], counts["infer", 404]) > 10, counts


def test_what_is_under_way_is_ended_when_the_server_stops(start, asked, code):
    server = start()
    body = asked(array=code, binary=False)
    with httpx.Client(base_url=server.url, timeout=WAIT_S) as client, ThreadPoolExecutor(8) as clients:
        answers = [clients.submit(post, client, body) for _ in range(8)]
        time.sleep(0.05)
        code, log = server.stop()
    found = [one.exception() or one.result().status_code for one in answers]
    # Whose connection was not yet accepted hears nothing, and asks again.
    assert code == -signal.SIGTERM and found.count(200) == sum(line["status"] == 200 for line in log) > 0
    assert all(status == 200 or isinstance(status, httpx.TransportError) for status in found)
