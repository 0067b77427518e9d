"""Phantoms on disk: read back as a cohort, whole or not at all."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from tests.radiographs import read_radiographs

from remnant.base.errors import RemnantError
from remnant.cohort.case import PHANTOMS
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.phantoms import BrainPhantoms, ChestPhantoms, write, write_bids, write_manifest

SMALL = BrainPhantoms(patients=3, sessions=2, side=16, seed=4)


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("phantoms") / "cohort"
    write_bids(SMALL, out, quiet=True)
    return out


def test_round_trip(written):
    cohort = read_cohort(written)
    assert cohort.phantoms and len(cohort.cases) == 6 and len(cohort.patients) == 3
    for number, case in enumerate(cohort.cases):
        scan = SMALL.scan(number // 2, number % 2)
        image = nib.load(case.image)
        np.testing.assert_array_equal(np.asarray(image.dataobj), scan.image)
        np.testing.assert_array_equal(np.asarray(nib.load(case.labels).dataobj), scan.labels)
        np.testing.assert_allclose(image.affine, scan.affine)
        assert case.sex == scan.sex and case.age == SMALL.patient(number // 2).age
    values = {int(value) for number in range(3) for value in np.unique(SMALL.scan(number).labels)}
    for name in ("lpba3", "tissue5"):
        assert values <= set(cohort.scheme(name).mapping)


def test_bytes_do_not_depend_on_workers(written, tmp_path):
    write_bids(SMALL, tmp_path / "two", workers=2, quiet=True)
    assert contents(tmp_path / "two") == contents(written)


def test_a_link_to_nowhere_is_told_before_anything_is_drawn(tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    monkeypatch.setattr("remnant.cohort.phantoms.write.Task", None)
    with pytest.raises(RemnantError, match="exists and is not an empty directory"):
        write_bids(SMALL, tmp_path / "link", quiet=True)


def test_the_folder_one_stands_in_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for out in (Path(), tmp_path):
        with pytest.raises(RemnantError, match="is the folder that the command was given in"):
            write_manifest(ChestPhantoms(patients=1, side=16), out, quiet=True)


def test_existing_directory_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(RemnantError, match="exists and is not an empty directory"):
        write_bids(SMALL, tmp_path / "mine")
    assert contents(tmp_path / "mine") == {"notes.txt": b"keep"}
    (tmp_path / "empty").mkdir()
    write_bids(BrainPhantoms(patients=1, side=16), tmp_path / "empty", quiet=True)
    assert (tmp_path / "empty" / "participants.tsv").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_leaves_nothing(tmp_path, monkeypatch, workers):
    def stop(task):
        raise KeyboardInterrupt

    monkeypatch.setattr(write.Task, "advance", stop)
    with pytest.raises(KeyboardInterrupt):
        write_bids(SMALL, tmp_path / "out", workers=workers, quiet=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_scan_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch, workers):
    real = write._write_tables

    def in_the_way(phantoms, root):
        real(phantoms, root)
        (root / "sub-0002").write_text("a file where the second patient's folder goes")

    monkeypatch.setattr(write, "_write_tables", in_the_way)
    with pytest.raises(RemnantError, match="could not be written"):
        write_bids(SMALL, tmp_path / "out", workers=workers, quiet=True)
    assert list(tmp_path.iterdir()) == []


CHESTS = ChestPhantoms(patients=3, sessions=2, side=24, seed=4)


def test_chests_are_read_back_as_radiographs(tmp_path):
    write_manifest(CHESTS, tmp_path / "chests", quiet=True)
    found = read_radiographs(tmp_path / "chests", 24, cache=tmp_path / "cache", quiet=True)
    assert found.images.shape == (6, 1, 24, 24) and len({*found.patients}) == 3
    for number, case in enumerate(read_cohort(tmp_path / "chests").cases):
        scan = CHESTS.scan(number // 2, number % 2)
        assert (case.age, case.sex, case.view, case.findings) == (scan.age, scan.sex, scan.view, (scan.finding,))
        assert case.session == f"visit0{number % 2 + 1}"
        np.testing.assert_allclose(np.asarray(Image.open(case.image)) / 255, scan.image, atol=0.5 / 255 + 1e-6)


def test_a_cohort_without_the_note_is_not_taken_for_phantoms(tmp_path):
    write_manifest(CHESTS, tmp_path / "chests", quiet=True)
    assert read_cohort(tmp_path / "chests").phantoms
    (tmp_path / "chests" / PHANTOMS).unlink()
    assert not read_cohort(tmp_path / "chests").phantoms


def test_chests_bytes_do_not_depend_on_workers(tmp_path):
    for workers in (1, 2):
        write_manifest(CHESTS, tmp_path / str(workers), workers=workers, quiet=True)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_chests_are_whole_or_not_at_all(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(RemnantError, match="exists and is not an empty directory"):
        write_manifest(CHESTS, tmp_path / "mine")

    def stop(task):
        raise KeyboardInterrupt

    monkeypatch.setattr(write.Task, "advance", stop)
    with pytest.raises(KeyboardInterrupt):
        write_manifest(CHESTS, tmp_path / "out", quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
