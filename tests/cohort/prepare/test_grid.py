import numpy as np
import SimpleITK as sitk

from remnant.cohort.prepare.grid import Grid, from_sitk, on_grid, resample_image, resample_labels, to_sitk

IDENTITY = sitk.Transform(3, sitk.sitkIdentity)


def test_the_middle_of_the_grid_is_the_origin_and_axes_survive_simpleitk():
    grid = Grid((4, 6, 8), 3.0)
    assert np.allclose(grid.affine @ [1.5, 2.5, 3.5, 1], [0, 0, 0, 1])
    array = np.random.default_rng(0).random(grid.shape).astype(np.float32)
    image = on_grid(array, grid)
    assert np.array_equal(from_sitk(image), array)
    assert np.allclose(image.TransformIndexToPhysicalPoint((1, 2, 3)), (grid.affine @ [1, 2, 3, 1])[:3])


def test_down_sampling_averages_over_the_voxel():
    fine, coarse = Grid((48, 48, 48), 1.0), Grid((16, 16, 16), 3.0)
    array = np.random.default_rng(0).random(fine.shape).astype(np.float32)
    expected = array.reshape(16, 3, 16, 3, 16, 3).mean(axis=(1, 3, 5))
    assert np.allclose(resample_image(on_grid(array, fine), coarse, IDENTITY), expected, atol=1e-5)


def test_a_label_is_the_class_that_fills_most_of_the_voxel():
    fine, coarse = Grid((48, 48, 48), 1.0), Grid((16, 16, 16), 3.0)
    labels = np.random.default_rng(0).integers(0, 4, fine.shape).astype(np.uint8)
    blocks = labels.reshape(16, 3, 16, 3, 16, 3)
    expected = np.argmax([(blocks == index).sum(axis=(1, 3, 5)) for index in range(4)], axis=0)
    assert np.array_equal(resample_labels(on_grid(labels, fine), coarse, IDENTITY, 4), expected)


def test_a_transform_takes_grid_points_to_image_points():
    grid = Grid((16, 16, 16), 2.0)
    array = np.zeros(grid.shape, np.float32)
    array[10, 8, 8] = 1
    shift = sitk.TranslationTransform(3, (4.0, 0.0, 0.0))
    moved = resample_image(on_grid(array, grid), grid, shift)
    assert np.unravel_index(moved.argmax(), moved.shape) == (8, 8, 8)


def test_anisotropic_voxels_keep_their_place():
    slices = np.zeros((16, 16, 8), np.float32)
    slices[:, :, 6] = 1
    image = to_sitk(slices, (2.0, 2.0, 4.0), (-15.0, -15.0, -14.0))
    column = resample_image(image, Grid((16, 16, 16), 2.0), IDENTITY)[8, 8]
    height = (column * np.arange(16)).sum() / column.sum() * 2 - 15
    assert abs(height - 10) < 0.05
