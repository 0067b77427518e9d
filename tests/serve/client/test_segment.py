import errno
import functools
import json
import os
import re
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from highdicom.seg import segread
from tests.manual import ROOT, blocks
from tests.serve.client.played import CLASSES, GRID, SECRETS, TILTED, Played, by_brightness

from remnant.base.errors import RemnantError
from remnant.cohort.files.volume import read_header, read_labels, read_volume
from remnant.defenses.privacynet.deploy import encode_scan
from remnant.defenses.privacynet.networks import load_client
from remnant.measure.correlation import ncc_matrix
from remnant.measure.overlap import dice
from remnant.serve.client.encode import encoded
from remnant.serve.client.remote import Remote
from remnant.serve.client.segment import LABELS, MANIFEST, SEG, segment_scan


@pytest.fixture
def ready(pair, play):
    """`ready(method)`: a loaded client, a played server of its encoder, and a `Remote` to that."""

    def make(method="encoder"):
        client = load_client(pair(method))
        return client, *play(client.mark)

    return make


def test_the_label_map_is_that_of_the_local_pipeline(scans, ready, tmp_path):
    client, server, remote = ready()
    manifest = segment_scan(scans[1], tmp_path / "out", client, remote, "segmenter", measured="Unknown.", quiet=True)
    code, ticket = encode_scan(client, scans[1])
    maps = by_brightness(code[None].astype("f2")).astype("f2")
    labels, affine = read_labels(tmp_path / "out" / LABELS)
    assert np.array_equal(labels, ticket.undo(torch.from_numpy(maps.astype("f4"))))
    assert labels.shape == read_header(scans[1]).shape and np.allclose(affine, read_header(scans[1]).affine)
    written = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert written == json.loads(json.dumps(manifest)) and set(manifest["sha256"]) == {LABELS}
    voxel = abs(np.linalg.det(affine[:3, :3])) / 1000
    assert manifest["ml"] == {
        name: pytest.approx((labels == n).sum() * voxel, abs=1e-3) for n, name in enumerate(CLASSES) if n
    }
    assert (manifest["version"], manifest["measured"], manifest["encoder"]) == (3, "Unknown.", client.mark)
    assert manifest["bytes_sent"] == len(server.sent[0].content)
    # What is a patient's is for its owner alone.
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0 and (tmp_path / "out" / LABELS).stat().st_mode & 0o077 == 0


def test_a_secret_deformation_is_undone_here(scans, ready, tmp_path, monkeypatch):
    # A client draws of the system's entropy, and how much of thin tissues a bend leaves depends on it.
    drawn = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda *seed: drawn(*seed or (0,)))
    client, server, remote = ready("deformation")
    plain = ready("none")
    for one, out in ((client, "bent"), (plain[0], "plain")):
        at = remote if one is client else plain[2]
        segment_scan(scans[0], tmp_path / out, one, at, "segmenter", quiet=True)
    bent, straight = (read_labels(tmp_path / out / LABELS)[0][None] for out in ("bent", "plain"))
    sent = [np.frombuffer(one.content[-2 * 32**3 :], "<f2").astype("f4") for one in (server.sent[0], plain[1].sent[0])]
    assert np.corrcoef(*sent)[0, 1] < 0.95
    assert np.nanmean(dice(bent, straight, 4)) > 0.85


@pytest.mark.parametrize("kind", ["slices", "enhanced", "tilted"])
def test_of_a_series_the_segmentation_is_the_label_map_voxel_for_voxel(head, as_enhanced, ready, tmp_path, kind):
    client, _, remote = ready("none")
    folder = head(TILTED) if kind == "tilted" else head()
    folder = as_enhanced(folder) if kind == "enhanced" else folder
    manifest = segment_scan(folder, tmp_path / "out", client, remote, "segmenter", quiet=True)
    labels, affine = read_labels(tmp_path / "out" / LABELS)
    image, theirs = read_volume(folder)
    assert labels.shape == image.shape and np.allclose(affine, theirs, atol=1e-4)
    seg = segread(tmp_path / "out" / SEG)
    found = np.zeros(labels.shape, int)
    for frame, plane in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
        place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float) * [-1, -1, 1]
        index = np.linalg.solve(theirs[:3, :3], place - theirs[:3, 3])
        assert np.allclose(index, [0, 0, round(index[2])], atol=1e-3)
        found[:, :, round(index[2])][plane.T > 0] = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
    assert np.array_equal(found, labels) and len(np.unique(labels)) == 4
    assert set(manifest["sha256"]) == {LABELS, SEG} and seg.PatientID == SECRETS["PatientID"]
    # The parts lie on the tissue that the server was shown as such.
    assert image[labels == 3].mean() > image[labels == 2].mean() > image[labels == 1].mean() > image[labels == 0].mean()
    assert np.corrcoef(image.ravel(), labels.ravel())[0, 1] > 0.95


