"""Membership by bare answers: which changes are made, the score by hand, and that who is far from the boundary is told."""

import numpy as np
import pytest
import torch
from tests.audit.example import Classifier, Segmenter, material

from remnant.attacks.attack import Work
from remnant.attacks.membership.label_only import (
    AGREEMENT,
    ALIKE,
    LABEL_ONLY,
    NOISE,
    NOISE_OF_SCANS,
    NOISED,
    RIGHT,
    TURNED,
    TURNS,
)
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.roles import MEMBER
from remnant.targets.head import OutputHead
from remnant.targets.seen import SeenOutputs, seen_outputs

CLASSES = OutputHead("classification", "softmax", 2, False)
OUTPUTS = OutputHead("classification", "sigmoid", 3, False)
MAPS = OutputHead("segmentation", "softmax", 3, False)


def ran(head, answer, images, labels, patients, tmp_path):
    """The claims, and the batches that were asked; `answer(batch)` gives logits."""
    asked = []

    def ask(these, change=lambda batch: batch):
        batch = change(torch.stack(list(these.images)))
        asked.append(batch)
        yield from enumerate(answer(batch))

    access = SeenOutputs(Images(tuple(images), labels, tuple(patients)), head, ask, None)
    return LABEL_ONLY.run(access, None, LABEL_ONLY.settings(), Work(Seeds(0), tmp_path)), asked


def pictures(count=3, size=(1, 32, 32)):
    draw = torch.Generator().manual_seed(0)
    return torch.rand(count, *size, generator=draw)


def test_everybody_gets_the_same_shifts_rotations_and_noise(tmp_path):
    images = pictures()
    images[1] = images[0]
    claims, asked = ran(CLASSES, lambda batch: torch.zeros(3, 2), images, (0, 0, 0), "abc", tmp_path)
    assert [claim.view for claim in claims] == [RIGHT.format(NOISED), RIGHT.format(TURNED)]
    assert len(asked) == TURNS + len(NOISE)
    assert all(torch.allclose(batch[0], batch[1], atol=1e-5) for batch in asked)
    noisy, turned = asked[: len(NOISE)], asked[len(NOISE) :]
    assert all(batch.shape == images.shape and not torch.equal(batch, images) for batch in turned)
    # What comes in from outside repeats the border, so that no grey is new.
    assert all(float(batch.min()) >= float(images.min()) - 1e-5 for batch in turned)
    spread = [float((batch - images).std() / images.std()) for batch in noisy]
    assert spread == pytest.approx(list(NOISE), rel=0.1)
    assert len({float(batch[0, 0, 3, 3]) for batch in asked}) == len(asked)
    again = ran(CLASSES, lambda batch: torch.zeros(3, 2), images, (0, 0, 0), "abc", tmp_path)[1]
    assert all(map(torch.equal, asked, again))


def test_a_turned_image_is_moved_and_not_made_anew(tmp_path):
    """A blob has its mass, a few pixels from where it was."""
    places = torch.arange(32.0)
    blob = torch.exp(-((places[:, None] - 20) ** 2 + (places - 12) ** 2) / 8)[None, None]
    _, asked = ran(CLASSES, lambda batch: torch.zeros(1, 2), blob, (0,), "a", tmp_path)
    centres = []
    for batch in asked[-TURNS:]:
        one = batch[0, 0] / batch.sum()
        centres.append([float((one.sum(1) * places).sum()), float((one.sum(0) * places).sum())])
        assert float(batch.sum()) == pytest.approx(float(blob.sum()), rel=0.02)
    moved = np.linalg.norm(np.array(centres) - [20, 12], axis=1)
    assert moved.min() > 0.2 and moved.max() < 7


def test_the_share_of_changed_images_that_are_answered_rightly(tmp_path):
    calls = iter(range(100))

    def answer(batch):
        """Class 1 of everybody, every fourth time 0."""
        number = next(calls)
        return torch.tensor([[0.0, 1.0 if number % 4 else -1.0]]).repeat(len(batch), 1)

    claims, _ = ran(CLASSES, answer, pictures(), (1, 0, 1), ("a", "b", "b"), tmp_path)
    assert (len(NOISE), TURNS) == (6, 3)
    for claim, numbers in zip(claims, (range(6), range(6, 9)), strict=True):
        share = np.mean([number % 4 > 0 for number in numbers])
        assert claim.patients == ("a", "b") and claim.scores == pytest.approx([share, 0.5])


