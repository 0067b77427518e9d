"""How near a candidate comes: of whole images, and of their middles."""

import numpy as np
import torch
from tests.studies.lee2025.example import SIDE, group, model

from remnant.nets.classifiers import build_classifier
from remnant.studies.lee2025.similar import Yardstick, middle
from remnant.targets.inputs import InputRange


def test_the_middle_is_compared_without_its_border():
    """A candidate with a patient's middle and a border of its own, and one the other way round."""
    draw = np.random.default_rng(0)
    parts = {name: group(draw, 3, name) for name in ("members", "non_members")}
    own = parts["members"].images
    inside, outside = own.clone(), torch.rand(own.shape, generator=torch.Generator().manual_seed(0))
    edge = 4
    inside[..., :edge, :] = inside[..., -edge:, :] = 0
    outside[..., edge:-edge, edge:-edge] = 0
    outside = torch.where(outside == 0, outside, own)
    target = build_classifier("vit", image_size=SIDE, patch=8, blocks=1, width=16, heads=1, mlp=16).eval()
    yardstick = Yardstick(parts, target, InputRange(SIDE), model(draw), 0.5)
    near, far = (yardstick.compare(images) for images in (inside, outside))
    for space in ("ssim", "independent_features"):
        whole, crop = (np.diagonal(near[space, where, "members"]) for where in ("whole", "crop"))
        assert (crop > 0.99).all() and (whole < 0.99).all(), space
    assert (np.diagonal(far["ssim", "crop", "members"]) < 0.5).all()


def test_a_middle_of_half_is_half_of_each_side():
    image = torch.zeros(1, 1, 16, 16)
    image[..., 4:12, 4:12] = 1
    assert (middle(image, 0.5) == 1).all() and middle(image, 1.0).mean() == 0.25
