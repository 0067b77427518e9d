import json

import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.read import read_cohort

SECOND = {
    "channel_names": {"0": "T1"},
    "labels": {"background": 0, "posterior": 2, "anterior": 1},
    "numTraining": 2,
    "file_ending": ".nii.gz",
}
FIRST = {
    "modality": {"0": "MRI"},
    "labels": {"0": "background", "1": "anterior", "2": "posterior"},
    "training": [
        {"image": "./imagesTr/hip_2.nii.gz", "label": "./labelsTr/hip_2.nii.gz"},
        {"image": "./imagesTr/hip_1.nii.gz", "label": "./labelsTr/hip_1.nii.gz"},
    ],
}


@pytest.fixture
def write(put, tmp_path):
    """`write(about, suffix, ending)`: two cases, hip_1 and hip_2."""

    def run(about, suffix="_0000", ending=".nii.gz"):
        put(tmp_path / "dataset.json", json.dumps(about))
        for name in ("hip_1", "hip_2"):
            put(tmp_path / "imagesTr" / f"{name}{suffix}{ending}")
            put(tmp_path / "labelsTr" / f"{name}{ending}")
        return tmp_path

    return run


@pytest.mark.parametrize(("about", "suffix"), [(FIRST, ""), (FIRST, "_0000"), (SECOND, "_0000")])
def test_both_forms(write, about, suffix):
    root = write(about, suffix)
    cohort = read_cohort(root)
    assert [case.case_id for case in cohort.cases] == ["hip_1:1", "hip_2:1"]
    assert cohort.cases[0].image == root / "imagesTr" / f"hip_1{suffix}.nii.gz"
    assert cohort.cases[0].labels == root / "labelsTr" / "hip_1.nii.gz"
    scheme = cohort.scheme("labels")
    assert scheme.classes == ("background", "anterior", "posterior") and scheme.mapping == {0: 0, 1: 1, 2: 2}


def test_patients_csv_says_who_is_who(put, write):
    root = write(SECOND)
    put(root / "patients.csv", "case,subject_id,session_id,age,sex\nhip_1,A,left,40,F\nhip_2,A,right,40,F\n")
    cohort = read_cohort(root)
    assert cohort.sessions == {"A": 2}
    assert [(case.session, case.age, case.sex) for case in cohort.cases] == [("left", 40, "F"), ("right", 40, "F")]
    put(root / "patients.csv", "case,subject_id\nhip_1,A\n")
    with pytest.raises(RemnantError, match=r"patients.csv has no row for the case hip_2"):
        read_cohort(root)


def test_the_ending_of_the_second_form(write):
    assert len(read_cohort(write({**SECOND, "file_ending": ".nii"}, ending=".nii")).cases) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": None}, "lacks 'labels'"),
        ({"labels": {"background": 0, "whole": [1, 2]}}, r"gives 'whole' the labels \[1, 2\]; overlapping regions"),
        ({"labels": {"background": 0, "a": 1, "b": 1}}, "names the label 1 twice"),
        ({"channel_names": {"0": "T1", "1": "T2"}}, r"has 2 channels \(T1, T2\)"),
        ({"file_ending": ".mha"}, r"end in '.mha'; convert"),
        ({"channel_names": {"3": "T1"}}, r"holds no training case; looked for imagesTr/\*_0003"),
        ({"training": [{"image": "x.nii.gz"}]}, "must list image and label of every entry"),
        ({"training": [{"image": "x.mha", "label": "y"}]}, "x.mha must be NIfTI"),
        ({"training": [{"image": "x.nii", "label": "y.nii"}]}, "x.nii does not exist, though .* lists it"),
    ],
)
def test_what_cannot_be_read(write, change, message):
    with pytest.raises(RemnantError, match=message):
        read_cohort(write({**SECOND, **change}))


def test_a_case_without_a_label_map(write):
    root = write(SECOND)
    (root / "labelsTr" / "hip_2.nii.gz").unlink()
    with pytest.raises(RemnantError, match=r"labelsTr/hip_2.nii.gz does not exist"):
        read_cohort(root)
