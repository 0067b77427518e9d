"""Tier 0 on targets that surely leak and on targets that surely do not."""

import numpy as np
import pytest
import torch
from tests.planted import planted_classifier, planted_segmenter

from remnant.attacks.claims import PatientScores
from remnant.attacks.membership.threshold import by_patient, classify, segment
from remnant.base.errors import RemnantError
from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.targets.access import Outputs


def statistics(claims):
    return {
        claim.signal: membership_test(claim.scores, claim.roles, np.random.default_rng(0), 1000) for claim in claims
    }


def classified(planted):
    return statistics(classify(planted.access, planted.images, planted.labels.numpy(), planted.patients, planted.roles))


def segmented(planted):
    return statistics(segment(planted.access, planted.images, planted.labels, planted.patients, planted.roles))


def test_a_leaking_classifier_is_found_by_every_signal():
    found = classified(planted_classifier(leaks=True))
    assert list(found) == ["margin", "margin_shifted", "correct"]
    assert found["margin"].auc.mean > 0.99 and all(test.p < 0.01 for test in found.values())
    assert (found["margin"].members, found["margin"].non_members) == (12, 12)


def test_a_leaking_segmenter_is_found_by_every_signal():
    found = segmented(planted_segmenter(leaks=True))
    assert list(found) == ["dice", "cross_entropy", "dice_shifted", "cross_entropy_shifted"]
    assert found["dice"].auc.mean > 0.99 and all(test.p < 0.01 for test in found.values())


@pytest.mark.parametrize(("look", "planted"), [(classified, planted_classifier), (segmented, planted_segmenter)])
def test_a_silent_target_is_not(look, planted):
    found = [look(planted(leaks=False, seed=seed)) for seed in range(20)]
    for signal in found[0]:
        assert np.mean([tests[signal].p <= 0.05 for tests in found]) <= 0.2
        assert np.mean([tests[signal].auc.mean for tests in found]) == pytest.approx(0.5, abs=0.1)


def test_a_patient_is_the_mean_of_his_images_and_not_the_best():
    claims = by_patient({"margin": np.array([9.0, 1.0, 4.0, 2.0])}, ["b", "a", "b", "b"], np.array([1, -1, 1, 1]))
    assert claims[0].patients == ("b", "a") and claims[0].roles.tolist() == [MEMBER, NON_MEMBER]
    np.testing.assert_allclose(claims[0].scores, [5, 1])
    with pytest.raises(RemnantError, match="'b' has images in two roles"):
        by_patient({"margin": np.zeros(2)}, ["b", "b"], np.array([1, -1]))
    with pytest.raises(RemnantError, match="Each patient needs one score"):
        PatientScores("margin", ("a", "a"), np.zeros(2), np.zeros(2))


def test_who_has_more_images_does_not_look_more_like_a_member():
    draw, areas = np.random.default_rng(0), []
    for _ in range(40):
        patients = [f"m{i}" for i in range(12) for _ in range(6)] + [f"n{i}" for i in range(12)]
        roles = np.array([MEMBER] * 72 + [NON_MEMBER] * 12)
        claim = by_patient({"margin": draw.normal(size=84)}, patients, roles)[0]
        areas.append(membership_test(claim.scores, claim.roles, draw, 1).auc.mean)
    assert np.mean(areas) == pytest.approx(0.5, abs=0.05)


def test_the_mean_over_places_takes_every_place():
    asked = []

    def predict(images):
        asked.append(images)
        return images[:, :, 0, 0] * 0 + len(asked)

    found = classify(Outputs(predict), torch.rand(2, 1, 4, 4), np.array([1, 0]), ["a", "b"], np.array([1, -1]))
    scores = {claim.signal: claim.scores.tolist() for claim in found}
    assert scores == {"margin": [1, -1], "margin_shifted": [5, -5], "correct": [1, 0]}