def test_a_tilted_gantry_is_told_and_makes_the_same_code_as_a_straight_one(head, ready, tmp_path, capsys):
    client, _, remote = ready("none")
    straight, tilted = (head(step, name) for step, name in (((0, 0, 4 * np.cos(0.349)), "zq-a"), (TILTED, "zq-b")))
    (wanted, *_), (found, *_) = (vars(encoded(client, each, tmp_path)).values() for each in (straight, tilted))
    assert ncc_matrix(wanted.astype("f4"), found.astype("f4"))[0, 0] > 0.999
    # As it lies in the file it would look like another head.
    sheared, _ = encode_scan(client, tilted)
    assert ncc_matrix(wanted.astype("f4"), sheared[None])[0, 0] < 0.99
    manifest = segment_scan(tilted, tmp_path / "out", client, remote, "segmenter", quiet=True)
    assert "axes are 20.0 degrees off square, as of a tilted gantry" in manifest["notes"][0]
    assert re.search(r"zq-b: its axes are 20\.0 degrees off square.* on the scan's own slices", capsys.readouterr().err)
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("zq-")) == ["out"]


def parts(request):
    """What a request consists of but the code: address, headers, the JSON header without its random id; and the code."""
    length = int(request.headers["Inference-Header-Content-Length"])
    told = json.loads(request.content[:length])
    name = told.pop("id")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", name)
    return (str(request.url), request.headers.raw, told), name, request.content[length:]


def test_two_scans_differ_in_nothing_that_leaves_but_the_code_and_a_random_id(scans, head, ready, tmp_path):
    client, server, remote = ready()
    for number, scan in enumerate((*scans, head(), head(TILTED, "zq-b"))):
        segment_scan(scan, tmp_path / str(number), client, remote, "segmenter", quiet=True)
    told, names, codes = zip(*map(parts, server.sent), strict=True)
    assert all(one == told[0] for one in told) and len(set(names)) == 4 and len(set(codes)) == 4
    assert {len(request.content) for request in server.sent} == {len(codes[0]) + 512} and len(codes[0]) == 2 * 32**3
    assert told[0][2] == {
        "inputs": [
            {
                "name": "code",
                "datatype": "FP16",
                "shape": [1, *GRID.shape],
                "parameters": {"binary_data_size": 2 * 32**3},
            }
        ],
        "outputs": [{"name": "maps", "parameters": {"binary_data": True}}],
        "parameters": {"mark": client.mark, "padding": told[0][2]["parameters"]["padding"]},
    }
    assert set(told[0][2]["parameters"]["padding"]) == {"0"}
    # As the manual shows it, but for the server's address and the token.
    (shown,) = blocks(ROOT / "docs" / "defences.md", "http")
    head_shown, _, body_shown = shown.partition("\n\n")
    lines = dict(line.split(": ", 1) for line in head_shown.splitlines()[1:])
    sent = {name.decode(): value.decode() for name, value in told[0][1]}
    assert [*lines] == [*sent]
    assert all(value == sent[name] for name, value in lines.items() if name not in ("Host", "Authorization"))
    body = json.loads(body_shown.partition("\n(the code)")[0])
    assert {*body} == {"id", *told[0][2]} and all(body[part] == told[0][2][part] for part in ("inputs", "outputs"))
    assert body["parameters"].keys() == told[0][2]["parameters"].keys()
    # Before it, only the model is asked for.
    assert all(request.content == b"" for request in server.requests if request.method == "GET")


def values_of(header):
    """Every value of a header as text, sequences too."""
    for element in header.iterall():
        if element.VR != "SQ" and element.keyword != "PixelData":
            yield from (str(one) for one in (element.value if element.VM > 1 else [element.value]))


