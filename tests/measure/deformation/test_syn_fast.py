import pytest
import torch

from remnant.measure.deformation import syn_fast
from remnant.measure.deformation.syn_fast import differences


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("side", [2, 3, 7])
def test_differences_are_those_of_pytorch_to_the_last_bit(axis, side):
    values = torch.rand(2, side, side + 1, side + 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(differences(values, axis), torch.gradient(values, dim=(axis,))[0])


def test_few_voxels_lead_to_no_map_that_no_head_could_have():
    draw = torch.Generator().manual_seed(0)
    images = torch.rand(6, 16, 16, 16, generator=draw)
    fixed, moving = (syn_fast.pyramid(part) for part in images.chunk(2))
    affine, field = syn_fast._registered(fixed, moving, (3.0,) * 3)
    lengths = torch.linalg.svdvals(affine[:, :, :3])
    assert lengths.min() >= 0.5 and lengths.max() <= 2 and (torch.linalg.det(affine[:, :, :3]) > 0).all()
    assert field.isfinite().all() and field.abs().max() < 16


def test_a_map_that_is_no_number_mirrors_or_leaves_the_image_is_not_plausible():
    good = torch.eye(3, 4)
    bad = torch.stack([good] * 5)
    bad[0, 0, 0], bad[1, 0, 0], bad[2, 1, 1], bad[3, 0, 3], bad[4, 2, 2] = float("nan"), -1, 2.1, 9, 0.4
    middle = torch.full((3,), 8.0)
    assert syn_fast._plausible(good[None], middle).all() and not syn_fast._plausible(bad, middle).any()
