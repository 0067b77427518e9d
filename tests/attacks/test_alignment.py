import pytest
import torch

from remnant.attacks.alignment import align

CHANNELS, PLACES = 6, (5, 6, 5)


def people(count, seed):
    """Latents that share a mean map and a map of spreads, as those of aligned heads do."""
    shared = torch.Generator().manual_seed(1)
    mean = torch.rand(CHANNELS, *PLACES, generator=shared) * 4
    spread = torch.rand(CHANNELS, *PLACES, generator=shared)
    return mean + spread * torch.randn(count, CHANNELS, *PLACES, generator=torch.Generator().manual_seed(seed))


def residual(found, wanted):
    """Error of each latent as a share of what tells it from the mean latent."""
    return ((found - wanted).square().mean() / (wanted - wanted.mean(0)).square().mean()).item()


def test_permuted_and_rescaled_channels_are_found_again():
    stolen, order = people(40, 2), torch.tensor([3, 0, 5, 1, 4, 2])
    scale = torch.tensor([0.1, 5.0, 1.0, 2.0, 30.0, 0.5]).reshape(-1, 1, 1, 1)
    theirs = (stolen * scale + 7)[:, order]
    aligned = align(theirs, people(40, 3), "permutation")
    assert residual(aligned(theirs), stolen) < 0.02
    assert aligned.weight.count_nonzero() == CHANNELS
    # The order alone, without the matching, is no alignment.
    assert residual(align(theirs, people(40, 3), "none")(theirs), stolen) > 1


def test_mixed_channels_are_unmixed_by_ridge_and_not_by_a_permutation():
    stolen = people(200, 2)
    mixing = torch.randn(CHANNELS, CHANNELS, generator=torch.Generator().manual_seed(4))
    theirs = torch.einsum("dc,ncxyz->ndxyz", mixing, stolen) - 3
    assert residual(align(theirs, people(200, 3), "ridge")(theirs), stolen) < 0.1
    assert residual(align(theirs, people(200, 3), "permutation")(theirs), stolen) > 0.5


@pytest.mark.parametrize("how", ["permutation", "ridge"])
def test_the_mean_is_taken_to_the_mean_even_where_nothing_else_is_common(how):
    theirs = torch.randn(50, CHANNELS, *PLACES, generator=torch.Generator().manual_seed(5)) + 9
    onto = people(50, 3)
    found = align(theirs, onto, how)(theirs)
    torch.testing.assert_close(found.mean((0, 2, 3, 4)), onto.mean((0, 2, 3, 4)), atol=1e-3, rtol=0)


@pytest.mark.parametrize("how", ["permutation", "ridge"])
def test_a_dead_channel_does_no_harm(how):
    theirs = people(20, 2)
    theirs[:, 2] = 0
    aligned = align(theirs, people(20, 3), how)
    assert torch.isfinite(aligned.weight).all() and torch.isfinite(aligned(theirs)).all()


def test_spaces_of_different_widths_are_joined_by_ridge():
    theirs = people(20, 2)[:, :4]
    assert align(theirs, people(20, 3), "ridge")(theirs).shape == (20, CHANNELS, *PLACES)
