"""Stored statistics of BatchNorm: folded, forgotten, computed anew."""

import pytest
import torch
from torch import nn

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.defenses.batch_norm import with_each
from remnant.defenses.folded_statistics import FOLDED_STATISTICS
from remnant.defenses.public_statistics import PUBLIC_STATISTICS
from remnant.defenses.unstored_statistics import UNSTORED_STATISTICS


def trained(norm=nn.BatchNorm2d, convolution=nn.Conv2d, axes=2, **how):
    """A network whose statistics are those of some batches, in evaluation mode."""
    torch.manual_seed(0)
    network = nn.Sequential(
        convolution(2, 4, 3), norm(4, **how), nn.ReLU(), nn.Sequential(convolution(4, 3, 1), norm(3))
    )
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    for _ in range(5):
        network(3 + torch.rand(4, 2, *[6] * axes))
    return network.eval()


WAYS = [
    {},
    {"affine": False},
    {"eps": 0.3},
    {"norm": nn.BatchNorm3d, "convolution": nn.Conv3d, "axes": 3},
]


@pytest.mark.parametrize("way", WAYS)
def test_a_folded_network_answers_the_same_and_holds_no_statistic(way):
    network, images = trained(**way), torch.rand(5, 2, *[6] * way.get("axes", 2))
    folded = FOLDED_STATISTICS.defend(network, seeds=Seeds(0))
    torch.testing.assert_close(folded(images), network(images), rtol=1e-4, atol=1e-5)
    assert not [name for name in folded.state_dict() if "running" in name or "tracked" in name]
    assert FOLDED_STATISTICS.applies(folded) == "the network stores no statistics of BatchNorm"


def test_other_statistics_and_weights_fold_to_the_same():
    """Whoever has scale and shift cannot tell which mean there was: another with another bias makes the same."""
    one, other = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    one.running_mean += 2
    other.bias.data -= 2 * (1 + other.eps) ** -0.5
    one, other = (with_each(each, FOLDED_STATISTICS.change.__globals__["_folded"]) for each in (one, other))
    torch.testing.assert_close(one.state_dict(), other.state_dict())


def test_a_forgetful_network_normalises_by_its_batch():
    network, images = trained(), torch.rand(5, 2, 6, 6)
    forgetful = UNSTORED_STATISTICS.defend(network, seeds=Seeds(0))
    assert not [name for name in forgetful.state_dict() if "running" in name]
    training = trained().train()
    torch.testing.assert_close(forgetful(images), training(images))
    # As PyTorch loads it: by a state without statistics.
    assert torch.equal(forgetful(images), forgetful(images)) and not forgetful.training


def test_statistics_are_those_of_public_images_alone():
    batches = [7 + torch.rand(4, 2, 6, 6) for _ in range(3)]
    ours, theirs = trained(), trained()
    theirs[1].running_mean.zero_()
    theirs[1].running_var.fill_(9)
    one, other = (PUBLIC_STATISTICS.defend(each, seeds=Seeds(0), public=batches) for each in (ours, theirs))
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    entering = torch.cat(batches)
    expected = one[0](entering).mean((0, 2, 3))
    torch.testing.assert_close(one[1].running_mean, expected)
    with pytest.raises(RemnantError, match=r"computed anew on public images; hand some over\.$"):
        PUBLIC_STATISTICS.defend(ours, seeds=Seeds(0))


def test_a_layer_of_two_places_is_changed_at_both():
    norm = nn.BatchNorm2d(2)
    shared = nn.ModuleDict({"one": norm, "other": norm, "below": nn.Sequential(norm)}).eval()
    folded = with_each(shared, lambda each: nn.Identity())
    assert folded["one"] is folded["other"] is folded["below"][0] and isinstance(folded["one"], nn.Identity)
    assert isinstance(shared["one"], nn.BatchNorm2d)
    assert isinstance(with_each(norm, lambda each: nn.Identity()), nn.Identity)
