"""LiRA: is the model's fit of an image likelier under models that trained on it, or under those that did not?"""

import math

import numpy as np
from scipy import special

from remnant.measure.sides import LEAST, Side, counted, side_of

MANY = 32  # shadow models, from which on each image has variances of its own; of fewer one for all is better
RIDGE = 1e-6  # of the mean variance of queries, added to each: shifts of one image are nearly one query


def lira(fit: np.ndarray, fits: np.ndarray, trained: np.ndarray, *, pooled: bool | None = None) -> np.ndarray:
    """log N(fit; in) - log N(fit; out), (n,), higher for more member-like (Carlini et al. 2022, equation 4, online).

    `fit` (n,) is the model's signal of each image and `fits` (n, k) that of k shadow models, nearly normal and higher for a
    better fit; `trained` (n, k): which of these trained on the image. Of several ways to deal the images to the models,
    (..., n, k), come (..., n). `pooled`: one variance a side for all images; by default of fewer than `MANY` models. Raises
    `RemnantError` for an image that is on one side of all.
    """
    few = _few(fits) if pooled is None else pooled
    inside, outside = (_log_normal(fit, side, pooled=few) for side in (side_of(fits, trained), side_of(fits, ~trained)))
    return inside - outside


def lira_offline(fit: np.ndarray, fits: np.ndarray, left_out: np.ndarray, *, pooled: bool | None = None) -> np.ndarray:
    """-log P(a model without the image fits it better), (n,), by models that did not train on it (Carlini et al. 2022, offline).

    `left_out` (n, k): the models that do not count. Other arguments and errors as of `lira`. With one variance for all images and
    as many models each, the order is that of the difference from their mean.
    """
    side = side_of(fits, ~left_out)
    deviation = np.sqrt(side.variance(pooled=_few(fits) if pooled is None else pooled))
    return -special.log_ndtr((side.mean - fit) / deviation)


def lira_queries(fit: np.ndarray, fits: np.ndarray, trained: np.ndarray, *, pooled: bool | None = None) -> np.ndarray:
    """As `lira` of several queries a model, `fit` (n, q) and `fits` (n, k, q), by multivariate normals (Carlini et al. 2022).

    `pooled`: one covariance a side for all images; by default of fewer than `MANY` models, or where there are not more than four
    models a side and query, of which no image's own is known.
    """
    queries, least = fits.shape[2], min(int(trained.sum(-1).min()), int((~trained).sum(-1).min()))
    few = (_few(fits) or least <= 4 * queries) if pooled is None else pooled
    inside, outside = (_log_multivariate(fit, fits, side, pooled=few) for side in (trained, ~trained))
    return inside - outside


def _few(fits: np.ndarray) -> bool:
    return fits.shape[1] < MANY


def _log_normal(fit: np.ndarray, side: Side, *, pooled: bool) -> np.ndarray:
    variance = side.variance(pooled=pooled)
    return -0.5 * ((fit - side.mean) ** 2 / variance + np.log(2 * math.pi * variance))


def _log_multivariate(fit: np.ndarray, fits: np.ndarray, chosen: np.ndarray, *, pooled: bool) -> np.ndarray:
    count, queries = counted(chosen), fits.shape[2]
    mean = np.einsum("...nk,nkq->...nq", chosen, fits) / count[..., None]
    about = (fits - mean[..., None, :]) * chosen[..., None]
    if pooled:
        covariance = _pooled(about, mean, count)[..., None, :, :]
    else:
        covariance = np.einsum("...nkp,...nkq->...npq", about, about) / count[..., None, None]
    mean_variance = np.trace(covariance, axis1=-2, axis2=-1)[..., None, None] / queries
    covariance = covariance + np.maximum(RIDGE * mean_variance, LEAST) * np.eye(queries)
    root = np.linalg.cholesky(covariance)
    apart = fit - mean
    left = np.linalg.solve(root, apart.swapaxes(-1, -2)[..., None, :, :] if pooled else apart[..., None])
    distance = (left**2).sum(-2).reshape(count.shape)
    size = 2 * np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(-1)
    return -0.5 * (distance + size + queries * math.log(2 * math.pi))


def _pooled(about: np.ndarray, mean: np.ndarray, count: np.ndarray) -> np.ndarray:
    """One covariance (..., q, q) for all images; of single models, which have none, that between images."""
    degrees = np.maximum(count - 1, 0).sum(-1)[..., None, None]
    flat, between = about.reshape(*about.shape[:-3], -1, about.shape[-1]), mean - mean.mean(-2, keepdims=True)
    within = flat.swapaxes(-1, -2) @ flat / np.maximum(degrees, 1)
    return np.where(degrees > 0, within, between.swapaxes(-1, -2) @ between / mean.shape[-2])
