import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from remnant.attacks.prior import PriorSettings


@pytest.fixture(scope="session")
def blobs():
    """40 bright discs of different size and place on grey, float32 (40, 1, 16, 16) in [0, 1]."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:16, :16] / 15 - 0.5
    centres, radii = rng.uniform(-0.1, 0.1, (40, 2)), rng.uniform(0.2, 0.35, 40)
    discs = [np.hypot(x - cx, y - cy) < radius for (cx, cy), radius in zip(centres, radii, strict=True)]
    return np.stack([0.3 + 0.6 * gaussian_filter(disc.astype(np.float32), 1) for disc in discs])[:, None].astype("f4")


@pytest.fixture
def tiny():
    """Settings of a prior of 16 pixels: 4 + 6 + 8 steps."""
    return PriorSettings(side=16, latent=8, channels=(8, 8, 8), images=(32, 48, 64), gan={"batch": 8})
