"""Membership by parts of a segmentation, on targets that leak everywhere, near borders alone, in one class alone, or nowhere."""

import numpy as np
import pytest
import torch
from tests.planted import planted_segmenter

from remnant.attacks.attack import Work
from remnant.attacks.membership.output import CROSS_ENTROPY, OUTPUT
from remnant.attacks.membership.parts import BORDER, CLASS_DICE, CLASS_LOSS, PARTS
from remnant.attacks.membership.segmentation import near_borders
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.seen import SeenOutputs

HEAD = OutputHead("segmentation", "softmax", 3, False)
ALONE = [view.format(one) for view in (CLASS_DICE, CLASS_LOSS) for one in (1, 2)]


def found_by(attack, logits, labels, tmp_path):
    """The tests by view of a model that answers with these `logits`; the first half are members."""
    names = tuple(f"p{i}" for i in range(len(labels)))

    def ask(asked, change=lambda batch: batch):
        yield from enumerate(logits)

    access = SeenOutputs(Images(torch.zeros(len(labels), 1, *labels.shape[1:]), labels, names), HEAD, ask, None)
    roles = np.repeat([MEMBER, NON_MEMBER], len(labels) // 2)
    return {
        claim.view: membership_test(claim.scores, roles, np.random.default_rng(0), 1000)
        for claim in attack.run(access, None, attack.settings(), Work(Seeds(0), tmp_path))
    }


def blocks(seed=0, patients=24):
    """Logits that answer with noise, and label maps of two blocks that everybody has elsewhere."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.zeros(patients, 32, 32, dtype=torch.int64)
    for one in labels:
        x, y = torch.randint(2, 10, (2,), generator=draw).tolist()
        one[x : x + 16, y : y + 8], one[x : x + 16, y + 8 : y + 16] = 1, 2
    return torch.randn(patients, 3, 32, 32, generator=draw), labels


def known(logits, labels, where):
    """The same where the model knows the truth of its members, `where` (patients, x, y) says."""
    truth = torch.nn.functional.one_hot(labels, 3).movedim(-1, 1).float()
    own = (torch.arange(len(labels)) < len(labels) // 2)[:, None, None] & where
    return logits + 1.5 * truth * own[:, None]


def test_a_leaking_segmenter_is_found_by_every_part_and_a_silent_one_by_none(tmp_path):
    planted = planted_segmenter(leaks=True)
    tests = found_by(PARTS, planted.predict(planted.images), planted.labels, tmp_path)
    assert list(tests) == [BORDER, *ALONE] and all(test.p < 0.01 and test.auc.mean > 0.9 for test in tests.values())
    silent = [planted_segmenter(leaks=False, seed=seed) for seed in range(20)]
    found = [found_by(PARTS, one.predict(one.images), one.labels, tmp_path) for one in silent]
    for view in tests:
        assert np.mean([one[view].p <= 0.05 for one in found]) <= 0.2
        assert np.mean([one[view].auc.mean for one in found]) == pytest.approx(0.5, abs=0.1)


def test_what_is_known_near_borders_is_told_by_them_and_what_of_a_class_by_it(tmp_path):
    logits, labels = blocks()
    near = known(logits, labels, torch.stack([near_borders(one) for one in labels]) & (labels == 0))
    tests = found_by(PARTS, near, labels, tmp_path)
    assert tests[BORDER].auc.mean > 0.99 and tests[BORDER].p < 0.001
    # Outside of the blocks no foreground class is fit better for it.
    assert abs(found_by(OUTPUT, near, labels, tmp_path)[CROSS_ENTROPY].auc.mean - 0.5) < 0.25
    one = found_by(PARTS, known(0.1 * logits, labels, labels == 2), labels, tmp_path)
    assert {view for view, test in one.items() if test.p < 0.01} >= {CLASS_DICE.format(2), CLASS_LOSS.format(2)}
    assert one[CLASS_LOSS.format(1)].p > 0.05


def test_it_is_of_segmenters_with_labels():
    scans = Images(torch.zeros(2, 1, 4, 4, 4), torch.zeros(2, 4, 4, 4), ("a", "b"))
    segmenter = Audited(torch.nn.Identity(), HEAD)
    assert PARTS.applies(segmenter, scans, None) == ""
    assert PARTS.applies(segmenter, Images(scans.images, None, scans.patients), None) == "no labels were handed over"
    classifier = Audited(torch.nn.Identity(), OutputHead("classification", "softmax", 2, False))
    assert PARTS.applies(classifier, scans, None) == "the network is no segmenter"
