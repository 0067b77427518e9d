"""Rigid registration of one coarse head to a template, the same call for every patient."""

import numpy as np
import SimpleITK as sitk

from remnant.cohort.grid import Grid, on_grid

# Three rotations (radians) and three translations (mm), about the middle of the grid.
Pose = tuple[float, float, float, float, float, float]


def as_transform(pose: Pose) -> sitk.Euler3DTransform:
    """The transform that takes points of the template to points of the head."""
    transform = sitk.Euler3DTransform()
    transform.SetParameters(pose)
    return transform


def register(fixed: np.ndarray, moving: np.ndarray, grid: Grid) -> Pose:
    """The pose of the head `moving` seen from the template `fixed`, both float32 (x, y, z) on `grid`.

    Maximises the correlation over every voxel of the template's head and a rim around it (no random sampling, so that the
    same images give the same pose), from coarse to fine.
    """
    target, head = on_grid(fixed, grid), on_grid(moving, grid)
    mask = sitk.BinaryDilate(target > 0.05, [3, 3, 3])
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricFixedMask(mask)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=1e-3, numberOfIterations=60, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-7
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2])
    method.SetSmoothingSigmasPerLevel([2.0 * grid.spacing, 1.0 * grid.spacing])
    method.SetInitialTransform(sitk.Euler3DTransform(), inPlace=False)
    found = method.Execute(target, head)
    return tuple(found.GetParameters()) if found.GetName() == "Euler3DTransform" else tuple(
        sitk.Euler3DTransform(found.GetNthTransform(0)).GetParameters()
    )
