"""In which order two classes are taken of which nobody told which is which, and what is kept of that."""

import numpy as np
import pytest
import torch

from remnant.attacks.checkpoint.feeding import Feeding, in_order, keep_feeding, kept_feeding
from remnant.attacks.membership.signals import signed_margin
from remnant.base.run import Run
from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.targets.inputs import InputRange

FED = Feeding(InputRange(64, 1), "greys in [0, 1]", "greys as the file has them", 0.1, 0.1, None)


def test_the_order_is_that_which_fits_the_answers_where_one_clearly_does():
    labels, noise = np.arange(40.0) % 2, np.random.default_rng(0).normal(size=(40, 1)).astype(np.float32)
    sure = np.where(labels, 3.0, -3.0).astype(np.float32)[:, None]
    for logits, reverse in ((sure, False), (-sure, True)):
        fed = in_order(FED, logits, labels, range(40))
        assert fed.reversed is reverse and fed.unordered is None
    assert "by --finding" in in_order(FED, noise, labels, range(40)).unordered
    # Two patients of twenty images each.
    alike = in_order(FED, sure, labels, (np.arange(40) % 2).tolist()).unordered
    assert "40 of 40 right" in alike and "count as one" in alike
    # Who always answers the same is often right and tells nothing.
    always = np.full((40, 1), 3.0, np.float32)
    assert in_order(FED, always, np.array([1.0] * 36 + [0.0] * 4), range(40)).unordered


@pytest.mark.parametrize(("members", "others"), [(12, 12), (12, 120), (120, 12)])
@pytest.mark.parametrize("certainty", [0.0, 0.5])
def test_a_model_that_knows_nobody_is_flagged_as_often_as_its_level_says(members, others, certainty):
    """The order is chosen on the patients who are reported: members must fare no better for it, however few they are."""
    random, trials, shown = np.random.default_rng(0), 600, 0
    roles = np.repeat([MEMBER, NON_MEMBER], [members, others])
    for _ in range(trials):
        labels = random.integers(0, 2, len(roles)).astype(float)
        logits = random.normal(certainty * (2 * labels - 1))[:, None].astype(np.float32)
        taken = 1 - labels if in_order(FED, logits, labels, range(len(roles))).reversed else labels
        test = membership_test(signed_margin(torch.from_numpy(logits), taken), roles, random)
        shown += test.p <= 0.05 and test.auc.mean > 0.5
    # One side of 5%, and 2.5 standard errors of so many trials.
    assert shown / trials <= 0.025 + 2.5 * (0.025 / trials) ** 0.5


def test_a_run_that_goes_on_gives_images_as_it_did_before(tmp_path):
    fed = Feeding(
        InputRange(96, 3, (0.1, 0.2, 0.3), (0.5,)), "given", "as in the file", None, None, "Odd.", True, "Open."
    )
    with Run.start(tmp_path / "run", "audit", {}, resume=False) as run:
        assert kept_feeding(run) is None
        keep_feeding(run, fed)
        assert kept_feeding(run) == fed
