"""The deployed pair on real components: Orthanc with its DICOMweb plugin, and client and server as processes."""

import subprocess
import sys

import numpy as np
import pydicom
import pytest
import torch
from tests.serve.processes import Orthanc

from remnant.cohort.files.volume import read_labels
from remnant.defenses.privacynet.deploy import encode_scan, labels_of
from remnant.defenses.privacynet.networks import load_client, load_server
from remnant.engine.stitch import stitched
from remnant.measure.overlap import dice
from remnant.serve.client.segment import LABELS
from remnant.serve.client.series import read_series

pytestmark = pytest.mark.slow


@pytest.fixture
def pacs(tmp_path):
    """`pacs(login=None)`: an Orthanc, which is gone after the test."""
    begun = []

    def make(login=None):
        folder = tmp_path / f"pacs{len(begun)}"
        folder.mkdir()
        begun.append(Orthanc(folder, login))
        return begun[-1]

    yield make
    for one in begun:
        one.stop()


def command(*words):
    return subprocess.run(
        [sys.executable, "-m", "remnant", *map(str, words)], capture_output=True, text=True, timeout=600, check=False
    )


def put(orthanc, folder):
    """Study and series of what was put there."""
    slices = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    orthanc.client.store_instances(slices)
    return slices[0].StudyInstanceUID, slices[0].SeriesInstanceUID


def in_seg(seg, folder):
    """The label map (x, y, z) in a SEG, each frame laid where its own position says."""
    stack = read_series(folder).stack
    labels = np.zeros(stack.shape, np.uint8)
    for frame, plane in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
        place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float) * [-1, -1, 1]
        z = round(np.linalg.solve(stack.affine[:3, :3], place - stack.affine[:3, 3])[2])
        labels[:, :, z][plane.T > 0] = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
    return labels


def locally(pair, folder):
    """What the networks make of a series without a server."""
    code, ticket = encode_scan(load_client(pair()), folder)
    server = load_server(pair())
    maps = stitched(server.network, torch.from_numpy(code.astype("f2").astype("f4"))[None], server.patch)
    assert labels_of(maps.cpu()).any()
    return ticket.undo(torch.from_numpy(maps.cpu().numpy().astype("f2").astype("f4")))


def test_a_series_of_a_pacs_is_segmented_as_locally_and_the_result_put_back(pacs, serving, pair, head, tmp_path):
    orthanc = pacs("zq:word")
    folder = head()
    study, series = put(orthanc, folder)
    (tmp_path / "login").write_text("zq:word\n")
    words = ("client", "segment", "--from", orthanc.url, "--study", study, "--series", series, "--encoder", pair())
    words += ("--server", serving.url, "--model", pair().name, "--store", "--out")
    done = command(*words, tmp_path / "out", "--login-file", tmp_path / "login")
    assert done.returncode == 0, done.stderr
    labels, _ = read_labels(tmp_path / "out" / LABELS)
    wanted = locally(pair, folder)
    ((at, of, instance),) = orthanc.results()
    seg = orthanc.client.retrieve_instance(at, of, instance)
    assert (at, seg.PatientID) == (study, "ZQ77310048") and seg.ReferencedSeriesSequence[0].SeriesInstanceUID == series
    for found in (labels, in_seg(seg, folder)):
        np.testing.assert_array_equal(found, wanted)
        assert set(dice(found[None], wanted[None], 4)[0][1:][np.unique(wanted)[1:] - 1]) == {1.0}
    # Refusals, each in one sentence, and nothing written.
    before = sorted(tmp_path.iterdir())
    for other, sentence in (
        ((*words[:5], "1.2.3", *words[6:]), "has no such series in such a study"),
        ((*words[:7], "1.2.3", *words[8:]), "has no such series in such a study"),
    ):
        done = command(*other, tmp_path / "no", "--login-file", tmp_path / "login", "--quiet")
        assert done.returncode == 2 and sentence in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    done = command(*words, tmp_path / "no", "--quiet")
    assert done.returncode == 2 and "does not let us in (401); give --login-file" in done.stderr
    assert sorted(tmp_path.iterdir()) == before and len(orthanc.results()) == 1