def numbers(values):
    """Numbers as they might stand in bytes."""
    for value in values:
        for form in ("<d", ">d", "<f", ">f"):
            yield struct.pack(form, value)


def test_no_value_of_a_header_no_name_of_a_file_and_no_geometry_leaves(head, ready, tmp_path):
    client, server, remote = ready()
    # Of each slice its own place, and sides unlike those of the grid.
    folder = head((0.0, 0.0, 3.7))
    segment_scan(folder, tmp_path / "out", client, remote, "segmenter", quiet=True)
    whole = b"".join(
        str(request.url).encode() + b"\n".join(b": ".join(pair) for pair in request.headers.raw) + request.content
        for request in server.requests
    )
    files = sorted(folder.iterdir())
    texts = {value for file in files for value in values_of(pydicom.dcmread(file))}
    # Shorter ones, such as a sex or a number of 16 bits, stand in any bytes; the test above excludes them.
    texts = {text for text in texts if len(text) > 3} | {part for path in files for part in (path.name, path.stem)}
    texts |= {folder.name, *folder.parts[1:], "zqfile", ".dcm"}
    assert len(texts) > 150 and all(value in texts for value in SECRETS.values() if len(value) > 3)
    assert not [text for text in texts if text.lower().encode() in whole.lower()]
    shape, affine, spacing = (getattr(read_header(folder), name) for name in ("shape", "affine", "spacing"))
    odd = [float(value) for value in {*affine.ravel(), *spacing, *map(float, shape)} if value not in (0, 1, -1, 32)]
    assert len(odd) > 6 and not [value for value in numbers(odd) if value in whole]
    told = whole[: whole.index(b'"inputs"')] + json.dumps(parts(server.sent[0])[0][2]).encode()
    assert str(list(shape)).encode() not in told and b"3.7" not in told


def test_another_encoders_model_gets_no_code(scans, pair, play, tmp_path):
    server, remote = play("feedfeedfeed")
    with pytest.raises(RemnantError, match="was trained with the encoder feedfeedfeed, and this one is"):
        segment_scan(scans[0], tmp_path / "out", load_client(pair()), remote, "segmenter", quiet=True)
    assert not server.sent and not list(tmp_path.iterdir())


def test_a_scan_of_another_kind_is_not_sent(scans, ready, tmp_path):
    client, server, remote = ready()
    image, affine = read_volume(scans[0])
    # What is bright in one is dark in the other, as bone and fluid are in CT and MR.
    other = np.where(image > 0, (1 - image / image.max()) ** 4, 0).astype(np.float32)
    nib.save(nib.Nifti1Image(other, affine), tmp_path / "ct.nii.gz")
    with pytest.raises(RemnantError, match="does not look like the scans that the encoder was trained on"):
        segment_scan(tmp_path / "ct.nii.gz", tmp_path / "out", client, remote, "segmenter", quiet=True)
    assert not server.sent and [path.name for path in tmp_path.iterdir()] == ["ct.nii.gz"]


@pytest.mark.parametrize(
    "failure", [500, (200, b"nonsense"), httpx.ConnectError("away")], ids=["fault", "nonsense", "away"]
)
def test_on_any_failure_nothing_is_left(scans, ready, tmp_path, failure):
    client, server, remote = ready()
    ask = remote.segment

    def fail(*given):
        server.instead = [failure] * 10
        return ask(*given)

    remote.segment = fail
    with pytest.raises(RemnantError):
        segment_scan(scans[0], tmp_path / "out", client, remote, "segmenter", quiet=True)
    assert not list(tmp_path.iterdir())


