import numpy as np
import pytest
from tests.radiographs import read_radiographs

from remnant.base.errors import RemnantError
from remnant.cohort.layouts.chexpert import COLUMNS, OBSERVATIONS
from remnant.cohort.layouts.read import read_cohort

NAME = "Mustermann^Erika"

NIH_OLD = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],"
    "OriginalImagePixelSpacing[x,y],"
)


def observation(**values):
    return ",".join(values.get(name.replace(" ", "_"), "") for name in OBSERVATIONS)


@pytest.fixture
def chexpert(tmp_path, save, ramp):
    rows = [
        (
            "train/patient00001/study1/view1_frontal.jpg",
            "Female,68,Frontal,AP",
            observation(Cardiomegaly="1.0", Edema="-1.0"),
        ),
        ("train/patient00001/study1/view2_lateral.jpg", "Female,68,Lateral,", observation(Cardiomegaly="1.0")),
        ("train/patient00001/study2/view1_frontal.jpg", "Female,69,Frontal,PA", observation(Fracture="0.0")),
        ("train/patient00001/study2/view2_frontal.jpg", "Female,69,Frontal,PA", observation()),
        ("train/patient00002/study1/view1_frontal.jpg", "Unknown,0,Frontal,AP", observation(No_Finding="1.0")),
    ]
    for name, table, prefix in (("train", rows, "CheXpert-v1.0-small/"), ("valid", rows[:1], "")):
        for path, _, _ in table:
            save(ramp, path.replace("train", name))
        lines = [f"{prefix}{path.replace('train', name)},{person},{seen}" for path, person, seen in table]
        if name == "valid":
            lines = [line.replace("patient00001", "patient64541") for line in lines]
            (tmp_path / "valid/patient00001").rename(tmp_path / "valid/patient64541")
        (tmp_path / f"{name}.csv").write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    return tmp_path


@pytest.fixture
def nih(tmp_path, save, ramp):
    """`nih(header, ages)`: the table of 2017 or of 2020, with one of its four images missing."""

    def write(
        header=NIH_OLD, ages=("060Y", "061Y", "411Y", "030Y"), name="Data_Entry_2017.csv", ids=("1", "1", "2", "3")
    ):
        rows = [
            f"00000001_000.png,Cardiomegaly|Emphysema,0,{ids[0]},{ages[0]},M,PA,2682,2749,0.143,0.143,",
            f"00000001_001.png,No Finding,1,{ids[1]},{ages[1]},M,AP,2682,2749,0.143,0.143,",
            f"00000002_000.png,No Finding,0,{ids[2]},{ages[2]},F,PA,2682,2749,0.143,0.143,",
            f"00000003_000.png,Hernia,0,{ids[3]},{ages[3]},F,PA,2682,2749,0.143,0.143,",
        ]
        (tmp_path / name).write_text("\n".join([header, *rows]) + "\n")
        for folder, image in (("images_001", 1), ("images_001", 2)):
            save(ramp, f"{folder}/images/0000000{image}_000.png")
        save(ramp, "images_002/images/00000001_001.png")
        return tmp_path

    return write


def test_chexpert(chexpert):
    cohort = read_cohort(chexpert)
    assert [case.case_id for case in cohort.cases] == [
        "patient00001:study1",
        "patient00001:study2",
        "patient00001:study2-2",
        "patient00002:study1",
        "patient64541:study1",
    ]
    first, other, unknown = cohort.cases[0], cohort.cases[1], cohort.cases[3]
    assert (first.age, first.sex, first.view) == (68, "F", "AP")
    assert (first.findings, first.uncertain) == (("Cardiomegaly",), ("Edema",))
    assert (other.findings, other.uncertain, other.view) == ((), (), "PA")
    assert (unknown.age, unknown.sex, unknown.findings) == (None, None, ("No Finding",))
    assert cohort.sessions == {"patient00001": 3, "patient00002": 1, "patient64541": 1}
    assert first.image == chexpert / "train/patient00001/study1/view1_frontal.jpg"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Path,", "File,", r"train.csv lacks the column 'Path'"),
        ("Cardiomegaly,", "Heart,", r"train.csv lacks the column 'Cardiomegaly'"),
        ("patient00002", "nobody", r"lists a path that is not train/patient00001"),
        ("study2/view1", "study3/view1", r"study3/view1_frontal.jpg does not exist"),
    ],
)
def test_chexpert_tables_that_cannot_be(chexpert, old, new, message):
    text = (chexpert / "train.csv").read_text()
    (chexpert / "train.csv").write_text(text.replace(old, new, 1))
    with pytest.raises(RemnantError, match=message):
        read_cohort(chexpert)


