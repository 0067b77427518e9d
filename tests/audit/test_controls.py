"""Controls of the groups: what their sentences name, and what they say where nothing was found."""

from dataclasses import replace

import numpy as np
import pytest

from remnant.audit.findings.controls import blind_control
from remnant.audit.findings.given import BlindKnowledge, given_of, words
from remnant.audit.verdict.alike import groups_unchecked
from remnant.base.findings import Control
from remnant.measure.blind import blind_test, weighed
from remnant.measure.roles import MEMBER, NON_MEMBER

ROLES = np.repeat([MEMBER, NON_MEMBER], 40)


def control(kind, passed, claim="patient_scores"):
    return Control(kind=kind, claim=claim, value=0.5, n=80, passed=passed, sentence="")


@pytest.mark.parametrize(("shift", "passed"), [(0, True), (2, False)])
def test_the_blind_control_names_what_it_was_given_and_what_it_would_have_seen(shift, passed):
    draw = np.random.default_rng(0)
    features = weighed(draw.normal(size=(80, 2)) + shift * (ROLES == MEMBER)[:, None])
    test = blind_test(features, ROLES, draw, 99)
    found = blind_control(test, BlindKnowledge(("age", "rows"), (), 40, 40))
    assert found.passed is passed
    assert found.sentence.startswith("Given age and rows, a classifier that never saw the model")
    ends = (
        f"; {test.detectable(0.05 / 3):.2f} detectable)."
        if passed
        else "They differ by themselves; p is of the most telling of 3 tests."
    )
    assert found.sentence.endswith(ends)


def test_a_blind_baseline_that_is_surely_wrong_says_why_that_is_no_difference():
    draw = np.random.default_rng(0)
    test = blind_test(weighed(draw.normal(size=(80, 2))), ROLES, draw, 99)
    known = BlindKnowledge(("age",), (), 40, 40)
    wrong = blind_control(replace(test, auc=replace(test.auc, mean=0.36, low=0.26, high=0.47), p=0.9), known)
    assert wrong.passed and "wrong more often than right" in wrong.sentence and "no difference" in wrong.sentence
    open_ = blind_control(replace(test, auc=replace(test.auc, mean=0.4, low=0.3, high=0.51), p=0.9), known)
    assert "wrong more often" not in open_.sentence


def test_the_trait_that_differs_most_is_named_and_none_where_all_are_alike():
    draw = np.random.default_rng(3)
    traits = {"age": draw.normal(size=80), "sex: F": (draw.random(80) < 0.5) * 1.0, "sex: D": (ROLES == MEMBER) * 1.0}
    traits["sex: D"][:10] = np.nan
    features = weighed(np.column_stack([*traits.values()]))
    found = blind_control(blind_test(features, ROLES, draw, 99), given_of(traits, ROLES))
    assert found.sentence.endswith("They differ by themselves, most by sex: D; p is of the most telling of 3 tests.")
    alike = {"age": traits["age"], "sites": np.ones(80), "unknown": np.full(80, np.nan)}
    assert given_of(alike, ROLES).unlike == "" == given_of(traits, np.stack([ROLES, -ROLES])).unlike


def test_of_whom_little_is_known_a_blind_control_tells_little():
    draw, many = np.random.default_rng(0), np.repeat([MEMBER, NON_MEMBER], 400)
    test = blind_test(weighed(draw.normal(size=(800, 1))), many, draw, 19)
    sex, age = draw.normal(size=(2, 800))
    sex[np.r_[0:100, 400:500]] = np.nan
    age[40:400] = age[409:] = np.nan
    alone = blind_control(test, given_of({"age": age, "rows": np.ones(800)}, many))
    assert alone.passed is None and alone.n == 49
    assert alone.sentence.startswith("Age is known of 40 members and 9 non-members, too few to tell")
    assert blind_control(test, given_of({"rows": sex}, many)).passed is None
    both = blind_control(test, given_of({"age": age, "sex": sex}, many))
    detectable = replace(test, members=300, non_members=300).detectable(0.05 / 3)
    assert both.passed and both.n == 600
    assert f"; {detectable:.2f} detectable). Of age too little" in both.sentence and "Given sex," in both.sentence
    of_images = blind_control(test, given_of({"age": age}, many, images=True))
    assert of_images.passed and of_images.n == 800 and "age, a" not in of_images.sentence


@pytest.mark.parametrize("shift", [0, 2])
def test_of_several_folds_a_patient_counts_once(shift):
    draw, folds = np.random.default_rng(0), np.arange(60) % 3
    roles = np.where(folds == np.arange(3)[:, None], NON_MEMBER, MEMBER)
    features = weighed(draw.normal(size=(60, 2)) + shift * folds[:, None])
    test = blind_test(np.broadcast_to(features, (3, *features.shape)), roles, draw, 99)
    known = draw.normal(size=60)
    found = blind_control(test, given_of({"age": known}, roles, images=True))
    assert found.passed is (shift == 0) and (found.n, found.fewest) == (60, 60)
    known[:20] = np.nan
    of_age = blind_control(test, given_of({"age": known}, roles))
    assert of_age.n == (60 if shift else 40)


@pytest.mark.parametrize(
    ("names", "images", "said"),
    [
        (["age"], False, "age"),
        (["site: A", "site: B", "sex"], False, "site and sex"),
        (["age", "sex", "site", "weight", "rows"], False, "age, sex, site and 2 more"),
        ([], True, "image size, greys and sharpness"),
        (["age"], True, "image size, greys, sharpness and age"),
        (["age", "sex"], True, "image size, greys, sharpness and 2 more"),
    ],
)
def test_what_a_blind_classifier_was_given_in_words(names, images, said):
    assert words(names, images=images) == said


@pytest.mark.parametrize(
    ("controls", "silent"),
    [
        ([], False),
        ([control("planted", True)], False),
        ([control("recipe", True)], False),
        ([control("blind", False)], False),
        ([control("blind", True, "attributes")], False),
        ([control("blind", True)], True),
        ([control("null", True), control("planted", False)], True),
    ],
)
def test_that_nothing_showed_the_groups_to_be_alike_is_said(controls, silent):
    assert (groups_unchecked(controls) == []) is silent