def test_a_series_that_takes_no_segmentation_leaves_nothing(head, ready, tmp_path, monkeypatch):
    client, _, remote = ready()

    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("remnant.serve.client.seg.write_segmentation", full)
    folder = head()
    with pytest.raises(OSError, match="No space"):
        segment_scan(folder, tmp_path / "out", client, remote, "segmenter", quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_result_is_on_the_disk_before_it_can_be_seen(head, ready, tmp_path, monkeypatch):
    client, _, remote = ready()
    synced, true = {}, os.fsync

    def fsync(handle):
        synced[os.fstat(handle).st_ino] = (tmp_path / "out").exists()
        true(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    segment_scan(head(), tmp_path / "out", client, remote, "segmenter", quiet=True)
    for path in (tmp_path / "out", *(tmp_path / "out").iterdir()):
        assert synced.get(path.stat().st_ino) is False, path.name


def test_a_folder_with_something_in_it_is_not_written_into(scans, ready, tmp_path):
    client, server, remote = ready()
    (tmp_path / "out").mkdir()
    assert segment_scan(scans[0], tmp_path / "out", client, remote, "segmenter", quiet=True)
    with pytest.raises(RemnantError, match="out exists already and is no empty folder"):
        segment_scan(scans[0], tmp_path / "out", client, remote, "segmenter", quiet=True)
    assert len(server.sent) == 1


@pytest.fixture
def listening(pair):
    """The address of a played server on loopback, and that server."""
    played = Played(load_client(pair()).mark, by_brightness)

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = httpx.Request(
                self.command, f"http://127.0.0.1{self.path}", headers=dict(self.headers), content=body
            )
            found = played(request)
            content = found.read()
            self.send_response(found.status_code)
            for name, value in (dict(found.headers) | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = functools.partialmethod(answer)  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", played
    server.shutdown()
    server.server_close()


def test_no_proxy_of_the_environment_sees_a_code(listening, monkeypatch):
    url, server = listening
    for name, value in (("http_proxy", "http://127.0.0.1:9"), ("all_proxy", "http://127.0.0.1:9"), ("no_proxy", "")):
        monkeypatch.setenv(name, value)

    def wait(_):
        raise AssertionError("it was to be reached at once")

    with Remote(url, wait=wait) as remote:
        assert remote.describe("segmenter").name == "segmenter" and len(server.requests) == 1


def test_the_command_prints_the_folder_or_the_manifest(remnant, head, pair, listening, tmp_path):
    url, server = listening
    (tmp_path / "token").write_text("tok_zq\n")
    words = ("client", "segment", head(), "--encoder", pair(), "--server", url, "--token-file", tmp_path / "token")
    code, err, out = remnant(*words, "--out", tmp_path / "one")
    assert (code, out) == (0, str(tmp_path / "one"))
    assert "Nobody has measured what codes of this encoder tell of a patient: remnant protect evaluate" in err[0]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == [LABELS, MANIFEST, SEG]
    code, err, out = remnant(*words, "--out", tmp_path / "two", "--json", "--quiet")
    assert code == 0 and not err and json.loads(out)["model"] == "segmenter"
    assert server.sent[0].headers["Authorization"] == "Bearer tok_zq"


BAD = {
    "secondary capture": (
        lambda header, n: setattr(header, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.7"),
        "secondary captures",
    ),
    "localizer": (lambda header, n: setattr(header, "ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localizers"),
    "one slice": (lambda header, n: n == 7, "holds a single slice"),
    "two patients": (lambda header, n: setattr(header, "PatientID", f"ZQ{n % 2}"), "are of 2 patients"),
    "a slice missing": (lambda header, n: n != 7, "lacks 1 slice"),
}


@pytest.mark.parametrize(("change", "sentence"), BAD.values(), ids=BAD)
def test_bad_input_is_one_sentence_and_nothing_is_written_or_sent(
    remnant, head, pair, listening, tmp_path, change, sentence
):
    url, server = listening
    folder = head(change=change)
    before = sorted(tmp_path.iterdir())
    code, err, out = remnant(
        "client", "segment", folder, "--encoder", pair(), "--server", url, "--out", tmp_path / "out", "--quiet"
    )
    assert code == 2 and not out and len(err) == 1 and err[0].startswith("remnant: ") and sentence in err[0]
    assert sorted(tmp_path.iterdir()) == before and not server.requests


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_a_full_disk_is_one_sentence_that_names_no_option_that_is_not_there(
    remnant, head, pair, listening, tmp_path, monkeypatch, number
):
    url, _ = listening
    folder = head()

    def full(*given, **named):
        raise OSError(number, "No space left on device")

    monkeypatch.setattr("remnant.serve.client.segment.write_volume", full)
    words = ("--encoder", pair(), "--server", url, "--out", tmp_path / "out", "--quiet")
    code, err, out = remnant("client", "segment", folder, *words)
    assert (code, out) == (2, "") and err == [
        f"remnant: The disk of {tmp_path} is full; make room, and give the command again."
    ]
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
