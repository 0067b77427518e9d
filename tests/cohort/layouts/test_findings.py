from pathlib import Path

import pytest

from remnant.cohort.case import Case
from remnant.cohort.layouts.findings import label_of

HEART, NONE = ("Cardiomegaly",), ("No Finding",)


def case(findings=(), uncertain=()):
    return Case("p", "s", Path("a.png"), findings=tuple(findings), uncertain=tuple(uncertain))


@pytest.mark.parametrize(
    ("findings", "uncertain", "drop", "positive", "negative"),
    [
        (["Cardiomegaly", "Edema"], [], 1, 1, 1),
        (["No Finding"], [], 0, 0, 0),
        (["Edema"], [], None, None, None),
        ([], ["Cardiomegaly"], None, 1, None),
        (["No Finding"], ["Cardiomegaly"], None, 1, 0),
        (["Cardiomegaly"], ["Cardiomegaly"], 1, 1, 1),
        (["No Finding"], ["Edema"], 0, 0, 0),
    ],
)
def test_one_finding_against_another(findings, uncertain, drop, positive, negative):
    for policy, expected in (("drop", drop), ("positive", positive), ("negative", negative)):
        assert label_of(case(findings, uncertain), positive=HEART, negative=NONE, uncertain=policy) == expected


def test_one_finding_against_everything_else():
    assert label_of(case(["Edema"]), positive=HEART) == 0
    assert label_of(case(), positive=HEART) == 0
    assert label_of(case([], HEART), positive=HEART) is None
    assert label_of(case([], HEART), positive=HEART, uncertain="negative") == 0
