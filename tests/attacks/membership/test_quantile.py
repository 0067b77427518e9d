"""Membership by quantiles of the attacker's own images: what is known of an image, the score by hand, and when it applies."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.audit.example import Classifier, Segmenter, images_of, material

from remnant.attacks.attack import Work
from remnant.attacks.membership.quantile import QUANTILE, VIEW, described
from remnant.attacks.membership.references import LOSS, MARGIN, signals_of
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.quantile import FEWEST, beyond_quantile
from remnant.measure.roles import MEMBER
from remnant.targets.seen import seen_outputs


def others(kind, count=48):
    """The attacker's own images, whom no training saw."""
    found = images_of(kind, 77, count)
    return Images(found.images, found.labels, tuple(f"own {i // 2}" for i in range(count)))


def ran(kind, leaks, tmp_path):
    found, own = material(kind, leaks=leaks), others(kind)
    assert QUANTILE.applies(found.target, found.candidates, own) == ""
    access = seen_outputs(found.target, found.candidates)
    (claim,) = QUANTILE.run(access, own, QUANTILE.settings(), Work(Seeds(0), tmp_path))
    members = np.array([found.roles[patient] == MEMBER for patient in claim.patients])
    return found, own, claim, mann_whitney_auc(claim.scores[members], claim.scores[~members]).mean


@pytest.mark.parametrize(("kind", "signal"), [(Classifier, MARGIN), (Segmenter, LOSS)])
def test_the_score_is_the_signal_beyond_quantiles_of_the_attackers_own(kind, signal, tmp_path):
    found, own, claim, auc = ran(kind, True, tmp_path)
    head, images = found.target.head, found.candidates
    fits = [signals_of(head, one, found.target.answers)[signal] for one in (own, images)]
    features = [described(one, head.outputs) for one in (own, images)]
    expected = beyond_quantile(features[0], fits[0], features[1], fits[1], np.array(own.patients))
    assert claim.view == VIEW.format(signal) and claim.scores == pytest.approx(expected)
    assert auc > 0.95


def test_of_images_of_which_nothing_is_known_it_learns_nothing(tmp_path):
    found, own = material(Classifier, leaks=True), others(Classifier)
    target = replace(found.target, head=replace(found.target.head, kind="sigmoid"))
    candidates, known = (
        replace(one, labels=torch.stack([torch.tensor([label, 1.0 - label]) for label in one.labels]))
        for one in (found.candidates, own)
    )
    unread = torch.full((1, 2), torch.nan)
    more = Images((own.images[0], *own.images), torch.cat([unread, known.labels]), ("unread", *own.patients))
    scores = [
        QUANTILE.run(seen_outputs(target, candidates), one, QUANTILE.settings(), Work(Seeds(0), tmp_path))[0].scores
        for one in (known, more)
    ]
    assert np.isfinite(scores[0]).all() and scores[0].tolist() == scores[1].tolist()
    nothing = replace(known, labels=torch.full((len(known), 2), torch.nan))
    assert "with labels are 0, " in QUANTILE.applies(target, candidates, nothing)


def test_of_a_silent_model_it_tells_nothing(tmp_path):
    assert 0.2 < ran(Classifier, False, tmp_path)[3] < 0.8


def test_what_is_known_of_an_image():
    draw = torch.Generator().manual_seed(0)
    image = torch.rand(1, 16, 16, generator=draw)
    of_class = described(Images((image, image), (0, 2), ("a", "b")), 3)
    blocks = image[0].reshape(4, 4, 4, 4).mean((1, 3)).flatten()
    assert of_class[0, :16] == pytest.approx(blocks.numpy(), rel=1e-5)
    assert of_class[0, 16:18] == pytest.approx([float(image.mean()), float(image.std())], rel=1e-5)
    assert of_class[:, -2:].tolist() == [[0, 0], [0, 1]] and np.array_equal(of_class[0, :-2], of_class[1, :-2])
    assert described(Images((image,), (torch.tensor([1.0]),), ("a",)), 1)[0, -1] == 1
    several = described(Images((image,), (torch.tensor([1.0, torch.nan, 0]),), ("a",)), 3)
    assert several[0, -3:].tolist() == [1, 0.5, 0]
    label = torch.zeros(16, 16, dtype=torch.long)
    label[:4], label[4:6] = 1, 2
    assert described(Images((image,), (label,), ("a",)), 3)[0, -2:].tolist() == [0.25, 0.125]
    masks = torch.stack([label == 1, label == 2]).float()
    assert described(Images((image,), (masks,), ("a",)), 2)[0, -2:].tolist() == [0.25, 0.125]


def test_it_says_why_it_does_not_apply():
    found = material(Classifier, leaks=False)
    few = f"the attacker's own images with labels are {{}}, and it learns of {FEWEST} or more"
    assert QUANTILE.applies(found.target, found.candidates, None) == few.format(0)
    assert QUANTILE.applies(found.target, found.candidates, others(Classifier, 12)) == few.format(12)
    bare = Images(found.candidates.images, None, found.candidates.patients)
    assert QUANTILE.applies(found.target, bare, others(Classifier)) == "no labels were handed over"
