"""A table whose columns have names of their own."""

import pytest
from PIL import Image

from remnant.base.errors import RemnantError
from remnant.cohort.case import PHANTOMS
from remnant.cohort.layouts.listed import parse_columns, read_listed


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "films").mkdir()
    for name in "abc":
        Image.new("L", (8, 8)).save(tmp_path / "films" / f"{name}.png")
    (tmp_path / "list.csv").write_text(
        "Path,PatientID,fold,Target,gender\nfilms/a.png,7,train,Edema,F\nfilms/b.png,7,train,,F\nfilms/c.png,8,test,Edema|Mass,M\n"
    )
    return tmp_path


COLUMNS = "image=Path,patient=PatientID,split=fold,finding=Target,sex=gender"


def test_columns_are_read_under_their_own_names(folder):
    cohort = read_listed(folder / "list.csv", parse_columns(COLUMNS))
    assert [(case.patient, case.split, case.findings, case.sex) for case in cohort.cases] == [
        ("7", "train", ("Edema",), "F"),
        ("7", "train", (), "F"),
        ("8", "test", ("Edema", "Mass"), "M"),
    ]
    assert len({(case.patient, case.session) for case in cohort.cases}) == 3


def test_patients_are_phantoms_where_all_images_are_of_a_cohort_that_says_so(folder):
    def phantoms():
        return read_listed(folder / "list.csv", parse_columns(COLUMNS)).phantoms

    assert not phantoms()
    (folder / PHANTOMS).write_text("{}")
    assert phantoms()
    (folder / "mine").mkdir()
    (folder / "films" / "c.png").rename(folder / "mine" / "c.png")
    (folder / PHANTOMS).rename(folder / "films" / PHANTOMS)
    table = folder / "list.csv"
    table.write_text(table.read_text().replace("films/c", "mine/c"))
    assert not phantoms()


def test_columns_that_are_not_there_and_lists_that_are_none(folder):
    with pytest.raises(RemnantError, match="lacks the column 'patient_no'"):
        read_listed(folder / "list.csv", parse_columns(COLUMNS.replace("PatientID", "patient_no")))
    with pytest.raises(RemnantError, match=r"lacks the columns .* and has .*PatientID.*; say by --columns"):
        read_listed(folder / "list.csv", {})
    for text in ("image", "image=", "picture=Path", "image=Path,"):
        with pytest.raises(RemnantError, match="Columns are given as image=Path"):
            parse_columns(text)
    with pytest.raises(RemnantError, match="name each meaning once"):
        parse_columns("image=Path,split=fold,split=Target")


def test_semicolons_and_usual_names_are_read_and_all_faults_come_at_once(folder):
    table = "Image;Patient ID;Split\nfilms/a.png;7;train\nfilms/b.png;8;test\n"
    (folder / "german.csv").write_text(table)
    cohort = read_listed(folder / "german.csv", {})
    assert [(case.patient, case.split) for case in cohort.cases] == [("7", "train"), ("8", "test")]
    (folder / "german.csv").write_text(table + "films/x.png;9;test\nfilms/y.png;a b;test\n")
    with pytest.raises(RemnantError, match=r"x\.png does not exist.*'a b'.*y\.png does not exist"):
        read_listed(folder / "german.csv", {})
