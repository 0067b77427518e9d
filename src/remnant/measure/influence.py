"""How much an image bends the model's weights: its own influence on its loss."""

import numpy as np

from remnant.base.errors import RemnantError

DAMPING = 0.1  # of the mean eigenvalue of the Fisher information over as many directions as gradients span


def self_influence(gradients: np.ndarray, damping: float = DAMPING) -> np.ndarray:
    """g^T (F + d I)^-1 g of each row g of `gradients` (n, weights), (n,), between 0 and n; high for whom the model does not fit.

    It is how much an image's loss would fall were it weighed more in training (Koh and Liang 2017, arXiv 1703.04730, equation 2,
    of the image itself), by which Cohen and Giryes 2022 (arXiv 2205.13680) tell members. For the Hessian stands the Fisher
    information F, the mean of g g^T over the n images, which needs no second derivative and has no negative direction; d is
    `damping` times its mean eigenvalue, so that the loss may be of any scale. Raises `RemnantError` for other shapes and values
    that are not finite.
    """
    rows = np.asarray(gradients, dtype=float)
    if rows.ndim != 2 or not len(rows) or not np.isfinite(rows).all() or damping <= 0:
        raise RemnantError(
            "Influence needs a row of finite values an image and a damping above 0. "
            f"Got shape {rows.shape} and {damping:g} instead."
        )
    n, weights = rows.shape
    scale = float((rows**2).sum()) / (n * min(n, weights))
    if not scale:
        return np.zeros(n)
    if weights <= n:
        fisher = rows.T @ rows / n + damping * scale * np.eye(weights)
        return np.einsum("nw,nw->n", rows, np.linalg.solve(fisher, rows.T).T)
    # By the products of images, which are fewer than the weights (Woodbury): n times the leverage in a ridge regression.
    products = rows @ rows.T
    return n * np.diag(np.linalg.solve(products + n * damping * scale * np.eye(n), products))
