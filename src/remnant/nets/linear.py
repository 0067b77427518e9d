"""A linear inversion decoder: every voxel a weighted sum of all of the latent."""

import torch
from torch import Tensor, nn


class LinearDecoder(nn.Module):
    """The `mean` image plus `components` images, each as strong as a linear function of the whole latent says.

    Unlike a stack of deconvolutions it treats every place of the aligned head on its own. A closed form fills its buffers:
    the `centre` of latents and the `scale` of their channels, `weights` (latent, components), `mean`, and `basis`
    (components, voxels) in half precision.
    """

    def __init__(self, latent: tuple[int, int, int, int], shape: tuple[int, int, int], components: int) -> None:
        super().__init__()
        size, voxels = torch.Size(latent).numel(), torch.Size(shape).numel()
        self.register_buffer("centre", torch.zeros(1, *latent))
        self.register_buffer("scale", torch.ones(1, latent[0], 1, 1, 1))
        self.register_buffer("weights", torch.zeros(size, components))
        self.register_buffer("mean", torch.zeros(1, 1, *shape))
        self.register_buffer("basis", torch.zeros(components, voxels, dtype=torch.float16))

    def forward(self, latent: Tensor) -> Tensor:
        """(n, c, x', y', z') to (n, 1, x, y, z), unbounded."""
        strengths = ((latent - self.centre) / self.scale).flatten(1) @ self.weights
        return self.mean + (strengths @ self.basis.float()).reshape(-1, *self.mean.shape[1:])
