import json

import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.layouts.nnunet_files import cases_of
from remnant.cohort.layouts.read import read_cohort

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
        ({"labels": {"background": 0, "whole": [1, 2]}}, r"regions_class_order must number its 1 label from 1"),
        ({"labels": {"background": 0, "whole": "x"}}, r"gives 'whole' the labels x; give it a whole number"),
        ({"labels": {"background": 0, "a": 1, "b": 1}}, "names the label 1 twice"),
        ({"labels": {"background": 0, "a": "9" * 5000}}, "give it a whole number"),
        ({"channel_names": True}, "must number its channels"),
        ({"channel_names": {"\u00b2": "T1"}}, "must number its channels"),
        ({"file_ending": ".tif"}, r"end in '.tif'; convert"),
        ({"dataset": {"a": {"images": ["x.nii"]}}}, "must list the images, one a channel, and the label"),
        ({"channel_names": {"3": "T1"}}, r"holds no training case; looked for imagesTr/\*_0003"),
        ({"training": [{"image": "x.nii.gz"}]}, "must list image and label of every entry"),
        ({"training": [{"image": "x.tif", "label": "y"}]}, r"x.tif must end in one of"),
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


def test_regions_as_nnu_net_writes_them(write):
    labels = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3}
    cohort = read_cohort(write({**SECOND, "labels": labels, "regions_class_order": [1, 2, 3]}))
    scheme = cohort.scheme("labels")
    assert scheme.classes == ("background", "whole", "core", "enhancing") and scheme.mapping == {0: 0, 1: 1, 2: 2, 3: 3}
    scheme = read_cohort(
        write({**SECOND, "labels": {"b": 0, "whole": [1, 2], "core": [2]}, "regions_class_order": [1, 2]})
    ).scheme("labels")
    assert scheme.classes == ("b", "whole", "core") and scheme.mapping == {0: 0, 1: 1, 2: 2}
    assert any("regions that overlap" in note.text for note in cohort.notes)


def test_what_is_ignored_is_no_class(write):
    cohort = read_cohort(write({**SECOND, "labels": SECOND["labels"] | {"ignore": 3}}))
    scheme = cohort.scheme("labels")
    assert scheme.classes == ("background", "anterior", "posterior") and scheme.mapping[3] == 0
    assert any("'ignore'" in note.text for note in cohort.notes)


def test_the_first_of_several_channels_and_another(write, put):
    several = {**SECOND, "channel_names": {"0": "FLAIR", "1": "T1"}}
    root = write(several)
    for name in ("hip_1", "hip_2"):
        put(root / "imagesTr" / f"{name}_0001.nii.gz")
    cohort = read_cohort(root)
    assert [case.image.name for case in cohort.cases] == ["hip_1_0000.nii.gz", "hip_2_0000.nii.gz"]
    assert any("2 channels, of which FLAIR alone is read" in note.text for note in cohort.notes)
    put(root / "dataset.json", json.dumps({**several, "channel_names": {"1": "T1"}}))
    assert [case.image.name for case in read_cohort(root).cases] == ["hip_1_0001.nii.gz", "hip_2_0001.nii.gz"]


@pytest.mark.parametrize("ending", [".mha", ".nrrd"])
def test_other_endings(write, ending):
    (case, _) = read_cohort(write({**SECOND, "file_ending": ending}, ending=ending)).cases
    assert (case.patient, case.labels.name) == ("hip_1", f"hip_1{ending}")


def test_files_that_the_table_lists_wherever_they_lie(write, put):
    root = write(SECOND)
    listed = {
        "b": {"images": ["raw/2.nii.gz"], "label": "raw/2s.nii.gz"},
        "a": {"images": ["raw/1.nii.gz"], "label": "raw/1s.nii.gz"},
    }
    for name in ("1", "1s", "2", "2s"):
        put(root / f"raw/{name}.nii.gz")
    put(root / "dataset.json", json.dumps({**SECOND, "dataset": listed}))
    assert [(case.patient, case.image.name) for case in read_cohort(root).cases] == [
        ("a", "1.nii.gz"),
        ("b", "2.nii.gz"),
    ]


def test_another_scheme_stands_in_a_table_of_its_own(write, put):
    root = write(SECOND)
    with pytest.raises(RemnantError, match=r"write .*labels\.csv with the columns label .*tissue5"):
        read_cohort(root).scheme("tissue5")
    put(root / "labels.csv", "label,name,lpba3\n0,none,background\n1,a,gyri\n2,b,deep_grey\n")
    cohort = read_cohort(root)
    assert cohort.scheme("lpba3").mapping == {0: 0, 1: 1, 2: 2}
    assert cohort.scheme("labels").classes == ("background", "anterior", "posterior")


def test_time_points_are_told_with_the_table_that_parts_them(put, tmp_path):
    put(tmp_path / "dataset.json", json.dumps(SECOND))
    for name in ("GLI-00001-000", "GLI-00001-001"):
        put(tmp_path / "imagesTr" / f"{name}_0000.nii.gz")
        put(tmp_path / "labelsTr" / f"{name}.nii.gz")
    assert any(
        "write patients.csv with the columns case and subject_id" in one.text for one in read_cohort(tmp_path).notes
    )


def test_cases_as_nnunet_reads_them_have_all_channels(put, write):
    root = write(SECOND | {"channel_names": {"0": "T1", "1": "T2"}})
    with pytest.raises(RemnantError, match=r"hip_1 of .* lacks one of 2 channels"):
        cases_of(root)
    for name in ("hip_1", "hip_2"):
        put(root / "imagesTr" / f"{name}_0001.nii.gz")
    put(root / "patients.csv", "case,subject_id,age,sex\nhip_1,A,40,F\nhip_2,A,,\n")
    found = cases_of(root)
    assert list(found) == ["hip_1", "hip_2"]
    assert found["hip_1"].images == tuple(root / "imagesTr" / f"hip_1_{number:04d}.nii.gz" for number in (0, 1))
    assert found["hip_1"].labels == root / "labelsTr" / "hip_1.nii.gz"
    assert [(case.patient, case.age, case.sex) for case in found.values()] == [("A", 40, "F"), ("A", None, None)]
    (root / "labelsTr" / "hip_2.nii.gz").unlink()
    with pytest.raises(RemnantError, match=r"hip_2.nii.gz does not exist, and the case hip_2 needs it"):
        cases_of(root)


def test_without_patients_csv_each_case_is_a_person(write):
    assert [case.patient for case in cases_of(write(SECOND)).values()] == ["hip_1", "hip_2"]
