"""From the channels of one latent space to those of another without any pair: no image is ever seen through both encoders.

Two encoders of one architecture, trained apart, number and mix their channels differently. Both see heads in one common
space, though, so that a place means the same to both: the mean over many patients of the latent at a place is, as far as
patients are alike, the mean of the same thing. Places are the pairs.
"""

from typing import Literal

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

Alignment = Literal["none", "permutation", "ridge"]

# Penalties that ridge regression tries, as shares of the mean eigenvalue.
PENALTIES = torch.logspace(-5, 2, 29, dtype=torch.float64)


def align(latents: Tensor, onto: Tensor, how: Alignment) -> nn.Conv3d:
    """The 1x1x1 convolution that takes `latents` (m, c, x, y, z) into the space of `onto` (n, d, x, y, z), frozen.

    Of other patients each. `none` leaves the channels as they are, and so needs c = d, as does `permutation`: the
    channels whose maps of means and of standard deviations over patients correlate best, one to one (Kuhn 1955), scaled
    to the mean and spread of the channel they stand for. `ridge`: the linear map that best turns the mean latent of a
    place into the other's mean latent there, with the penalty that predicts left-out places best (Allen 1974, PRESS).
    """
    c, d = latents.shape[1], onto.shape[1]
    if how == "none":
        matrix, offset = torch.eye(d, c), torch.zeros(d)
    else:
        matrix, offset = (_permutation if how == "permutation" else _ridge)(latents.double(), onto.double())
    convolution = nn.Conv3d(c, d, 1)
    with torch.no_grad():
        convolution.weight.copy_(matrix.reshape(d, c, 1, 1, 1))
        convolution.bias.copy_(offset)
    return convolution.eval().requires_grad_(False)


def _permutation(latents: Tensor, onto: Tensor) -> tuple[Tensor, Tensor]:
    signatures = [torch.cat([_unit(maps.mean(0)), _unit(maps.std(0))], 1) for maps in (onto, latents)]
    likeness = signatures[0] @ signatures[1].T
    rows, columns = linear_sum_assignment(likeness.numpy(), maximize=True)
    spread, wanted = (maps.transpose(0, 1).flatten(1).std(1) for maps in (latents, onto))
    matrix = torch.zeros(onto.shape[1], latents.shape[1], dtype=torch.float64)
    # A dead channel says nothing: what it stands for stays at its mean.
    alive = spread[columns] > 1e-6
    matrix[rows, columns] = torch.where(alive, wanted[rows] / spread[columns].clamp(min=1e-6), 0.0)
    return matrix, _channel_means(onto) - matrix @ _channel_means(latents)


def _ridge(latents: Tensor, onto: Tensor) -> tuple[Tensor, Tensor]:
    x, y = (maps.mean(0).flatten(1).T for maps in (latents, onto))
    x_mean, y_mean = x.mean(0), y.mean(0)
    # Channels weigh alike, whatever their scale.
    scale = x.std(0).clamp(min=1e-6)
    x, y = (x - x_mean) / scale, y - y_mean
    values, vectors = torch.linalg.eigh(x @ x.T)
    values, rotated = values.clamp(min=0), vectors.T @ y
    best, least = None, torch.inf
    for penalty in PENALTIES * values.mean():
        shrink = values / (values + penalty)
        left_out = 1 - 1 / len(x) - (vectors**2 @ shrink)
        error = ((y - vectors @ (shrink[:, None] * rotated)) / left_out[:, None].clamp(min=1e-6)).square().mean()
        if error < least:
            best, least = penalty, error
    matrix = (x.T @ vectors @ (rotated / (values + best)[:, None])).T / scale
    return matrix, y_mean - matrix @ x_mean


def _unit(maps: Tensor) -> Tensor:
    """Each channel's map (c, x, y, z) as a vector of mean 0 and length 1, (c, places)."""
    centred = maps.flatten(1) - maps.flatten(1).mean(1, keepdim=True)
    return centred / centred.norm(dim=1, keepdim=True).clamp(min=1e-12)


def _channel_means(maps: Tensor) -> Tensor:
    return maps.transpose(0, 1).flatten(1).mean(1)