def test_chexpert_without_frontal_views(chexpert):
    (chexpert / "valid.csv").unlink()
    path = chexpert / "train.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *(row.replace("Frontal", "Lateral") for row in rows)]))
    with pytest.raises(RemnantError, match="list no frontal view"):
        read_cohort(chexpert)


def test_another_train_csv_is_no_chexpert(put, tmp_path):
    put(tmp_path / "train.csv", "id,target\n1,2\n")
    with pytest.raises(RemnantError, match=r"layout of .* is not known"):
        read_cohort(tmp_path)


def test_nih_of_2017(nih):
    cases = read_cohort(nih()).cases
    assert [case.case_id for case in cases] == ["00000001:followup000", "00000001:followup001", "00000002:followup000"]
    assert [case.age for case in cases] == [60, 61, None]
    assert (cases[0].sex, cases[0].view, cases[0].findings) == ("M", "PA", ("Cardiomegaly", "Emphysema"))
    assert cases[1].findings == ("No Finding",) and cases[1].image.parent.parent.name == "images_002"


def test_nih_of_2020_and_its_copies(nih):
    header = NIH_OLD.replace("Gender", "Sex")
    cases = read_cohort(nih(header, ("60", "61", "411", "30"), "Data_Entry_2017_v2020.csv")).cases
    assert [(case.patient, case.age, case.sex) for case in cases] == [
        ("00000001", 60, "M"),
        ("00000001", 61, "M"),
        ("00000002", None, "F"),
    ]


def test_nih_in_one_folder_with_long_ids(nih, tmp_path):
    root = nih(ids=("00000001", "00000001", "00000002", "00000003"))
    (root / "images").mkdir()
    for path in list(root.glob("images_*/images/*.png")):
        path.rename(root / "images" / path.name)
    assert read_cohort(root).patients == ("00000001", "00000002")


@pytest.mark.parametrize(
    ("old", "message"),
    [
        ("Finding Labels", r"Data_Entry_2017.csv lacks the column 'Finding Labels'"),
        ("Patient Gender", r"lacks the column 'Patient Gender' \(or 'Patient Sex'\)"),
    ],
)
def test_nih_without_a_column(nih, old, message):
    with pytest.raises(RemnantError, match=message):
        read_cohort(nih(NIH_OLD.replace(old, "x")))


def test_nih_without_images_and_with_two_tables(nih, put, tmp_path):
    root = nih()
    put(root / "Data_Entry_2017_v2020.csv", NIH_OLD)
    with pytest.raises(RemnantError, match="move one of them away"):
        read_cohort(root)
    (root / "Data_Entry_2017_v2020.csv").unlink()
    for path in root.rglob("*.png"):
        path.unlink()
    with pytest.raises(RemnantError, match=r"holds none of the images that Data_Entry_2017.csv lists"):
        read_cohort(root)


def test_a_manifest_says_what_is_seen_and_how(put, save, ramp, tmp_path):
    rows = ["image,label,subject_id,session_id,age,sex,finding,view,split"]
    for index, finding in enumerate(('"COVID-19, ARDS"', "Edema|Pneumonia|Edema", "No Finding", "")):
        save(ramp, f"{index}.png")
        rows.append(f"{index}.png,,p{index},day+{index},,,{finding},{'AP Supine,train' if index else ','}")
    put(tmp_path / "manifest.csv", "\n".join(rows))
    cases = read_cohort(tmp_path).cases
    assert [case.findings for case in cases] == [("COVID-19", "ARDS"), ("Edema", "Pneumonia"), ("No Finding",), ()]
    assert [case.view for case in cases] == [None, "AP Supine", "AP Supine", "AP Supine"]
    assert [case.split for case in cases] == [None, "train", "train", "train"] and cases[1].session == "day+1"


