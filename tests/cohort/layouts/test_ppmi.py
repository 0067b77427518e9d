import re

import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.case import CLASSES
from remnant.cohort.check.directory import check_directory
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.phantoms import BrainPhantoms
from remnant.cohort.prepare.head import make_head
from remnant.cohort.prepare.volumes import check_headers

HEADER = '"Image Data ID","Subject","Group","Sex","Age","Visit","Modality","Description","Type","Acq Date","Format","Downloaded"'
# Subject, series, date, image id, visit, age.
IMAGES = (
    ("3102", "MPRAGE_GRAPPA", "2011-03-22_10_14_05.0", "I243182", "BL", "61"),
    ("3102", "MPRAGE_GRAPPA", "2012-03-20_09_00_00.0", "I312345", "V04", "62"),
    # A series whose name comes first, at a later visit.
    ("3102", "MPRAGE", "2013-03-21_11_30_00.0", "I400001", "V06", "63"),
    ("4001", "SAG_3D_T1", "2011-06-01_08_00_00.0", "I250000", "BL", "70"),
)
# What FreeSurfer calls a phantom's structures, left of the middle; the brain's outer fluid is aseg's CSF.
FREESURFER = {0: 0, 1: 3, 2: 2, 3: 11, 4: 12, 5: 13, 6: 10, 7: 17, 8: 18, 9: 28, 10: 4, 11: 14, 12: 15, 13: 24}
FREESURFER |= {14: 8, 15: 7, 16: 16}
SIDE = 24


@pytest.fixture(scope="module")
def scans():
    """Phantoms by subject, with FreeSurfer's values in the label maps; of the second one the cortex by region."""
    phantoms = BrainPhantoms(patients=2, side=SIDE)
    drawn = {}
    for number, subject in enumerate(("3102", "4001")):
        scan = phantoms.scan(number)
        labels = np.vectorize(FREESURFER.get)(scan.labels).astype(np.int16)
        if number:
            labels[labels == 3] = 1015
        drawn[subject] = scan, labels
    return drawn


@pytest.fixture
def write(tmp_path, put, save_volume, scans):
    """`write(names, table)`: the download in tmp_path; `names`: of each image's label map, None for none."""

    def run(names=("I243182_aseg.nii.gz", "aparc+aseg.nii", "x_aseg.nii", "y_aparc.a2009s+aseg.nii.gz"), table=True):
        for (subject, series, date, image, _, _), name in zip(IMAGES, names, strict=True):
            scan, labels = scans[subject]
            folder = tmp_path / "PPMI" / subject / series / date / image
            save_volume(folder / f"PPMI_{subject}_MR_{series}__br_raw_1_S1_{image}.nii", scan.image, scan.affine)
            if name:
                save_volume(folder / name, labels, scan.affine)
        if table:
            rows = [
                f'"{image}","{subject}","PD","F","{age}","{visit}","MRI","{series}","Original","3/22/2011","NiFTI",""'
                for subject, series, _, image, visit, age in IMAGES
            ]
            put(tmp_path / "PPMI_T1_1_15_2024.csv", "\n".join([HEADER, *rows]))
        return tmp_path

    return run


@pytest.mark.parametrize("inside", [False, True])
def test_a_download(write, put, inside):
    root = write(table=not inside)
    if inside:
        table = write().glob("*.csv")
        next(table).rename(root / "PPMI" / "PPMI_T1.csv")
        root = root / "PPMI"
    put(root / "notes.csv", "something,else\n")
    cohort = read_cohort(root)
    assert cohort.layout == "PPMI"
    assert [case.case_id for case in cohort.cases] == ["3102:BL", "3102:V04", "3102:V06", "4001:BL"]
    assert [case.age for case in cohort.cases] == [61, 62, 63, 70] and {case.sex for case in cohort.cases} == {"F"}
    assert [case.image.parent.name for case in cohort.cases] == [image[3] for image in IMAGES]
    assert [case.labels.parent for case in cohort.cases] == [case.image.parent for case in cohort.cases]
    check_headers(cohort)


def test_without_the_table_sessions_are_numbered_by_date(write):
    cohort = read_cohort(write(table=False))
    assert [case.case_id for case in cohort.cases] == ["3102:1", "3102:2", "3102:3", "4001:1"]
    assert {(case.age, case.sex) for case in cohort.cases} == {(None, None)}
    assert not any("2011" in case.case_id for case in cohort.cases)


