"""The paper's registration: ANTs, affine by mutual information, then SyN by local cross-correlation.

Subbanna 2021 names ANTs and the two metrics; radius 4 and 40 x 20 x 10 iterations are ANTs' usual ones, which the paper
leaves open. Everything else is antspyx' default.
"""

import os
import tempfile
from types import ModuleType

import numpy as np

from remnant.base.errors import RemnantError

RADIUS = 4  # voxels
ITERATIONS = (40, 20, 10)  # at a quarter, half and the whole of the resolution
SEED = 1


def field(fixed: np.ndarray, moving: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """The non-linear displacement float32 (3, x, y, z) in mm at each voxel of `fixed`, onto which `moving` is drawn.

    Images are (x, y, z) on one grid of `spacing` mm. The affine part is not in it. The same images give the same field:
    ANTs' sampling has a fixed seed and its sums one thread. Raises `RemnantError` where antspyx is missing.
    """
    ants = _ants()

    def image(array: np.ndarray) -> object:
        return ants.from_numpy(np.ascontiguousarray(array, dtype=np.float32), spacing=spacing)

    # A warp shows a patient's anatomy: the files through which ANTs hands it over leave no trace.
    with tempfile.TemporaryDirectory() as folder:
        found = ants.registration(
            image(fixed),
            image(moving),
            type_of_transform="SyN",
            syn_metric="CC",
            syn_sampling=RADIUS,
            reg_iterations=ITERATIONS,
            random_seed=SEED,
            outprefix=f"{folder}/",
        )
        warp = ants.image_read(found["fwdtransforms"][0]).numpy()
    return np.ascontiguousarray(np.moveaxis(warp, -1, 0), dtype=np.float32)


def _ants() -> ModuleType:
    # ITK asks for it once, when it first starts threads: with several, sums change from run to run.
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    try:
        import ants
    except ImportError:
        raise RemnantError(
            "The backend 'ants' needs antspyx, which is not installed; pip install 'remnant[register]', "
            "or take the backend 'fast'."
        ) from None
    if hasattr(ants, "config"):  # from 0.6 on, where random_seed alone does nothing
        ants.config.set_ants_deterministic(True, seed_value=SEED)
    return ants
