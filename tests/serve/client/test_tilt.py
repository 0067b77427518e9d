import nibabel as nib
import numpy as np
import pytest

from remnant.cohort.files.volume import read_volume
from remnant.serve.client.tilt import straight, straightened, tilt_degrees

# A gantry's tilt by 15 degrees: the way from a slice to the next has a part along the columns. RAS+, as of a series in LPS.
SHEARED = np.array(
    [[-2.0, 0, 0, 40], [0, -2.0, -3 * np.sin(0.2618), 45], [0, 0, 3 * np.cos(0.2618), -35], [0, 0, 0, 1]]
)
TURN = np.linalg.qr(np.array([[0.9, -0.3, 0.1], [0.2, 1.0, -0.2], [0.1, 0.2, 1.0]]))[0]


def places(shape, affine):
    """(*shape, 3) mm."""
    return np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]


def ball(shape, affine, middle):
    """A smooth ball around `middle` (3,) mm as a scanner with these slices would see it."""
    return (100 * np.exp(-(np.linalg.norm(places(shape, affine) - middle, axis=-1) ** 2) / 200)).astype(np.float32)


def turned(affine):
    """The same, oblique."""
    matrix = np.eye(4)
    matrix[:3, :3] = TURN
    return matrix @ affine


def test_tilt_is_the_angle_that_axes_are_off_square():
    assert tilt_degrees(SHEARED) == pytest.approx(15, abs=0.01) and tilt_degrees(turned(SHEARED)) == pytest.approx(
        15, abs=0.01
    )
    assert tilt_degrees(turned(np.diag([-2.0, 1, 3, 1]))) < 1e-5


@pytest.mark.parametrize(
    "affine", [SHEARED, turned(SHEARED), SHEARED[:, [2, 0, 1, 3]]], ids=["axial", "oblique", "slices first"]
)
def test_a_tilted_scan_is_what_square_axes_would_have_seen(affine):
    middle = affine[:3, :3] @ [22.0, 20.0, 9.0] + affine[:3, 3]
    image = ball((40, 44, 20), affine, middle)
    found, square = straightened(image, affine)
    assert tilt_degrees(square) < 1e-5 and np.linalg.det(square) * np.linalg.det(affine) > 0
    assert np.allclose(square[:3, 0], affine[:3, 0])
    # Linear interpolation lies below the top of a ball by little.
    assert np.abs(found - ball(found.shape, square, middle)).max() < 4
    # All of the scan is in it.
    corners = (
        np.linalg.inv(square) @ affine @ np.array([[x, y, z, 1] for x in (0, 39) for y in (0, 43) for z in (0, 19)]).T
    )
    assert corners[:3].min() > -1e-6 and (np.array(found.shape)[:, None] - corners[:3]).min() > 1 - 1e-6


def test_the_straight_copy_is_gone_afterwards_and_a_square_scan_needs_none(tmp_path):
    path = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image(ball((40, 44, 20), SHEARED, (0, 0, 0)), SHEARED), path)
    with straight(path, tmp_path) as found:
        array, affine = read_volume(found.path)
        # A voxel of the scan and where `back` says it is are one place.
        assert np.allclose(affine @ found.back @ [3, 30, 12, 1], SHEARED @ [3, 30, 12, 1], atol=1e-3)
        assert array.shape[1] > 44
    assert [file.name for file in tmp_path.iterdir()] == ["scan.nii.gz"]
    nib.save(nib.Nifti1Image(ball((40, 44, 20), SHEARED, (0, 0, 0)), turned(np.diag([-2.0, 2, 3, 1]))), path)
    with straight(path, tmp_path) as found:
        assert found is None
