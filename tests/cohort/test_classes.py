"""From findings to the classes of a classifier."""

from pathlib import Path

import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case
from remnant.cohort.classes import answers_of


def cases(*findings):
    return [Case(f"p{i}", "1", Path(f"{i}.png"), findings=one) for i, one in enumerate(findings)]


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


def test_what_is_not_known_is_said():
    for known, outputs in ((cases(("A", "B"), ("A",)), 1), (TWO, 3), (cases((), ()), 2)):
        found = answers_of(known, outputs)
        assert found.labels is None and "--finding" in found.words


def test_names_that_do_not_serve():
    with pytest.raises(RemnantError, match="No image has the finding 'pneumonia'; the table has Pneumonia, No Finding"):
        answers_of(TWO, 1, ["pneumonia"])
    with pytest.raises(RemnantError, match=r"has 3 outputs; name as many .* Got 2"):
        answers_of(TWO, 3, ["Pneumonia", "No Finding"])
