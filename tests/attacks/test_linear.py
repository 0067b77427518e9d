import pytest
import torch
from torch import nn

from remnant.attacks.decoder import reconstruct
from remnant.attacks.linear import LinearSettings, train_linear
from remnant.base.seeds import Seeds
from remnant.cohort.warp import WarpSettings
from remnant.targets.access import Latents, encode

STILL = WarpSettings(rotation=0, scaling=0, shift=0, elastic=0, gamma=0, gain=0)
SHAPE = (8, 12, 8)


def rand(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def encoder():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(1, 5, 4, stride=4), nn.ReLU()).eval().requires_grad_(False)


def trained(own, said=None, **changes):
    access = Latents(encoder(), encode(encoder(), own))
    settings = LinearSettings(**{"warp": STILL, "pairs": len(own), "components": len(own), "penalty": 1e-9, **changes})
    return train_linear(access, own, settings, Seeds(0), lambda *values: said.append(values) if said is not None else 0)


def test_without_a_penalty_it_knows_what_it_was_shown():
    own, said = rand(6, 1, *SHAPE), []
    drawn = reconstruct(trained(own, said), encode(encoder(), own))
    torch.testing.assert_close(drawn, own, atol=2e-3, rtol=0)
    assert len(said) == 1 and said[0][0] == 0 and said[0][1] < 1e-5


@pytest.mark.parametrize("penalty", [1e-3, 0.1, 3.0])
def test_it_is_the_ridge_regression_voxel_by_voxel(penalty):
    own, others, said = rand(9, 1, *SHAPE), rand(4, 1, *SHAPE, seed=1), []
    model = trained(own, said, penalty=penalty)
    latents, theirs = encode(encoder(), own), encode(encoder(), others)
    centre, scale = latents.mean(0), latents.std((0, 2, 3, 4))[:, None, None, None]
    x, y = (((z - centre) / scale).flatten(1).double() for z in (latents, theirs))
    targets = own.half().float().flatten(1).double()
    strength = penalty * x.square().sum(1).mean()
    weights = torch.linalg.solve(x.T @ x + strength * torch.eye(x.shape[1]), x.T @ (targets - targets.mean(0)))
    expected = (targets.mean(0) + y @ weights).reshape(4, 1, *SHAPE)
    torch.testing.assert_close(model(theirs).double(), expected, atol=3e-3, rtol=0)
    error = (targets.mean(0) + x @ weights - targets).square().mean()
    assert said[0][1] == pytest.approx(error.item(), rel=1e-2, abs=1e-6)


def test_components_bound_what_is_kept_and_the_best_are():
    own = rand(1, 1, *SHAPE) * rand(9, 1, 1, 1, 1, seed=2) + 0.01 * rand(9, 1, *SHAPE, seed=3)
    said = []
    model = trained(own, said, components=2)
    assert model.basis.shape == (2, 8 * 12 * 8) and model.weights.shape[1] == 2
    drawn = reconstruct(model, encode(encoder(), own))
    # One component holds nearly all.
    assert (drawn - own).square().mean() < 0.02 * own.var(0).mean()
    # What the components leave out counts as error.
    assert said[0][1] == pytest.approx((drawn - own).square().mean().item(), rel=0.1)


def test_scans_are_warped_anew_and_everybody_as_often():
    own = rand(2, 1, *SHAPE)
    warped = trained(own, pairs=6, components=6, warp=WarpSettings())
    assert len(warped.basis) == 5
    assert len(trained(own, pairs=6, components=6).basis) == 1
