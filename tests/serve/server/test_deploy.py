"""The server as an installation runs it: an account that may nothing, a file system that cannot be written but for the store."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest
from tests.serve.processes import WAIT_S, free_port

from remnant.defenses.privacynet.networks import load_server
from remnant.serve.protocol import Answer, Request, Tensor, packed, unpacked

REPOSITORY = Path(__file__).parents[3]
DEPLOY = REPOSITORY / "deploy"
NOBODY = 65534


def test_what_the_container_copies_and_starts_is_there():
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", "")
    steps = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    for what, words in steps:
        if what == "COPY":
            *sources, _ = words.split()
            assert all((REPOSITORY / source).exists() for source in sources)
    said = {what: words for what, words in steps}
    start = [word.rpartition("/")[2] for word in json.loads(said["ENTRYPOINT"])] + json.loads(said["CMD"])
    assert start[:3] == ["remnant", "serve", "/segmenter"]
    assert said["USER"] == "10001" and said["VOLUME"] == "/store" and "[serve]" in said["RUN"]
    # Its options are the command's.
    help_ = subprocess.run([sys.executable, "-m", "remnant", "serve", "--help"], capture_output=True, text=True).stdout
    assert set(re.findall(r"--[a-z-]+", said["CMD"])) <= set(re.findall(r"--[a-z-]+", help_))


@pytest.mark.slow
def test_the_unit_is_sound_and_may_hardly_anything(tmp_path):
    unit = (DEPLOY / "remnant-serve.service").read_text()
    there = tmp_path / "remnant-serve.service"
    there.write_text(unit.replace("/opt/remnant/bin/remnant", shutil.which("true")))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", there], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    # 0 for nothing, 100 for all that a service may do.
    words = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", there]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def started(net, port, store, temporary):
    """`remnant serve` as an account without rights, which can write the store and the `temporary` folder alone."""
    inside = f"""
        for one in {store} {temporary or ""}; do mount --bind $one $one; done
        for one in / /dev/shm /tmp /var/tmp /home /root; do
          if mountpoint -q $one; then mount -o remount,bind,ro $one; fi
        done
        exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups --no-new-privs --bounding-set=-all \
          {sys.executable} -m remnant serve {net} --port {port} --store {store}"""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment |= {"TMPDIR": str(temporary)} if temporary else {}
    command = ["unshare", "--mount", "sh", "-ec", inside]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
    )


@pytest.fixture
def open_folder():
    """A folder that others may enter; those of pytest are their owner's alone."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.slow
def test_it_serves_as_nobody_where_only_the_store_can_be_written(pair, code, open_folder):
    store, net = open_folder / "store", open_folder / "net"
    store.mkdir()
    os.chown(store, NOBODY, NOBODY)
    shutil.copytree(pair(), net)
    net.chmod(0o755)
    temporary = open_folder / "tmp"
    temporary.mkdir()
    os.chown(temporary, NOBODY, NOBODY)
    for refused, what in (
        (started(net, free_port(), store, temporary), "segmenter.safetensors cannot be read (Permission denied)"),
        (started(net, free_port(), store, None), "No temporary folder can be written; set TMPDIR to one that can"),
    ):
        assert refused.wait(WAIT_S) == 2
        said = refused.stderr.read().splitlines()
        assert len(said) == 1 and what in said[0], said
    (net / "segmenter.safetensors").chmod(0o644)
    port = free_port()
    process = started(net, port, store, temporary)
    try:
        assert process.stdout.readline().strip() == f"http://127.0.0.1:{port}", process.stderr.read()
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert f"Uid:\t{NOBODY}\t{NOBODY}" in status and "CapBnd:\t0000000000000000" in status
        asked = packed(Request((Tensor("code", code),), "1", {"mark": load_server(net).mark}, {"maps": True}))
        deadline = time.monotonic() + WAIT_S
        while httpx.get(f"http://127.0.0.1:{port}/v2/health/ready").status_code != 200:
            assert time.monotonic() < deadline
        answer = httpx.post(
            f"http://127.0.0.1:{port}/v2/models/net/infer", content=asked.body, headers=asked.headers, timeout=WAIT_S
        )
        assert answer.status_code == 200, answer.text
        assert unpacked(Answer, answer.content, answer.headers["Inference-Header-Content-Length"]).tensors
        assert {path.name for path in store.iterdir()} >= {"store.sqlite", "contributions"}
    finally:
        process.kill()
        process.wait(WAIT_S)
