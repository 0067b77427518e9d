"""Who is a member and who is not, by the table that the owner gives."""

import numpy as np
import pytest
from PIL import Image

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.against import read_against
from remnant.cohort.layouts import chexpert, nih


@pytest.fixture
def table(tmp_path):
    def write(*rows):
        for number, _ in enumerate(rows):
            (tmp_path / f"{number}.png").write_bytes(b"")
        lines = [f"{number}.png;{row}" for number, row in enumerate(rows)]
        (tmp_path / "fold.csv").write_text("\n".join(["image;subject_id;split", *lines]) + "\n")
        return tmp_path / "fold.csv"

    return write


def test_whoever_has_an_image_in_the_validation_is_no_non_member(table):
    given = table("P1;train", "P2;test", "P3;test", "P3;val", "P4;val")
    found = read_against(given, {}, Seeds(0))
    assert {case.patient for case in found.groups["non_members"]} == {"P2"} and found.left_out == 2


def test_what_is_told_of_a_wrong_column_names_nobody(table):
    with pytest.raises(RemnantError, match="says 7 different things") as raised:
        read_against(table(*(f"P{n};Maier{n}" for n in range(7))), {}, Seeds(0))
    assert "maier" not in str(raised.value).lower() and "fold.csv does not serve" in str(raised.value)
    with pytest.raises(RemnantError, match=r"and says a, b\.$"):
        read_against(table("P1;a", "P2;b"), {}, Seeds(0))


def test_how_to_say_who_trained_it_is_told_by_what_there_is(table, tmp_path):
    def refused(place, told):
        with pytest.raises(RemnantError, match=told):
            read_against(place, {}, Seeds(0))

    refused(table("P1;", "P2;"), r"; of another name say so by --columns split=NAME\.$")
    (tmp_path / "fold.csv").unlink()
    refused(tmp_path, r"; write a table with the columns image .* and give it by --against FILE\.csv\.$")


@pytest.mark.parametrize("name", ["CheXpert", "NIH ChestX-ray14"])
def test_a_column_split_of_a_public_set_is_read(tmp_path, name):
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))

    def write(*splits):
        if name == "CheXpert":
            header, file = [*chexpert.COLUMNS, "split"], "train.csv"
            rows = [[f"train/patient{i}/study1/view1_frontal.png", "Male", "50", "Frontal", "PA"] for i in (1, 2)]
            rows = [[*row, *[""] * len(chexpert.OBSERVATIONS)] for row in rows]
            images = [row[0] for row in rows]
        else:
            header, file = [*nih.COLUMNS, "Patient Gender", "split"], "Data_Entry_2017.csv"
            rows = [[f"{i}.png", "No Finding", "0", str(i), "50", "PA", "M"] for i in (1, 2)]
            images = [f"images/{row[0]}" for row in rows]
        for path in images:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            image.save(tmp_path / path)
        lines = [header, *([*row, split] for row, split in zip(rows, splits, strict=True))]
        (tmp_path / file).write_text("\n".join(",".join(line) for line in lines) + "\n")

    write("train", "test")
    found = read_against(tmp_path, {}, Seeds(0))
    assert [len(group) for group in found.groups.values()] == [1, 1]
    write("", "")
    with pytest.raises(RemnantError, match=rf"; add it to the tables of {name}\.$"):
        read_against(tmp_path, {}, Seeds(0))


def test_an_id_is_told_once_and_an_empty_one_is_called_so(table):
    with pytest.raises(RemnantError) as raised:
        read_against(table("Doe, J;train", "Doe, J;train", ";test", "P2;test"), {}, Seeds(0))
    assert str(raised.value).count("must be letters") == 1 and "has 2 faults" in str(raised.value)
    assert "2.png has an empty patient or session id; fill it in or drop the row" in str(raised.value)


def test_who_loses_images_without_a_class_is_thinned_with_the_others(table):
    given = read_against(
        table(*(f"P{n};{split}" for n, split in enumerate(["train", "test"] * 4) for _ in "ab")), {}, Seeds(0)
    )
    first = [case.session == "1" for case in given.groups["members"]]
    found = given.only([*first, *[True] * 8], Seeds(1))
    assert [len(own) for own in found.groups.values()] == [4, 4]
    assert (found.classless, dict(found.thinned)) == (4, {"members": 0, "non_members": 4})
