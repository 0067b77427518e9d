import numpy as np
import pytest
import torch

from remnant.attacks.likelihood import VoxelLikelihood
from remnant.attacks.shapes import ShapeLikelihood, grey_images, shape_fields
from remnant.base.seeds import Seeds
from remnant.cohort.pairs import draw_pairs
from remnant.defenses.privacynet.secret import Bend, SecretSettings, draw_secret
from remnant.defenses.privacynet.warping import warp_scan
from remnant.measure.auc import mann_whitney_auc

STILL = {"rotation_degrees": 0, "scaling": 0, "shift_mm": 0, "mirror": False, "gain": 0}
PERSON = SecretSettings(**STILL, bends=[Bend(size_mm=7, length_mm=45)], gamma=0)
SECRET = SecretSettings(**STILL, bends=[Bend(size_mm=6, length_mm=45)], gamma=0.3)
SPACING = 6.0


def bent(image, settings, *seeds):
    return warp_scan(image, draw_secret(image.shape[1:], SPACING, settings, Seeds(0).child(*seeds).numpy()))


def sent(brain, first, people, looks):
    """Codes of people who differ in shape alone, each bent by a secret of its own."""
    names = [f"p{person}" for person in range(first, first + people) for _ in range(looks)]
    codes = [
        bent(bent(brain, PERSON, "person", person), SECRET, "look", person, look)
        for person in range(first, first + people)
        for look in range(looks)
    ]
    return torch.stack(codes), names


@pytest.fixture(scope="module")
def brain(tiny_brains):
    return tiny_brains[0][0]


@pytest.mark.slow
def test_a_person_s_shape_is_told_from_what_a_secret_adds(brain):
    (own, names), (others, whose) = sent(brain, 0, 16, 4), sent(brain, 100, 12, 2)
    pairs = draw_pairs(whose, seeds=Seeds(1))
    same = np.array([pair.same for pair in pairs])

    def area(scores):
        return mann_whitney_auc(scores[same], scores[~same]).mean

    fields = [shape_fields(codes[:, 0], own.mean((0, 1)), SPACING) for codes in (own, others)]
    scores, embeddings = ShapeLikelihood(fields[0], names).scores(fields[1], pairs)
    assert scores.shape == (len(pairs),) and embeddings.shape == (24, 24)
    assert area(scores) > max(0.85, area(VoxelLikelihood(own, names).scores(others, pairs)[0]) + 0.04)


def test_a_mirrored_head_has_the_same_fields(brain):
    images = torch.stack([bent(brain, PERSON, i)[0] for i in range(2)])
    fields = shape_fields(images, brain[0], SPACING)
    assert fields.shape == (2, 3, 8, 8, 8)
    turned = shape_fields(images.flip(1), brain[0], SPACING)

    def like(one, other):
        # Around the head nothing holds the field.
        inside = (slice(None), *(slice(1, -1),) * 3)
        return torch.corrcoef(torch.stack([one[inside].flatten(), other[inside].flatten()]))[0, 1]

    assert all(like(*both) > 0.9 for both in zip(fields, turned, strict=True)) and like(*fields) < 0.5


def test_label_maps_become_as_grey_as_scans_are():
    maps = torch.zeros(5, 3, 4, 4, 4)
    classes = torch.randint(3, (5, 4, 4, 4), generator=Seeds(0).torch())
    maps.scatter_(1, classes[:, None], 1.0)
    greys = torch.tensor([0.0, 0.7, 0.3])
    own = greys[classes][:, None]
    torch.testing.assert_close(grey_images(maps[:2], maps, own), own[:2, 0], atol=1e-5, rtol=0)
    assert torch.equal(grey_images(own, own, own), own[:, 0])
