"""The container file built and run, by buildah: without a daemon, on a base of Debian's packages alone."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import trustme
from tests.serve.processes import WAIT_S

from remnant.base.errors import RemnantError
from remnant.defenses.privacynet.networks import load_server
from remnant.serve.client.remote import Remote
from remnant.serve.server.models import maps_of

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[3]
PACKAGES = "python3,python3-venv,ca-certificates"
BUILD_S = 1200
USER = 10001  # of the container file
PORT = 8443


class Buildah:
    """buildah with images and containers in `folder`. `runs(*words)`: what a command of it printed."""

    def __init__(self, folder: Path):
        self._command = ["buildah", "--root", folder / "images", "--runroot", folder / "running"]

    def words(self, *words):
        return [*map(str, self._command), *map(str, words)]

    def runs(self, *words):
        done = subprocess.run(self.words(*words), capture_output=True, text=True, timeout=BUILD_S)
        assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout.strip()


def pip_of_this_machine(folder):
    """Options of a build whose pip looks where this machine's does: its settings, and the files and folders they name."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    lines = subprocess.run(pip, capture_output=True, text=True, check=True).stdout.splitlines()
    settings = {}
    for line in lines:
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = ast.literal_eval(value)
    (folder / "pip.conf").write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    named = {Path(word.removeprefix("file://")) for value in settings.values() for word in value.split()}
    # Of an index the files lie beside it.
    lying = {path.parent if path.name == "simple" else path for path in named if path.is_absolute() and path.exists()}
    return [
        f"--volume={folder / 'pip.conf'}:/etc/pip.conf:ro",
        *(f"--volume={path}:{path}:ro" for path in sorted(lying)),
    ]


@pytest.fixture(scope="module")
def folder():
    """Not pytest's own: it lies in memory on some machines, and keeps what was made in it."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def image(folder):
    """`buildah` and the image that it built of the container file."""
    root = folder / "root"
    words = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root]
    done = subprocess.run(words, capture_output=True, text=True, timeout=BUILD_S)
    assert done.returncode == 0, done.stdout[-3000:]
    buildah = Buildah(folder)
    base = buildah.runs("from", "scratch")
    # Python's copytree would read devices to their end, which /dev/full has not.
    subprocess.run(["cp", "--archive", f"{root}/.", buildah.runs("mount", base)], check=True, timeout=BUILD_S)
    buildah.runs("umount", base)
    buildah.runs("commit", "--rm", "--quiet", base, "localhost/base")
    shutil.rmtree(root)
    # Docker's format, as OCI's has no health check.
    options = ["--format=docker", "--isolation=chroot", "--network=host", "--build-arg=BASE=localhost/base"]
    here = ["--file", REPOSITORY / "deploy" / "Containerfile", "--tag", "remnant-serve", REPOSITORY]
    buildah.runs("build", "--quiet", *options, *pip_of_this_machine(folder), *here)
    yield buildah, "localhost/remnant-serve"
    buildah.runs("rm", "--all")
    buildah.runs("rmi", "--all", "--force")


@pytest.fixture
def mounted(remnant, pair, folder):
    """What an installation mounts: the segmenter, tokens and TLS of the container's user alone; and the token."""
    segmenter, secrets = folder / "segmenter", folder / "secrets"
    shutil.copytree(pair(), segmenter)
    secrets.mkdir()
    issued = trustme.CA()
    issued.cert_pem.write_to_path(folder / "ca.pem")
    server = issued.issue_cert("localhost")
    server.cert_chain_pems[0].write_to_path(secrets / "cert.pem")
    server.private_key_pem.write_to_path(secrets / "key.pem")
    said = remnant("server", "token", "add", secrets / "tokens.json", "--name", "clinic", "--scope", "segment")
    for path in (segmenter, secrets, *segmenter.iterdir(), *secrets.iterdir()):
        os.chown(path, USER, USER)
        path.chmod(0o700 if path.is_dir() else 0o600)
    return segmenter, secrets, folder / "ca.pem", said[2].strip()


def test_the_image_is_built_and_what_it_starts_serves(image, mounted, pair, code):
    buildah, name = image
    segmenter, secrets, trusted, token = mounted
    settings = json.loads(buildah.runs("inspect", "--type=image", name))["Docker"]["config"]
    assert settings["User"] == str(USER) and settings["Volumes"] == {"/store": {}}
    container = buildah.runs("from", name)
    within = ["--isolation=chroot", "--network=host", "--cap-drop=all"]
    url = f"https://localhost:{PORT}"
    volumes = [f"--volume={segmenter}:/segmenter:ro", f"--volume={secrets}:/etc/remnant:ro"]
    run = buildah.words("run", *within, *volumes, container, "--", *settings["Entrypoint"], *settings["Cmd"])
    process = subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().strip() == f"https://0.0.0.0:{PORT}", process.stderr.read()
        kind, *check = settings["Healthcheck"]["Test"]
        assert kind == "CMD"
        deadline = time.monotonic() + WAIT_S
        while subprocess.run(buildah.words("run", *within, container, "--", *check), capture_output=True).returncode:
            assert time.monotonic() < deadline, "never healthy"
        with Remote(url, token, trusted=trusted) as remote:
            answer = remote.segment(remote.describe("segmenter"), code)
        # By as many threads as it likes, which add up in another order.
        np.testing.assert_allclose(answer.maps, maps_of(load_server(pair()), code), rtol=0.01, atol=1e-3)
        with Remote(url, "another", trusted=trusted) as remote, pytest.raises(RemnantError, match="token"):
            remote.describe("segmenter")
        look = "stat --format='%u %a' /store && test ! -e /build && ! touch /opt/remnant/there"
        assert buildah.runs("run", *within, container, "--", "sh", "-c", look) == f"{USER} 700"
    finally:
        process.terminate()
        process.wait(WAIT_S)
        buildah.runs("rm", container)
