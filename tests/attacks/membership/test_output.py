"""Membership by an answer, on targets that surely leak and on such as do not; and where nobody knows the right one."""

import numpy as np
import pytest
import torch
from tests.planted import planted_classifier, planted_segmenter

from remnant.attacks.attack import Work
from remnant.attacks.membership.output import (
    CERTAINTY,
    CERTAINTY_SHIFTED,
    CORRECT,
    CROSS_ENTROPY,
    CROSS_ENTROPY_SHIFTED,
    DICE,
    DICE_SHIFTED,
    MARGIN,
    MARGIN_SHIFTED,
    OUTPUT,
)
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images, patient_means
from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.targets.head import OutputHead
from remnant.targets.seen import SeenOutputs

ONE = OutputHead("classification", "sigmoid", 1, False)
MAPS = OutputHead("segmentation", "softmax", 3, False)


def found(planted, tmp_path, head=ONE, labels=None):
    """The tests of a target by view; the `labels` as an audit has them, None where nobody told the answers."""
    images = Images(planted.images, labels, planted.patients)
    role = dict(zip(planted.patients, planted.roles, strict=True))

    def ask(asked, change=lambda batch: batch):
        yield from enumerate(planted.predict(change(torch.stack(list(asked.images)))))

    claims = OUTPUT.run(SeenOutputs(images, head, ask, None), None, OUTPUT.settings(), Work(Seeds(0), tmp_path))
    return {
        claim.view: membership_test(
            claim.scores, np.array([role[name] for name in claim.patients]), np.random.default_rng(0), 1000
        )
        for claim in claims
    }


def classified(planted, tmp_path):
    return found(planted, tmp_path, labels=planted.labels[:, None].float())


def segmented(planted, tmp_path):
    return found(planted, tmp_path, MAPS, planted.labels)


def test_a_leaking_classifier_is_found_by_every_signal(tmp_path):
    tests = classified(planted_classifier(leaks=True), tmp_path)
    assert list(tests) == [MARGIN, MARGIN_SHIFTED, CORRECT]
    assert tests[MARGIN].auc.mean > 0.99 and all(test.p < 0.01 for test in tests.values())
    assert (tests[MARGIN].members, tests[MARGIN].non_members) == (12, 12)


def test_a_leaking_segmenter_is_found_by_every_signal(tmp_path):
    tests = segmented(planted_segmenter(leaks=True), tmp_path)
    assert list(tests) == [DICE, CROSS_ENTROPY, DICE_SHIFTED, CROSS_ENTROPY_SHIFTED]
    assert tests[DICE].auc.mean > 0.99 and all(test.p < 0.01 for test in tests.values())


@pytest.mark.parametrize(("look", "planted"), [(classified, planted_classifier), (segmented, planted_segmenter)])
def test_a_silent_target_is_not(look, planted, tmp_path):
    tests = [look(planted(leaks=False, seed=seed), tmp_path) for seed in range(20)]
    for view in tests[0]:
        assert np.mean([one[view].p <= 0.05 for one in tests]) <= 0.2
        assert np.mean([one[view].auc.mean for one in tests]) == pytest.approx(0.5, abs=0.1)


def test_who_has_more_images_does_not_look_more_like_a_member():
    draw, areas = np.random.default_rng(0), []
    for _ in range(40):
        patients = [f"m{i}" for i in range(12) for _ in range(6)] + [f"n{i}" for i in range(12)]
        names, scores = patient_means(draw.normal(size=84), patients)
        roles = np.array([MEMBER if name[0] == "m" else NON_MEMBER for name in names])
        areas.append(membership_test(scores, roles, draw, 1).auc.mean)
    assert np.mean(areas) == pytest.approx(0.5, abs=0.05)


def test_the_mean_over_places_takes_every_place(tmp_path):
    asked = []

    def ask(images, change):
        asked.append(change)
        yield from enumerate(torch.full((2, 1), float(len(asked))))

    images = Images(torch.rand(2, 1, 4, 4), torch.tensor([[1.0], [0.0]]), ("a", "b"))
    claims = OUTPUT.run(SeenOutputs(images, ONE, ask, None), None, OUTPUT.settings(), Work(Seeds(0), tmp_path))
    scores = {claim.view: claim.scores.tolist() for claim in claims}
    assert scores == {MARGIN_SHIFTED: [5, -5], MARGIN: [1, -1], CORRECT: [1, 0]}


def test_a_leaking_classifier_is_found_by_its_certainty(tmp_path):
    tests = found(planted_classifier(leaks=True), tmp_path)
    assert list(tests) == [CERTAINTY, CERTAINTY_SHIFTED]
    assert tests[CERTAINTY].auc.mean > 0.9 and tests[CERTAINTY].members == sum(
        role == MEMBER for role in planted_classifier(leaks=True).roles[::2]
    )


def test_a_silent_one_is_not_found_by_its_certainty(tmp_path):
    aucs = [found(planted_classifier(leaks=False, seed=seed), tmp_path)[CERTAINTY].auc.mean for seed in range(20)]
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_so_is_a_leaking_segmenter_and_not_a_silent_one(kind, tmp_path):
    head = OutputHead("segmentation", kind, 3, False)
    for leaks, low, high in ((True, 0.9, 1), (False, 0.4, 0.6)):
        tests = [found(planted_segmenter(leaks=leaks, seed=seed), tmp_path, head) for seed in range(1 if leaks else 20)]
        assert list(tests[0]) == [CERTAINTY, CERTAINTY_SHIFTED]
        assert low <= np.mean([one[CERTAINTY].auc.mean for one in tests]) <= high
