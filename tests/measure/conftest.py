import numpy as np
import pytest
from scipy.ndimage import gaussian_filter


@pytest.fixture(scope="session")
def images():
    """`images(n, *shape, seed)`: smooth blobs with a black edge and a bright plateau, where float32 cancels worst."""

    def draw(n, *shape, seed=0):
        random = np.random.default_rng(seed)
        stack = np.stack([gaussian_filter(random.random(shape), 2) for _ in range(n)])
        stack = (stack - stack.min()) / np.ptp(stack)
        stack[:, :4] = 0
        stack[:, :, -8:] = 0.97
        return stack.astype(np.float32)

    return draw
