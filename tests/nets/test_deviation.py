import torch

from remnant.base.seeds import Seeds
from remnant.nets.deviation import FAR, LEAST, Deviation


def codes(count=40):
    """Nearly the same volume for everybody, but for a voxel that varies by a thousandth."""
    pattern = torch.rand(1, 1, 4, 4, 4, generator=Seeds(0).torch())
    varied = pattern.repeat(count, 1, 1, 1, 1)
    varied[:, 0, 1, 2, 3] += 1e-3 * torch.randn(count, generator=Seeds(1).torch())
    return varied


def test_what_hardly_differs_is_as_large_as_any_other_and_the_code_stays_beside_it():
    own, deviation = codes(), Deviation(1, (4, 4, 4))
    deviation.learn(own.split(7))
    seen = deviation(own)
    assert torch.equal(seen[:, :1], own)
    varied = seen[:, 1, 1, 2, 3]
    assert torch.allclose(varied.mean(), torch.tensor(0.0), atol=1e-3) and 0.9 < varied.std() < 1.1
    assert seen[:, 1].abs().sum() - varied.abs().sum() < 0.1


def test_a_voxel_that_varies_less_than_its_share_counts_by_that_share():
    own, deviation = codes(), Deviation(1, (4, 4, 4))
    deviation.learn([own])
    whole = own.double().var(0, correction=0).mean().sqrt()
    assert torch.allclose(deviation.spread.min().double(), LEAST * whole, rtol=1e-3)


def test_codes_that_never_differ_stay_finite_and_nothing_is_changed_before_learning():
    own, deviation = torch.full((3, 2, 4, 4, 4), 0.7), Deviation(2, (4, 4, 4))
    assert torch.equal(deviation(own), torch.cat([own, own], 1))
    deviation.learn([own])
    assert torch.equal(deviation(own)[:, 2:], torch.zeros_like(own))


def test_what_lies_further_off_than_anybody_does_not_drown_the_rest():
    own, deviation = codes(), Deviation(1, (4, 4, 4))
    deviation.learn([own])
    seen = deviation(own + torch.rand(own.shape, generator=Seeds(2).torch()) - 0.5)[:, 1]
    assert torch.equal(seen.aminmax().min, torch.tensor(-FAR)) and torch.equal(seen.max(), torch.tensor(FAR))
