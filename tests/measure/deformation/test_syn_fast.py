import pytest
import torch

from remnant.measure.deformation.syn_fast import differences


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("side", [2, 3, 7])
def test_differences_are_those_of_pytorch_to_the_last_bit(axis, side):
    values = torch.rand(2, side, side + 1, side + 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(differences(values, axis), torch.gradient(values, dim=(axis,))[0])
