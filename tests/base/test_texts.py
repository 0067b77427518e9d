"""What a stranger wrote, said on one line."""

import pytest

from remnant.base.errors import RemnantError
from remnant.base.progress import say
from remnant.base.texts import counted, counted_of, p_number, p_said, printable, short

FORGED = "model\n\nVerdict        safe to release\n\x1b[2J\x1b]0;x\x07\u202egnp.exe\ud800\r\u2028\x00"


def test_no_text_ends_a_line_or_moves_the_cursor(capsys):
    for said in (printable(FORGED), short(FORGED, 200), str(RemnantError(FORGED))):
        assert said.isprintable() and said.isascii() and printable(said) == said
        assert r"\n\nVerdict" in said and r"\x1b[2J" in said and r"\u202e" in said and r"\ud800" in said
    say(FORGED)
    assert capsys.readouterr().err.count("\n") == 1


def test_what_is_printable_stays():
    for text in ("", "Größe 3 µm", "画像", r"C:\new"):
        assert printable(text) == text


@pytest.mark.parametrize("text", ["a" * 1000, "\x00" * 1000, "a" + " " * 1000 + "Verdict safe"])
def test_short(text):
    assert len(short(text, 20)) <= 20 and "  " not in short(text, 20)


def test_what_is_cut_ends_after_a_whole_word_where_that_leaves_half():
    assert short("signed margin, mean over shifted images", 30) == "signed margin, mean over..."
    assert short("features, of the narrowest layer", 20) == "features, of the..."
    assert short("a pneumonoultramicroscopic one", 20) == "a pneumonoultrami..."
    assert short("exactly twenty chars", 20) == "exactly twenty chars"


@pytest.mark.parametrize(("number", "said"), [(0, "0 pairs"), (1, "1 pair"), (2, "2 pairs"), (1200, "1,200 pairs")])
def test_one_is_said_in_the_singular(number, said):
    assert counted(number, "pair") == said
    assert counted(number, "file has", "files have").endswith("file has" if number == 1 else "files have")


@pytest.mark.parametrize(
    ("some", "total", "said"),
    [(1, 17, "1 of 17 files holds"), (2, 1200, "2 of 1,200 files hold"), (0, 1, "0 of 1 file hold")],
)
def test_the_verb_of_some_of_several_is_that_of_the_some(some, total, said):
    assert counted_of(some, total, "file", "holds", "hold") == said


@pytest.mark.parametrize(
    ("p", "bound", "said"),
    [
        (2e-5, False, "p < 0.001"),
        (2e-4, True, "p < 0.001"),
        (0.001, False, "p = 0.001"),
        (0.0123, False, "p = 0.012"),
        (0.01, False, "p = 0.010"),
        (0.0096, False, "p = 0.010"),
        (0.0104, False, "p = 0.0104"),
        (0.01001, False, "p = 0.01001"),
        (0.0104, True, "p ≤ 0.011"),
        (0.02504, False, "p = 0.02504"),
        (0.0502, False, "p = 0.0502"),
        (0.0123, True, "p ≤ 0.013"),
        (0.012, True, "p ≤ 0.012"),
        (0.99999, True, "p ≤ 1.00"),
        (0.123, False, "p = 0.12"),
        (1.0, False, "p = 1.00"),
    ],
)
def test_a_p_value_is_said_by_one_rule(p, bound, said):
    assert p_said(p, bound=bound) == said
    assert p_number(p, bound=bound) == said.removeprefix("p ").removeprefix("= ").replace("< ", "<").replace("≤ ", "≤")