def test_labels_are_merged_to_tissues(write, scans):
    cohort = read_cohort(write())
    classes = CLASSES["tissue5"]
    head = make_head(cohort.cases[3], cohort.scheme("tissue5"), bias_field="none")
    labels = scans["4001"][1]
    for value, name in ((1015, "gm"), (2, "wm"), (24, "csf_ext")):
        assert (head.labels == classes.index(name)).sum() >= (labels == value).sum() > 0
    coarse = make_head(cohort.cases[3], cohort.scheme("tissue3"), bias_field="none")
    assert np.array_equal(coarse.labels > 0, head.labels > 0)


def test_two_scans_of_one_visit_and_ids_without_their_letter(write):
    root = write()
    table = next(root.glob("*.csv"))
    text = re.sub(r'"I(\d)', r'"\1', table.read_text())
    table.write_text(text.replace('"V04"', '"BL"').replace('"V06"', '"Month 24"'))
    assert [case.session for case in read_cohort(root).cases] == ["BL", "BL-2", "Month-24", "BL"]


def test_labels_missing_for_some_patients_are_told(write):
    root = write(names=("aseg.nii.gz", None, None, "aseg.nii.gz"))
    cohort = read_cohort(root)
    assert [case.labels is None for case in cohort.cases] == [False, True, True, False]
    with pytest.raises(RemnantError, match=r"I312345\.nii has no label map; add one or leave out this scan"):
        check_headers(cohort)
    assert any("2 of 4 scans have no label map" in one.text for one in check_directory(root, quiet=True).findings)


def test_a_value_that_freesurfer_does_not_have(write, save_volume, scans):
    root = write()
    scan, labels = scans["3102"]
    cohort = read_cohort(root)
    save_volume(cohort.cases[0].labels, np.where(labels == 2, 1, labels), scan.affine)
    with pytest.raises(RemnantError, match="holds the label 1, which the scheme tissue5 does not know"):
        make_head(cohort.cases[0], cohort.scheme("tissue5"), bias_field="none")


def test_a_table_of_labels_takes_the_place_of_ours(write, put):
    put(write() / "labels.csv", "label,name,tissue5\n0,none,none\n1,mine,wm\n")
    assert read_cohort(write()).scheme("tissue5").mapping == {0: 0, 1: 2}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"I250000"', '"I250001"', r"does not list the image I250000; add the CSV"),
        ('"I250000","4001"', '"I250000","4002"', r"under the subject 4001, but the table of .* says 4002"),
        ('"BL","MRI","SAG', '"BL","SPECT","SAG', r"I250000 holds 'SPECT' .* and no MRI"),
        ('"Modality"', '"Kind"', r"PPMI_T1_1_15_2024.csv lacks the column 'Modality'"),
    ],
)
def test_tables_that_do_not_fit(write, old, new, message):
    table = next(write().glob("*.csv"))
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(RemnantError, match=message):
        read_cohort(table.parent)


@pytest.mark.parametrize("series", ["T2_in_T1-anatomical_space", "Axial_PD-T2_TSE_FS", "DTI_gated", "3D_FLAIR"])
def test_a_series_of_another_contrast(write, series):
    root = write()
    (root / "PPMI/4001/SAG_3D_T1").rename(root / "PPMI/4001" / series)
    with pytest.raises(RemnantError, match=f"{series} is (T2|PD|DTI|FLAIR) by its name and not T1-weighted; move"):
        read_cohort(root)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("converted.nii.gz", "must hold one image. Got 2 instead"),
        ("wmparc.nii.gz", r"holds the label maps I243182_aseg.nii.gz and wmparc.nii.gz; keep one"),
    ],
)
def test_two_files_of_a_kind(write, put, name, message):
    root = write()
    put(root / "PPMI/3102/MPRAGE_GRAPPA/2011-03-22_10_14_05.0/I243182" / name)
    with pytest.raises(RemnantError, match=message):
        read_cohort(root)


def test_a_directory_of_two_layouts(write, put):
    root = write()
    put(root / "TrainingData/1/T1.nii")
    put(root / "TrainingData/1/LabelsForTraining.nii")
    with pytest.raises(RemnantError, match=r"has two layouts, PPMI .* and MRBrainS .*; move one of them away"):
        read_cohort(root)
