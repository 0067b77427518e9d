"""From findings to the classes of a classifier."""

from pathlib import Path

import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case
from remnant.cohort.classes import answers_of


def cases(*findings, uncertain=()):
    return [
        Case(f"p{i}", "1", Path(f"{i}.png"), findings=one, uncertain=uncertain if not one else ())
        for i, one in enumerate(findings)
    ]


TWO = cases(("Pneumonia",), ("No Finding",), ("Pneumonia",))


@pytest.mark.parametrize("outputs", [1, 2])
def test_the_order_of_two_findings_without_names_is_open(outputs):
    found = answers_of(TWO, outputs)
    assert found.labels.tolist() == [1, 0, 1] and "nobody confirmed: 0 is 'No Finding', 1 is 'Pneumonia'" in found.words
    turned = found.reversed()
    assert (
        turned.labels.tolist() == [0, 1, 0] and "nobody confirmed: 0 is 'Pneumonia', 1 is 'No Finding'" in turned.words
    )
    assert not answers_of(TWO, outputs, ["Pneumonia"]).order and not answers_of(cases(("A",), ("B",), ("C",)), 3).order


def test_one_name_is_the_positive_class():
    found = answers_of([*TWO, *cases(())], 2, ["No Finding"])
    assert found.labels.tolist() == [0, 1, 0, 0] and "Class 1 is 'No Finding'" in found.words


def test_as_many_names_as_outputs():
    three = cases(("A",), ("B",), ("C",), ())
    np.testing.assert_array_equal(answers_of(three, 3, ["C", "A", "B"]).labels, [1, 2, 0, np.nan])
    several = cases(("A", "B"), (), ("C",))
    assert answers_of(several, 3, ["A", "B", "C"]).labels.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_whom_the_table_is_uncertain_of_nobody_knows():
    found = answers_of(cases(("A",), (), ("B",), uncertain=("A",)), 1, ["A"])
    np.testing.assert_array_equal(found.labels, [1, np.nan, 0])
    assert "1 image without any finding among them" in found.words
    several = answers_of(cases(("A", "B"), (), ("C",), uncertain=("A",)), 3, ["A", "B", "C"])
    assert several.labels[1].tolist() == [0, 0, 0] and "Of 1 image an uncertain finding counts as none" in several.words


def test_some_of_many_findings_may_be_nobodys():
    found = answers_of(cases(("A", "B"), ("B",)), 3, ["A", "Hernia", "B"])
    assert found.labels.tolist() == [[1, 0, 1], [0, 0, 1]] and "No image has 'Hernia'." in found.words
    for names, wrong in ((["A", "hernia", "B"], "hernia"), (["A", "X", "Y"], "X")):
        with pytest.raises(RemnantError, match=f"No image has the finding '{wrong}'; the table has"):
            answers_of(cases(("A", "B"), ("Hernia",)), 3, names)
    with pytest.raises(RemnantError, match="names 'A' twice"):
        answers_of(
            cases(
                ("A", "B"),
            ),
            3,
            ["A", "B", "A"],
        )


def test_why_answers_are_not_known_is_said():
    assert "2 of 3 images have no finding or several" in answers_of(cases(("A",), (), ("A", "B")), 2).words
    assert "the table has 2 findings" in answers_of(TWO, 3).words


def test_what_is_not_known_is_said():
    for known, outputs in ((cases(("A", "B"), ("A",)), 1), (TWO, 3), (cases((), ()), 2)):
        found = answers_of(known, outputs)
        assert found.labels is None and "--finding" in found.words


def test_names_that_do_not_serve():
    with pytest.raises(RemnantError, match="No image has the finding 'pneumonia'; the table has Pneumonia, No Finding"):
        answers_of(TWO, 1, ["pneumonia"])
    with pytest.raises(RemnantError, match=r"has 3 outputs; name as many .* Got 2"):
        answers_of(TWO, 3, ["Pneumonia", "No Finding"])
