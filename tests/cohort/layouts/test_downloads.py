import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.layouts.read import read_cohort

OASIS = "disc1/OAS1_000{0}_MR{1}/{2}/OAS1_000{0}_MR{1}_mpr_n4_anon_111_t88_masked_gfc{3}"


def cases_of(cohort):
    return [(case.patient, case.session, case.image.name, case.labels and case.labels.name) for case in cohort.cases]


def test_oasis(put, tmp_path):
    for patient, visit in ((1, 1), (2, 1), (2, 2)):
        for ending in (".img", ".hdr"):
            put(tmp_path / OASIS.format(patient, visit, "PROCESSED/MPRAGE/T88_111", ending))
            put(tmp_path / OASIS.format(patient, visit, "FSL_SEG", f"_fseg{ending}"))
    put(tmp_path / "oasis_cross-sectional.csv", "ID,M/F,Hand,Age\nOAS1_0001_MR1,F,R,74\nOAS1_0002_MR1,M,R,20\n")
    cohort = read_cohort(tmp_path)
    assert cohort.layout == "OASIS-1" and cohort.sessions == {"OAS1_0001": 1, "OAS1_0002": 2}
    assert [(case.session, case.age, case.sex) for case in cohort.cases] == [
        ("MR1", 74, "F"),
        ("MR1", 20, "M"),
        ("MR2", None, None),
    ]
    assert all(case.labels.name.endswith("_fseg.img") and case.image.suffix == ".img" for case in cohort.cases)
    assert cohort.scheme("tissue3").mapping == {0: 0, 1: 3, 2: 1, 3: 2}


def test_ixi(put, tmp_path):
    for name in ("IXI002-Guys-0828", "IXI012-HH-1211"):
        put(tmp_path / f"{name}-T1.nii.gz")
    put(tmp_path / "IXI002-Guys-0828-T1_seg.nii.gz")
    put(tmp_path / "IXI.csv", '"IXI_ID","SEX_ID (1=m, 2=f)","AGE"\n2,2,35.8\n12,1,38.78\n')
    cohort = read_cohort(tmp_path)
    assert cases_of(cohort)[0] == ("IXI002", "1", "IXI002-Guys-0828-T1.nii.gz", "IXI002-Guys-0828-T1_seg.nii.gz")
    assert [(case.age, case.sex, case.labels is None) for case in cohort.cases] == [
        (35.8, "F", False),
        (38.78, "M", True),
    ]


def test_a_set_whose_table_tells_nobodys_age_is_said(put, tmp_path):
    put(tmp_path / "IXI002-Guys-0828-T1.nii.gz")
    put(tmp_path / "IXI002-Guys-0828-T1_seg.nii.gz")
    assert read_cohort(tmp_path).notes[0].text.startswith("There is no table IXI*.csv that names these people")
    # A comma in a heading without quotation marks shifts what stands behind it.
    put(tmp_path / "IXI.csv", "IXI_ID,SEX_ID (1=m, 2=f),AGE\n2,2,35.8\n")
    (note,) = read_cohort(tmp_path).notes
    assert note.text.startswith("No age or sex was found in IXI*.csv (columns IXI_ID, AGE, SEX_ID (1=m, 2=f))")


def test_brats(put, tmp_path):
    for modality in ("t1", "t1ce", "t2", "flair", "seg"):
        put(tmp_path / f"BraTS2021_00000/BraTS2021_00000_{modality}.nii.gz")
    for visit in ("000", "001"):
        for modality in ("t1n", "t1c", "seg"):
            put(tmp_path / f"new/BraTS-GLI-00005-{visit}/BraTS-GLI-00005-{visit}-{modality}.nii.gz")
    cohort = read_cohort(tmp_path)
    assert cases_of(cohort) == [
        ("BraTS-GLI-00005", "000", "BraTS-GLI-00005-000-t1n.nii.gz", "BraTS-GLI-00005-000-seg.nii.gz"),
        ("BraTS-GLI-00005", "001", "BraTS-GLI-00005-001-t1n.nii.gz", "BraTS-GLI-00005-001-seg.nii.gz"),
        ("BraTS2021_00000", "1", "BraTS2021_00000_t1.nii.gz", "BraTS2021_00000_seg.nii.gz"),
    ]
    scheme = cohort.scheme("labels")
    assert scheme.classes == ("background", "necrotic_core", "oedema", "enhancing_tumour") and scheme.mapping[4] == 3


def test_freesurfer(put, tmp_path):
    for name in ("bert", "ernie", "fsaverage", "bert.long.base"):
        for volume in ("T1", "orig", "aseg"):
            put(tmp_path / f"{name}/mri/{volume}.mgz")
    cohort = read_cohort(tmp_path)
    assert cases_of(cohort) == [("bert", "1", "T1.mgz", "aseg.mgz"), ("ernie", "1", "T1.mgz", "aseg.mgz")]
    put(
        tmp_path / "manifest.csv",
        "image,label,subject_id,session_id,age,sex\nbert/mri/orig.mgz,bert/mri/aseg.mgz,B,1,,\n",
    )
    assert cases_of(read_cohort(tmp_path)) == [("B", "1", "orig.mgz", "aseg.mgz")]
    assert cohort.scheme("tissue5").mapping[17] == cohort.scheme("tissue5").classes.index("gm")


def test_totalsegmentator(put, tmp_path):
    for name in ("s0000", "s0011"):
        put(tmp_path / f"{name}/ct.nii.gz")
    assert any("merge the masks in segmentations/" in note.text for note in read_cohort(tmp_path).notes)
    put(tmp_path / "s0000/labels.nii.gz")
    put(tmp_path / "meta.csv", "image_id;age;gender;institute\ns0000;50;m;A\ns0011;61;f;A\n")
    cohort = read_cohort(tmp_path)
    assert [(case.patient, case.age, case.sex) for case in cohort.cases] == [("s0000", 50, "M"), ("s0011", 61, "F")]
    assert [case.labels and case.labels.name for case in cohort.cases] == ["labels.nii.gz", None]


def test_a_folder_of_series_says_what_is_lacking(tmp_path, write_series, draw_head):
    write_series(tmp_path / "p1", draw_head(1, shape=(20, 24, 16)).image)
    with pytest.raises(RemnantError, match=r"holds DICOM series .* write .*manifest\.csv with the columns image"):
        read_cohort(tmp_path)
