from pathlib import Path

import pytest

from remnant.cohort.case import Case
from remnant.cohort.layouts.people import hints, names_nobody, parse_age, parse_sex, unread


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("45", 45),
        (" 57.5 ", 57.5),
        ("45,5", 45.5),
        ("89+", 89),
        ("045Y", 45),
        ("018M", 1.5),
        ("18 months", 1.5),
        ("45 years", 45),
        ("0.5", 0.5),
        ("120", 120),
        *(
            (odd, None)
            for odd in ("999", "-9", "540", "0", "000D", "411Y", "121", "1e2", "12000", "", "n/a", "inf", "old")
        ),
    ],
)
def test_ages(text, years):
    assert parse_age(text) == years


def test_sexes():
    assert [parse_sex(text) for text in ("f", "Female ", "W", "M", "male")] == ["F", "F", "F", "M", "M"]
    assert [parse_sex(text) for text in ("1", "2", "", "O")] == [None] * 4


def test_ids_that_stand_for_everybody():
    everybody = ("ANONYMOUS", "anonymized", "0", "000000", "XXXX", "Removed", "no id", "DE-IDENTIFIED", "")
    assert all(map(names_nobody, everybody))
    assert not any(names_nobody(text) for text in ("P1", "10", "anon7", "4711", "patient01"))


def test_what_could_not_be_read_is_said_without_a_name():
    notes = [note.text for note in unread(Path("d/t.tsv"), ["999", "-9", "44", "n/a", "Doe, J", "89+"], ["1", "F", ""])]
    assert notes == [
        "Taken as unknown: 3 ages of t.tsv other than years above 0 and up to 120 (such as -9, 999).",
        "Taken without the +: 1 top-coded age of t.tsv (such as 89+).",
        "Taken as unknown: 1 sex of t.tsv other than F and M (such as 1).",
    ]
    assert unread(Path("t.tsv"), ["44", "n/a", ""], ["F", "unknown"]) == []


def cases(*names, sessions=("1",), **fields):
    return [Case(name, session, Path(f"{name}-{session}"), **fields) for name in names for session in sessions]


def test_ids_that_differ_only_in_zeros_or_case():
    (note,) = hints(cases("007", "7", "8", "8.0", "A9", "a9", "P10", "P1", "x0", "x00y"))
    assert note.text.startswith("6 patients' ids differ from another's only in zeros")
    assert {path.name for path in note.files} == {"007-1", "7-1", "8-1", "8.0-1", "A9-1", "a9-1"}
    assert hints(cases("P100", "P10", "P1", "10", "1", "0")) == []


def test_ids_that_look_like_time_points_of_one_person():
    (note,) = hints(cases("GLI-00005-000", "GLI-00005-001", "GLI-00006-000", "GLI-00007-000"))
    assert note.text.startswith("2 ids end in a number behind one that 1 of them share") or "1 of them" in note.text
    assert [path.name for path in note.files] == ["GLI-00005-000-1", "GLI-00005-001-1"]
    assert hints(cases("OAS1_0001_MR1", "OAS1_0001_MR2"))
    # A number alone is a person's; a site has many people; who has sessions has an id of its own.
    assert hints(cases("case_000", "case_001", "case_002")) == []
    assert hints(cases(*(f"site1-{number:03d}" for number in range(20)))) == []
    assert hints(cases("A1-1", "A1-2", sessions=("1", "2"))) == []


def test_one_patient_of_two_sexes_or_ages():
    mixed = [
        *cases("a", sex="F", age=40.0),
        *cases("a", sessions=("2",), sex="M", age=81.0),
        *cases("b", sex="F", age=3.0),
    ]
    assert [note.text for note in hints(mixed)] == [
        "1 patient has two sexes in the table; mend it, or part the people.",
        "1 patient has ages that lie more than 20 years apart in the table; mend it, or part the people.",
    ]
    assert hints([*cases("a", age=40.0), *cases("a", sessions=("2",), age=59.0)]) == []
