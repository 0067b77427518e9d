"""The client against another implementation of the Open Inference Protocol, with its binary tensors: KServe."""

import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.serve.processes import WAIT_S, free_port

import remnant
from remnant.base.errors import RemnantError
from remnant.defenses.privacynet.networks import load_server
from remnant.serve.client.remote import Remote
from remnant.serve.server.models import Served, maps_of, metadata

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "serving_peers" / "kserve_segmenter.py"
PYTHON = Path(sys.prefix) / "kserve" / "bin" / "python"


@pytest.fixture(scope="module")
def url(pair, tmp_path_factory):
    assert PYTHON.exists(), "KServe is not installed; make .venv/kserve/.ready"
    port, log = free_port(), tmp_path_factory.mktemp("kserve") / "log"
    libraries = Path(sysconfig.get_path("purelib"))
    # Remnant is installed for the other interpreter alone.
    own = os.environ | {"PYTHONPATH": str(Path(remnant.__file__).parents[1])}
    with log.open("w") as out:
        process = subprocess.Popen([PYTHON, SCRIPT, pair(), str(port), libraries], stdout=out, stderr=out, env=own)
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/v2/models/net/ready").status_code == 200:
                break
        except httpx.TransportError:
            pass
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(WAIT_S)


@pytest.fixture
def described(tmp_path):
    """`described(told)`: a file that says so."""

    def write(told):
        (tmp_path / "described.json").write_text(told.model_dump_json())
        return tmp_path / "described.json"

    return write


def test_maps_of_another_server_are_those_of_ours(url, pair, code, described):
    server = load_server(pair())
    told = metadata(Served("elsewhere", {1: server}), server)
    with Remote(url, described=described(told)) as remote:
        model = remote.describe("net")
        assert (model.name, model.mark, model.classes) == ("net", server.mark, server.classes)
        np.testing.assert_array_equal(remote.segment(model, code).maps, maps_of(server, code))


def test_what_a_server_does_not_tell_must_be_given_and_fit(url, pair, described, tmp_path):
    with Remote(url) as remote, pytest.raises(RemnantError, match=r"does not tell .*; give --described"):
        remote.describe("net")
    told = metadata(Served("net", {}), load_server(pair()))
    other = told.model_copy(update={"outputs": [told.outputs[0].model_copy(update={"shape": [9, 16, 20, 16]})]})
    with (
        Remote(url, described=described(other)) as remote,
        pytest.raises(RemnantError, match="not those of the exported"),
    ):
        remote.describe("net")
    (tmp_path / "other").write_text("[]")
    with pytest.raises(RemnantError, match=r"other does not describe a segmenter; give described\.json"):
        Remote(url, described=tmp_path / "other")
