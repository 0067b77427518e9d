"""What sets a code apart from the codes of others, beside the code itself: the input of whoever attacks codes."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

# Where everybody's codes are alike, rounding is all that differs: no voxel's spread counts for less than this share of the whole.
LEAST = 0.2
# Codes that never differ stay finite.
TINY = 1e-6
# Spreads: a scan that was warped for training lies further off than anybody's own, and would drown the rest.
FAR = 4.0


class Deviation(nn.Module):
    """Codes (n, c, x, y, z) to (n, 2c, x, y, z): the codes, then voxel by voxel how many spreads they lie off the `centre`.

    An encoder that hides much sends nearly the same volume for everybody; what differs may be a thousandth of its range, which
    a network takes for noise unless the rest is taken away. More than `FAR` spreads count as that many. `centre` and `spread`
    are buffers of shape (1, c, x, y, z), of the attacker's own codes; before `learn` 0 and 1.
    """

    def __init__(self, channels: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(1, channels, *shape))
        self.register_buffer("spread", torch.ones(1, channels, *shape))

    @torch.no_grad()
    def learn(self, batches: Iterable[Tensor]) -> None:
        """Take mean and standard deviation of each voxel from batches (n, c, x, y, z) of codes, which need not fit in memory."""
        total, squares, count = 0.0, 0.0, 0
        for codes in batches:
            # In double precision: the differences are small beside the values.
            exact = codes.double()
            total, squares = total + exact.sum(0, keepdim=True), squares + exact.square().sum(0, keepdim=True)
            count += len(codes)
        centre = total / count
        variance = (squares / count - centre.square()).clamp_min(0)
        whole = variance.mean((2, 3, 4), keepdim=True)
        self.centre.copy_(centre)
        self.spread.copy_(torch.maximum(variance, LEAST**2 * whole).sqrt().clamp_min(TINY))

    def forward(self, codes: Tensor) -> Tensor:
        return torch.cat([codes, ((codes - self.centre) / self.spread).clamp(-FAR, FAR)], dim=1)
