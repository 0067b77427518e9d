"""A segmenter for Triton: the same maps as ours, from one file that needs nothing of ours."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from tests.serve.disk import room_of

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.prepare.grid import Grid
from remnant.defenses.privacynet.networks import Networks, load_server, save_pair
from remnant.defenses.privacynet.settings import privacynet_preset
from remnant.serve.protocol import Metadata
from remnant.serve.server.export import DESCRIBED, export
from remnant.serve.server.models import load_models, maps_of, metadata
from remnant.serve.server.versions import Versions

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
CLASSES = ("background", 'grey "G"', "weiße \\ Substanz")


# A grid as large as a patch, one with many patches, and one that is smaller than a patch.
SHAPES = [(16, 20, 16), (12, 30, 41), (40, 9, 16)]


def saved(folder, shape):
    settings = privacynet_preset("smoke")
    networks = Networks.untrained(settings, len(CLASSES), Seeds(4))
    save_pair(folder, networks, settings, Grid(shape, 6.0), CLASSES, 0.5, None)
    return folder


@pytest.fixture(params=SHAPES)
def segmenter(request, tmp_path):
    return saved(tmp_path / "net", request.param)


def test_the_exported_segmenter_makes_the_same_maps(segmenter, tmp_path, float32):
    server = load_server(segmenter)
    export(server, "net", 3, tmp_path / "out")
    module = torch.jit.load(tmp_path / "out" / "net" / "3" / "model.pt")
    generator = np.random.default_rng(0)
    for background in (0, 4):  # patches of one grey level, too, which ours computes once
        code = generator.uniform(size=(1, *server.shape)).astype(np.float16)
        code[:, :background] = 0
        found, ours = module(torch.from_numpy(code)).numpy(), maps_of(server, code)
        assert found.dtype == np.float16 and found.shape == ours.shape
        np.testing.assert_allclose(found.astype(float), ours.astype(float), rtol=2e-3, atol=2e-3)
    # The segmenter that was exported still serves.
    np.testing.assert_array_equal(maps_of(server, code), ours)


def test_the_configuration_says_what_the_metadata_says(segmenter, tmp_path):
    served = load_models([segmenter])["net"]
    export(served.versions[1], "net", 1, tmp_path / "out")
    text = (tmp_path / "out" / "net" / "config.pbtxt").read_text(encoding="utf-8")
    told = metadata(served, served.versions[1])
    for kind, (tensor,) in (("input", told.inputs), ("output", told.outputs)):
        assert f'{kind} [ {{ name: "{tensor.name}" data_type: TYPE_{tensor.datatype} dims: {tensor.shape} }} ]' in text
    said = dict(re.findall(r'parameters { key: "(\w+)" value { string_value: ("(?:[^"\\]|\\.)*") } }', text))
    assert {key: json.loads(value) for key, value in said.items()} == told.parameters
    assert 'platform: "pytorch_libtorch"' in text and "max_batch_size: 0" in text
    assert {path.name for path in (tmp_path / "out" / "net").iterdir()} == {"1", "config.pbtxt", DESCRIBED}
    beside = Metadata.read((tmp_path / "out" / "net" / DESCRIBED).read_bytes())
    assert beside == told


def test_it_needs_torch_alone(tmp_path):
    for number, shape in enumerate(SHAPES):
        export(load_server(saved(tmp_path / f"net{number}", shape)), "net", 1, tmp_path / f"out{number}")
    program = (
        "import sys, torch\n"
        f"for number, shape in enumerate({SHAPES}):\n"
        "    module = torch.jit.load(f'{sys.argv[1]}/out{number}/net/1/model.pt')\n"
        "    print(list(module(torch.zeros((1, *shape)).half()).shape), 'remnant' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert said.splitlines() == [f"{[3, *shape]} False" for shape in SHAPES]


def test_the_command_exports_the_promoted_version_or_the_one_asked_for(remnant, store, pair, tmp_path):
    versions = Versions(store, "net")
    versions.adopt(pair())
    code, _, printed = remnant("server", "export", store.folder, "--out", tmp_path / "a")
    assert (code, printed) == (0, str(tmp_path / "a")) and (tmp_path / "a" / "net" / "1" / "model.pt").is_file()
    code, _, _ = remnant("server", "export", pair(), "--out", tmp_path / "b")
    assert (
        code == 0
        and (tmp_path / "b" / "net" / "config.pbtxt").read_text()
        == (tmp_path / "a" / "net" / "config.pbtxt").read_text()
    )
    (tmp_path / "empty").mkdir()
    for words, said in (
        ((store.folder, "--out", tmp_path / "a"), "exists already"),
        ((store.folder, "--out", tmp_path / "c", "--version", 7), "has no version 7"),
        ((store.folder, "--out", tmp_path / "c", "--model", "x"), "has no model 'x'"),
        ((pair(), "--out", tmp_path / "c", "--version", 1), "is no store"),
        ((tmp_path / "empty", "--out", tmp_path / "c"), "does not exist"),
        ((pair() / "encoder.safetensors", "--out", tmp_path / "c"), "not the server's half"),
    ):
        code, errors, printed = remnant("server", "export", *words)
        assert code == 2 and said in errors[-1] and printed == "" and not (tmp_path / "c").exists(), errors


def test_a_segmenter_without_its_grid_is_told(pair, tmp_path):
    server = load_server(pair())
    object.__setattr__(server, "shape", None)
    with pytest.raises(RemnantError, match="does not say its encoder's grid"):
        export(server, "net", 1, tmp_path / "out")
    with pytest.raises(RemnantError, match="is no name of a model"):
        export(load_server(pair()), "../net", 1, tmp_path / "out")


def test_a_full_disk_is_an_error_and_no_end_of_the_process(pair, tmp_path):
    server = load_server(pair())  # written before there is no room: other tests share it
    with room_of(4096), pytest.raises(OSError, match="File too large"):
        export(server, "net", 1, tmp_path / "out")
    assert not list(tmp_path.iterdir())