def test_of_several_outputs_those_that_are_known_count(tmp_path):
    labels = torch.tensor([[1, 0, torch.nan], [0, 1, 1], [torch.nan] * 3])
    claims, _ = ran(OUTPUTS, lambda batch: torch.tensor([[1.0, 2, 3]] * 3), pictures(), labels, "abc", tmp_path)
    assert claims[0].scores == pytest.approx([1 / 2, 2 / 3, 0])


def test_without_labels_it_is_how_often_the_answer_stays(tmp_path):
    first = []

    def answer(batch):
        """Class 1 of the images themselves; of what is changed that of the first alone."""
        first.append(batch)
        return torch.tensor([[0.0, 1.0], [0.0, 1.0 if len(first) == 1 else -1.0], [0.0, 1.0]])

    images = pictures()
    claims, asked = ran(CLASSES, answer, images, None, "abc", tmp_path)
    assert torch.equal(asked[0], images) and [claim.view for claim in claims] == [
        ALIKE.format(NOISED),
        ALIKE.format(TURNED),
    ]
    assert all(claim.scores == pytest.approx([1, 0, 1]) for claim in claims)


def test_a_signal_is_not_turned(tmp_path):
    (claim,), asked = ran(CLASSES, lambda batch: torch.zeros(2, 2), pictures(2, (1, 16)), (0, 0), "ab", tmp_path)
    assert claim.view == RIGHT.format(NOISED) and len(asked) == len(NOISE)


def test_agreement_of_segmentations_is_their_mean_dice(tmp_path):
    scans = pictures(2, (1, 6, 6, 6))
    calls = []

    def answer(batch):
        """Blocks of class 1, which noise makes smaller by a slice, and of the second scan one of class 2 as well."""
        calls.append(batch)
        drawn = torch.zeros(2, 6, 6, 6, dtype=torch.long)
        drawn[:, : 5 - len(calls), :2, :2] = 1
        if len(calls) == 2:
            drawn[1, :, 4:, 4:] = 2
        return torch.nn.functional.one_hot(drawn, 3).movedim(-1, 1).float()

    (claim,), _ = ran(MAPS, answer, scans, None, "ab", tmp_path)
    assert claim.view == AGREEMENT
    assert claim.scores == pytest.approx([2 * 3 / 7, (2 * 3 / 7 + 0) / 2])
    assert len(calls) == 2 and torch.equal(calls[0], scans)
    noise = calls[1] - scans
    assert torch.allclose(noise[0], noise[1], atol=1e-5)
    assert float(noise.std() / scans.std()) == pytest.approx(NOISE_OF_SCANS, rel=0.2)
    (nothing,), _ = ran(MAPS, lambda batch: torch.zeros(2, 3, 6, 6, 6), scans, None, "ab", tmp_path)
    assert nothing.scores == pytest.approx([1, 1])


def test_of_independent_outputs_each_is_a_mask(tmp_path):
    head = OutputHead("segmentation", "sigmoid", 2, False)
    calls = []

    def answer(batch):
        calls.append(batch)
        masks = -torch.ones(2, 4, 4)
        masks[0, :2], masks[1, :, :1] = 1, 1
        if len(calls) == 2:
            masks[1] = -1
        return masks[None]

    (claim,), _ = ran(head, answer, pictures(1, (1, 4, 4)), None, "a", tmp_path)
    assert claim.scores == pytest.approx([0.5])


@pytest.mark.parametrize(("kind", "view"), [(Classifier, RIGHT.format(NOISED)), (Segmenter, AGREEMENT)])
def test_who_was_learned_by_heart_is_far_from_the_boundary(kind, view, tmp_path):
    for leaks, low, high in ((True, 0.9, 1.0), (False, 0.25, 0.75)):
        own = material(kind, leaks=leaks)
        access = seen_outputs(own.target, own.candidates)
        claim, *_ = LABEL_ONLY.run(access, None, LABEL_ONLY.settings(), Work(Seeds(0), tmp_path))
        members = np.array([own.roles[patient] == MEMBER for patient in claim.patients])
        assert claim.view == view
        assert low <= mann_whitney_auc(claim.scores[members], claim.scores[~members]).mean <= high
