"""Rigid registration of one coarse head to a template, the same call for every patient.

Gauss-Newton in place of SimpleITK's gradient descent: on drawn heads the latter stopped about 0.04 radians
short on the side that the head came from, so that heads of one shape could be told apart by their pose
afterwards.
"""

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

from remnant.cohort.prepare.grid import Grid

# A rotation vector (radians) and a translation (mm), about the middle of the grid.
Pose = tuple[float, float, float, float, float, float]
CENTRED: Pose = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

# Smoothing in voxels, and every how many voxels the template is sampled: coarse to fine.
LEVELS = ((3.0, 2), (1.0, 1))
MOST_STEPS = 60
ENOUGH = 2e-5
HEAD_RADIUS_MM = 80.0


def as_transform(pose: Pose) -> sitk.AffineTransform:
    """The transform that takes points of the template to points of the head."""
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(Rotation.from_rotvec(pose[:3]).as_matrix().ravel().tolist())
    transform.SetTranslation([float(shift) for shift in pose[3:]])
    return transform


def register(fixed: np.ndarray, moving: np.ndarray, grid: Grid) -> Pose:
    """The pose of the head `moving` seen from the template `fixed`, both float32 (x, y, z) on `grid`.

    Maximises the correlation over the template's head and a rim around it, by the inverse compositional
    algorithm with gain and offset (Baker and Matthews 2004, doi:10.1023/B:VISI.0000011205.11775.fd). Nothing
    is random.
    """
    rotation, shift = np.eye(3), np.zeros(3)
    for sigma, stride in LEVELS:
        template = ndimage.gaussian_filter(fixed, sigma)
        head = ndimage.gaussian_filter(moving, sigma)
        near = ndimage.binary_dilation(template > 0.05 * template.max(), iterations=2)
        every = np.zeros_like(near)
        every[::stride, ::stride, ::stride] = True
        index = np.nonzero(near & every)
        slope = np.stack([part[index] for part in np.gradient(template, grid.spacing)], axis=1)
        points = np.stack(index, axis=1) * grid.spacing + grid.affine[:3, 3]
        increment = _Increment(points, slope, template[index])
        for _ in range(MOST_STEPS):
            voxels = (points @ rotation.T + shift - grid.affine[:3, 3]) / grid.spacing
            seen = ndimage.map_coordinates(head, voxels.T, order=1, prefilter=False)
            turn, step = increment.towards(seen)
            rotation = rotation @ turn.T
            shift = shift - rotation @ step
            # Both as the distance that the head's surface moves, in voxels.
            moved = HEAD_RADIUS_MM * np.abs(turn - np.eye(3)).max() + np.abs(step).max()
            if moved < ENOUGH * grid.spacing:
                break
    return (*Rotation.from_matrix(rotation).as_rotvec().tolist(), *shift.tolist())


class _Increment:
    """The small motion of a template, known at `points` (n, 3) by its `slope` (n, 3) and values `target` (n,), that fits a head.

    Least squares of target + jacobian @ motion = gain * seen + offset, whose larger part is the same for all steps.
    """

    def __init__(self, points: np.ndarray, slope: np.ndarray, target: np.ndarray) -> None:
        # Columns of the motion and of the offset; the gain's, which is what is seen, comes last.
        self._columns = np.concatenate([np.cross(points, slope), slope, -np.ones((len(target), 1))], axis=1)
        self._square = self._columns.T @ self._columns
        self._target, self._towards = target, self._columns.T @ target

    def towards(self, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rotation (3, 3) and shift (3,) after which the template looks most like `seen` (n,)."""
        cross = -seen @ self._columns
        normal = np.block([[self._square, cross[:, None]], [cross[None], np.array([[seen @ seen]])]])
        right = -np.append(self._towards, -seen @ self._target)
        # Normal equations, each column to its own scale: far faster than a decomposition of the tall system.
        scale = np.sqrt(normal.diagonal()) + 1e-12
        solution = np.linalg.lstsq(normal / np.outer(scale, scale), right / scale, rcond=1e-10)[0] / scale
        return Rotation.from_rotvec(solution[:3]).as_matrix(), solution[3:6]
