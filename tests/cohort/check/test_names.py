import json

import numpy as np
import pytest
from PIL import Image

from remnant.cohort.check import check_directory


def column(name, *values):
    def spoil(data):
        rows = (data / "manifest.csv").read_text().splitlines()
        rows = [f"{row},{value}" for row, value in zip(rows, (name, *values), strict=True)]
        (data / "manifest.csv").write_text("\n".join(rows) + "\n")

    return spoil


def test_a_clean_cohort(clean, found):
    assert found(clean(), "names") == []


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("scanned", ("2019-03-21", "2019-04-02", "n/a"), "a date"),
        ("scanned", ("20190321", "20190402", "20190511"), "a date"),
        ("scanned", ("21.03.2019", "02.04.2019", ""), "a date"),
        ("who", ("Ada Prentice", "Bo Lindqvist", "Cy O. Adler"), "a name"),
        ("who", ("Prentice^Ada", "Lindqvist^Bo", "Adler^Cy"), "a name"),
        ("code", ("0048213377", "0048213378", "0048213379"), "a long number"),
        ("PatientName", ("ap", "bl", "ca"), "by its heading"),
        ("dob", ("x", "y", "z"), "by its heading"),
    ],
)
def test_columns_that_say_who(clean, found, name, values, kind):
    (one,) = found(clean(), "names", column(name, *values))
    assert one.severity == "error" and f"'{name}' of manifest.csv" in one.text and kind in one.text
    assert all(value not in one.text for value in values if len(value) > 4)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("scanner", ("Trio", "Prisma", "Trio")),
        ("diagnosis", ("none", "mild", "none")),
        ("volume_ml", ("1544.2", "1423.0", "1390.123456789")),
        ("offset_days", ("0", "5", "400")),
        ("group_name", ("", "", "")),
    ],
)
def test_columns_that_do_not(clean, found, name, values):
    assert found(clean(), "names", column(name, *values)) == []


@pytest.mark.parametrize("stem", ["p1_20190321", "p1_2019-03-21", "21.03.2019", "0048213377"])
def test_file_names(clean, found, stem):
    def spoil(data):
        (data / "images/p1s0.nii.gz").rename(data / f"images/{stem}.nii.gz")
        table = data / "manifest.csv"
        table.write_text(table.read_text().replace("images/p1s0", f"images/{stem}"))

    (one,) = found(clean(), "names", spoil)
    assert one.severity == "error" and one.files == 1 and "1 file name holds" in one.text


def test_a_published_set_s_own_names_betray_nobody(tmp_path, put):
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position\n"
    rows = [f"{n:08d}_000.png,No Finding,0,{n},58,F,PA" for n in range(3)]
    put(tmp_path / "Data_Entry_2017.csv", header + "\n".join(rows))
    (tmp_path / "images").mkdir()
    for n in range(3):
        pixels = np.random.default_rng(n).integers(0, 255, (40, 40), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/{n:08d}_000.png")
    assert not [one for one in check_directory(tmp_path, quiet=True).findings if one.check == "names"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("Ada_Prentice", "Bodil_Lindqvist", "Cyril_Adler"), 3),
        (("PRENTICE^ADA", "p1", "p2"), 1),
        (("Brain_Axial_p0", "Brain_Axial_p1", "Brain_Axial_p2"), 0),
    ],
)
def test_names_of_people_in_file_names(clean, found, names, told):
    def spoil(data):
        table = data / "manifest.csv"
        for number, name in enumerate(names):
            (data / f"images/p{number}s0.nii.gz").rename(data / f"images/{name}.nii.gz")
            table.write_text(table.read_text().replace(f"images/p{number}s0", f"images/{name}"))

    errors = found(clean(), "names", spoil)
    assert [one.files for one in errors] == ([told] if told else [])
    assert all("what looks like a name" in one.text for one in errors)


def test_a_name_in_one_file_alone_is_worth_a_look(clean, found):
    def spoil(data):
        table = data / "manifest.csv"
        for before, after in (("images/p1s0", "images/Ada_Prentice"), ("labels/p1s0", "labels/Ada_Prentice")):
            (data / f"{before}.nii.gz").rename(data / f"{after}.nii.gz")
            table.write_text(table.read_text().replace(before, after))

    (one,) = found(clean(), "names", spoil)
    assert one.severity == "warning" and one.files == 2 and "a given and a family name" in one.text


def test_sidecars_and_tables_below_a_patient(clean, found, put):
    def spoil(data):
        told = {"PatientName": "Prentice^Ada", "PatientBirthDate": "1961-03-21", "x": [{"scan_date": "2019-03-21"}]}
        table = "filename\tacq_time\tx\na\t2019-05-06T10:15:30\tDr. Max Adler\n"
        for patient in ("a", "b"):
            put(data / f"sub-{patient}/anat/sub-{patient}_T1w.json", json.dumps(told | {"EchoTime": 0.003}))
            put(data / f"sub-{patient}/ses-1/sub-{patient}_scans.tsv", table)
        put(data / "phenotype/tests.tsv", "participant_id\tsurname\nsub-a\tx\n")
        put(data / "derivatives/dataset_description.json", '{"Name": "Some Data", "date": "2019-03-21"}')

    told = " ".join(one.text for one in found(clean(), "names", spoil))
    for what in (
        "2 JSON files hold PatientName",
        "2 JSON files hold dates",
        "2 JSON files hold what looks like a date",
        "'acq_time' of 2 tables holds what looks like a date",
        "'x' of 2 tables holds what looks like a name",
        "'surname' of tests.tsv",
    ):
        assert what in told
    assert "3 JSON" not in told and "Prentice" not in told


def test_versions_are_no_dates(clean, found, put):
    def spoil(data):
        put(
            data / "a.json",
            '{"ConversionSoftwareVersion": "v1.0.20210317", "TaskName": "Eyes Open", "Manufacturer": "Siemens"}',
        )

    assert found(clean(), "names", spoil) == []


def test_names_of_files_beside_the_cohort(clean, found):
    (one,) = found(clean(), "names", lambda data: (data / "Prentice^Ada.nii.gz").write_bytes(b""))
    assert one.severity == "error" and "1 file name holds what looks like a name" in one.text
