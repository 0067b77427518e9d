"""Membership by an answer where nobody knows the right one."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.planted import planted_classifier

from remnant.attacks.attack import Work
from remnant.attacks.membership.output import CERTAINTY, CERTAINTY_SHIFTED, OUTPUT
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER
from remnant.targets.head import Head
from remnant.targets.seen import SeenOutputs

ONE = Head("classification", "sigmoid", 1, False)


def found(planted, tmp_path):
    """The tests of a classifier by view; nobody told the answers."""
    images = Images(planted.images, None, planted.patients)
    role = dict(zip(planted.patients, planted.roles, strict=True))

    def ask(asked, change=lambda batch: batch):
        yield from enumerate(planted.access.predict(change(torch.stack(list(asked.images)))))

    claims = OUTPUT.run(SeenOutputs(images, ONE, ask, None), None, OUTPUT.settings(), Work(Seeds(0), tmp_path))
    return {
        claim.view: membership_test(
            claim.scores, np.array([role[name] for name in claim.patients]), np.random.default_rng(0), 1000
        )
        for claim in claims
    }


def test_a_leaking_classifier_is_found_by_its_certainty(tmp_path):
    tests = found(planted_classifier(leaks=True), tmp_path)
    assert list(tests) == [CERTAINTY_SHIFTED, CERTAINTY]
    assert tests[CERTAINTY].auc.mean > 0.9 and tests[CERTAINTY].members == sum(
        role == MEMBER for role in planted_classifier(leaks=True).roles[::2]
    )


def test_a_silent_one_is_not(tmp_path):
    aucs = [found(planted_classifier(leaks=False, seed=seed), tmp_path)[CERTAINTY].auc.mean for seed in range(20)]
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.1)


def test_a_segmenter_is_not_asked_without_label_maps():
    scans = Images(torch.zeros(2, 1, 4, 4, 4), None, ("a", "b"))
    asked = {task: SimpleNamespace(head=Head(task, "softmax", 2, False)) for task in ("classification", "segmentation")}
    assert OUTPUT.applies(asked["segmentation"], scans, None) == "no labels were handed over"
    assert OUTPUT.applies(asked["classification"], scans, None) == ""