@pytest.mark.parametrize("column", ["findings", "finding_labels"])
def test_a_manifest_s_other_names_for_findings(put, save, ramp, tmp_path, column):
    save(ramp)
    put(tmp_path / "manifest.csv", f"image,label,subject_id,session_id,age,sex,{column}\na.png,,p,s,,,Edema\n")
    (case,) = read_cohort(tmp_path).cases
    assert case.findings == ("Edema",) and case.view is None and case.split is None


def test_a_folder_of_pictures_and_dicom(save, dicom, put, ramp, tmp_path):
    rng = np.random.default_rng(0)
    save(ramp, "b/one (1).png")
    save(ramp, "b/one-1-.png")
    save(ramp, "c.JPG")
    put(tmp_path / "notes.txt", "no picture")
    put(tmp_path / ".hidden.png", "no picture")
    for name in ("x.dcm", "y", "z.dcm"):
        elements = {"PatientID": "4711"} if name == "z.dcm" else {}
        dicom(rng.integers(0, 900, (9, 9)).astype(np.uint16), f"d/{name}", **elements)
    cases = read_cohort(tmp_path).cases
    assert [(case.patient, case.session) for case in cases] == [
        ("b_one-1-", "1"),
        ("b_one-1--2", "1"),
        ("c", "1"),
        ("d_x", "1"),
        ("d_x", "1-2"),
        ("d_z", "1"),
    ]
    assert (cases[4].age, cases[4].sex, cases[4].view) == (61, "F", "PA") and cases[0].age is None
    # The header's name and number only group files.
    assert not any(part in repr(cases) for part in (*NAME.split("^"), "4711"))
    assert read_radiographs(tmp_path, 8, cache=tmp_path / ".cache", quiet=True).images.shape == (6, 1, 8, 8)


def test_an_empty_folder(tmp_path):
    with pytest.raises(RemnantError, match=r"layout of .* is not known; looked for .* or a folder of radiographs"):
        read_radiographs(tmp_path, 16)


def test_an_id_of_everybody_merges_nobody(dicom, tmp_path):
    ramps = np.random.default_rng(0).integers(0, 900, (4, 9, 9)).astype(np.uint16)
    for index, pixels in enumerate(ramps):
        study = f"1.2.{max(index, 1)}"
        dicom(
            pixels,
            f"{index}.dcm",
            PatientID="ANONYMOUS",
            StudyInstanceUID=study,
            PatientAge="411Y" if index else "040Y",
        )
    cohort = read_cohort(tmp_path)
    assert [case.patient for case in cohort.cases] == ["0", "0", "2", "3"]
    ages, ids = (note.text for note in cohort.notes)
    assert ages.startswith("Taken as unknown: 3 ages of") and ids.startswith(
        "4 files have a PatientID that stands for nobody"
    )


def test_dicom_is_read_whatever_it_is_called(dicom, ramp, tmp_path):
    for name in ("1.2.826.0.1.77", "IM0001", "a.ima"):
        dicom(ramp.astype(np.uint16), name, PatientID=name)
    (tmp_path / "notes.1").write_text("no DICOM")
    assert [case.image.name for case in read_cohort(tmp_path).cases] == ["1.2.826.0.1.77", "IM0001", "a.ima"]


def test_one_id_in_all_files_is_said(dicom, ramp, tmp_path):
    for index in range(3):
        dicom(ramp.astype(np.uint16), f"{index}.dcm", PatientID="PROJECT-7")
    (note,) = read_cohort(tmp_path).notes
    assert note.text.startswith("All 3 DICOM files have one PatientID and count as one patient")


def test_a_folder_that_is_linked_to_is_read(save, ramp, tmp_path):
    save(ramp, "data/a/1.png")
    save(ramp, "elsewhere/2.png")
    (tmp_path / "data/b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/up").symlink_to(tmp_path / "data")
    assert [case.patient for case in read_cohort(tmp_path / "data").cases] == ["a_1", "b_2"]
