"""Who is a member and who is not, by the table that the owner gives."""

import pytest

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.against import read_against


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
