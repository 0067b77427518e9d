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
        target = template[index]
        for _ in range(MOST_STEPS):
            voxels = (points @ rotation.T + shift - grid.affine[:3, 3]) / grid.spacing
            seen = ndimage.map_coordinates(head, voxels.T, order=1, prefilter=False)
            turn, step = _increment(points, slope, target, seen)
            rotation = rotation @ turn.T
            shift = shift - rotation @ step
            # Both as the distance that the head's surface moves, in voxels.
            moved = HEAD_RADIUS_MM * np.abs(turn - np.eye(3)).max() + np.abs(step).max()
            if moved < ENOUGH * grid.spacing:
                break
    return (*Rotation.from_matrix(rotation).as_rotvec().tolist(), *shift.tolist())


def _increment(
    points: np.ndarray, slope: np.ndarray, target: np.ndarray, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The small rotation (3, 3) and shift (3,) of the template after which it looks most like `seen`.

    Least squares of target + jacobian @ motion = gain * seen + offset.
    """
    columns = [np.cross(points, slope), slope, -seen[:, None], -np.ones((len(seen), 1))]
    system = np.concatenate(columns, axis=1)
    # Normal equations, each column to its own scale: far faster than a decomposition of the tall system.
    scale = np.linalg.norm(system, axis=0) + 1e-12
    system = system / scale
    solution = np.linalg.lstsq(system.T @ system, -system.T @ target, rcond=1e-10)[0] / scale
    return Rotation.from_rotvec(solution[:3]).as_matrix(), solution[3:6]
