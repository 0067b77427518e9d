import shutil

import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.case import CLASSES
from remnant.cohort.check.directory import check_directory
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.phantoms import BrainPhantoms
from remnant.cohort.prepare.head import make_head
from remnant.cohort.prepare.volumes import check_headers

# The challenge's numbers of a phantom's structures: its eight, and the three they are merged to for scoring.
TRAINING = {0: 0, 1: 1, 2: 3, 3: 2, 4: 2, 5: 2, 6: 2, 7: 1, 8: 2, 9: 2, 10: 6, 11: 6, 12: 6, 13: 5, 14: 7, 15: 7, 16: 8}
TESTING = {0: 0, 1: 2, 2: 2, 3: 3, 4: 3, 5: 1, 6: 1, 7: 0, 8: 0}


@pytest.fixture(scope="module")
def scan():
    """Image, LabelsForTraining, LabelsForTesting and affine; a tenth of white matter are lesions."""
    drawn = BrainPhantoms(patients=1, side=24).scan(0)
    training = np.vectorize(TRAINING.get)(drawn.labels).astype(np.int16)
    training[::10][training[::10] == 3] = 4
    return drawn.image, training, np.vectorize(TESTING.get)(training).astype(np.int16), drawn.affine


@pytest.fixture
def write(tmp_path, save_volume, scan):
    """`write(kinds, ending)`: the download in a folder that it returns; `kinds`: which label maps each person has."""
    image, training, testing, affine = scan
    root = tmp_path / "MRBrainS13DataNii"

    def run(kinds=("both",) * 5, ending=".nii"):
        for number, kind in enumerate(kinds, 1):
            folder = root / "TrainingData" / str(number)
            for name in ("T1", "T1_IR", "T2_FLAIR"):
                save_volume(folder / f"{name}{ending}", image, affine)
            save_volume(folder / f"T1_1mm{ending}", np.repeat(image, 3, axis=2), affine)
            if kind in ("both", "training"):
                save_volume(folder / f"LabelsForTraining{ending}", training, affine)
            if kind in ("both", "testing"):
                save_volume(folder / f"LabelsForTesting{ending}", testing, affine)
        save_volume(root / "TestData" / "1" / f"T1{ending}", image, affine)
        return root

    return run


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("place", ["", "TrainingData", ".."])
def test_the_training_people(write, ending, place):
    cohort = read_cohort((write(ending=ending) / place).resolve())
    assert [case.case_id for case in cohort.cases] == ["1:1", "2:1", "3:1", "4:1", "5:1"]
    assert {case.image.name for case in cohort.cases} == {f"T1{ending}"}
    assert {case.labels.name for case in cohort.cases} == {f"LabelsForTraining{ending}"}
    assert {case.image.parent for case in cohort.cases} == {case.labels.parent for case in cohort.cases}
    check_headers(cohort)


def test_people_stand_in_the_order_of_their_numbers(write):
    assert [case.patient for case in read_cohort(write(("both",) * 11)).cases][-2:] == ["10", "11"]


def test_both_label_maps_merge_to_the_same_tissues(write, scan):
    fine = read_cohort(write(("training", "both")))
    five, three = (make_head(fine.cases[0], fine.scheme(name), bias_field="none") for name in ("tissue5", "tissue3"))
    training = scan[1]
    for value, name in ((2, "nuclei"), (5, "csf_ext"), (6, "csf_int"), (1, "gm")):
        assert (five.labels == CLASSES["tissue5"].index(name)).sum() == (training == value).sum() > 0
    assert (five.labels == CLASSES["tissue5"].index("wm")).sum() == np.isin(training, (3, 4)).sum()
    for path in fine.root.rglob("LabelsForTraining.nii"):
        path.unlink()
    coarse = read_cohort(write(("testing", "testing")))
    assert coarse.cases[0].labels.name == "LabelsForTesting.nii"
    merged = make_head(coarse.cases[0], coarse.scheme("tissue3"), bias_field="none")
    assert np.array_equal(merged.labels, three.labels) and set(np.unique(merged.labels)) == {0, 1, 2, 3}


def test_one_kind_of_label_map_serves_all(write):
    cohort = read_cohort(write(("both", "testing")))
    assert {case.labels.name for case in cohort.cases} == {"LabelsForTesting.nii"}
    with pytest.raises(RemnantError, match="which class of the scheme 'tissue5'"):
        cohort.scheme("tissue5")


def test_two_kinds_that_mean_different_tissues(write):
    with pytest.raises(RemnantError, match="whose numbers mean different tissues; give all of them the same one"):
        read_cohort(write(("training", "testing")))


def test_labels_missing_for_some_patients_are_told(write):
    root = write(("training", "none", "both"))
    cohort = read_cohort(root)
    assert [case.labels is None for case in cohort.cases] == [False, True, False]
    with pytest.raises(RemnantError, match=r"2/T1\.nii has no label map; add one or leave out this scan"):
        check_headers(cohort)
    assert any("1 of 3 scans has no label map" in one.text for one in check_directory(root, quiet=True).findings)


def test_a_person_without_the_scan_that_was_drawn_on(write):
    root = write(("both", "both"))
    (root / "TrainingData" / "2" / "T1.nii").unlink()
    with pytest.raises(RemnantError, match=r"TrainingData/2 has no T1\.nii"):
        read_cohort(root)


def test_two_people_of_one_number(write):
    root = write(("both",))
    shutil.copytree(root / "TrainingData", root.parent / "again" / "TrainingData")
    with pytest.raises(RemnantError, match=r"TrainingData/1 and .*TrainingData/1, two people of one number"):
        read_cohort(root.parent)


def test_a_value_that_the_challenge_does_not_have(write, save_volume, scan):
    cohort = read_cohort(write(("both",)))
    save_volume(cohort.cases[0].labels, np.where(scan[1] == 8, 9, scan[1]), scan[3])
    with pytest.raises(RemnantError, match="holds the label 9, which the scheme tissue5 does not know"):
        make_head(cohort.cases[0], cohort.scheme("tissue5"), bias_field="none")


def test_a_directory_of_two_layouts(write, put):
    root = write()
    put(root / "dataset.json", "{}")
    with pytest.raises(RemnantError, match=r"has two layouts, nnU-Net .* and MRBrainS .*; move one of them away"):
        read_cohort(root)
