import numpy as np
import pytest
import torch
from scipy import ndimage

from remnant.base.errors import RemnantError
from remnant.cohort.phantoms import BrainPhantoms
from remnant.measure.deformation import deformation_matrix, displacement_field, displacement_matrix

SIDE, SPACING = 48, 4.0


@pytest.fixture(scope="module")
def patients():
    """float32 (2, 3, 48, 48, 48) in [0, 1], background 0: two sessions of three people, at 4 mm."""
    phantoms = BrainPhantoms(patients=3, sessions=2, side=SIDE)
    scans = [[phantoms.scan(patient, session).image for patient in range(3)] for session in range(2)]
    return np.stack([[image / image.max() for image in session] for session in scans]).astype(np.float32)


@pytest.fixture(scope="module")
def texture():
    """float32 (40, 44, 36) in [0, 1] with something to match everywhere."""
    noise = np.random.default_rng(0).standard_normal((40, 44, 36))
    smooth = ndimage.gaussian_filter(noise, 2.5)
    return ((smooth - smooth.min()) / np.ptp(smooth) + 0.01).astype(np.float32)


def bend(shape, largest):
    """A smooth displacement (3, *shape) in voxels that vanishes at the border, and its mean norm."""
    x, y, z = (np.linspace(0, np.pi, side) for side in shape)
    hill = np.sin(x)[:, None, None] * np.sin(y)[:, None] * np.sin(z)
    turn = np.sin(2 * x)[:, None, None] * np.sin(y)[:, None] * np.sin(2 * z)
    return largest * np.stack([hill * turn, hill * np.roll(turn, 5, 0), -hill * turn])


def warped(image, displacement):
    return ndimage.map_coordinates(image, np.indices(image.shape) + displacement, order=3, mode="nearest").astype("f4")


def test_a_known_bend_is_found_where_it_is_and_in_its_direction(texture):
    # moving(x) = fixed(x + d): a voxel x of the original is found at x - d, nearly.
    truth = -bend(texture.shape, 4.0)
    found = displacement_field(warped(texture, -truth), texture, 1.0)
    inner = (slice(None), *(slice(6, -6),) * 3)
    left = np.linalg.norm(found - truth, axis=0)[inner[1:]].mean()
    assert left < 0.4 * np.linalg.norm(truth, axis=0)[inner[1:]].mean()
    assert np.corrcoef(found[inner].ravel(), truth[inner].ravel())[0, 1] > 0.9


def test_an_image_is_not_displaced_against_itself_nor_against_its_affine_copy(texture, patients):
    assert displacement_matrix(texture[None], texture[None], 1.0)[0, 0] < 0.01
    brain = patients[0, 0]
    grown = ndimage.affine_transform(brain, np.diag([1.06, 0.95, 1.0]), offset=[-0.5, 1.5, 0.7], order=1)
    stretch = displacement_matrix(grown[None], brain[None], SPACING)[0, 0]
    other = displacement_matrix(patients[0, 1:2], patients[0, :1], SPACING)[0, 0]
    assert stretch < 0.6 * other


def test_the_same_patient_needs_less_than_any_other(patients):
    matrix = displacement_matrix(patients[1], patients[0], SPACING)
    assert (matrix.argmin(1) == np.arange(3)).all()
    np.testing.assert_array_equal(deformation_matrix(patients[1], patients[0], spacing_mm=SPACING), -matrix)


def test_brightness_and_contrast_do_not_matter(texture):
    moved = warped(texture, bend(texture.shape, 2.0))
    plain = displacement_matrix(moved[None], texture[None], 1.0)
    np.testing.assert_allclose(displacement_matrix(0.2 + 0.5 * moved[None], texture[None], 1.0), plain, rtol=0.02)


def test_millimetres(texture):
    moved = warped(texture, bend(texture.shape, 2.0))[None]
    one = displacement_matrix(moved, texture[None], 1.0)
    np.testing.assert_allclose(displacement_matrix(moved, texture[None], 3.0), 3 * one, rtol=1e-4)
    # A displacement along an axis whose voxels are twice as long is twice as far.
    along = np.zeros((3, *texture.shape))
    along[1] = bend(texture.shape, 2.0)[0]
    field = displacement_field(warped(texture, along), texture, (1.0, 2.0, 1.0))
    inner = (slice(8, -8),) * 3
    assert np.corrcoef(field[1][inner].ravel(), -2 * along[1][inner].ravel())[0, 1] > 0.9
    assert np.polyfit(-2 * along[1][inner].ravel(), field[1][inner].ravel(), 1)[0] == pytest.approx(1, abs=0.3)


def test_the_field_is_what_the_matrix_averages_over_the_heads_in_the_box(patients):
    moving, fixed = patients[1, 0], patients[0, 1]
    norm = np.linalg.norm(displacement_field(moving, fixed, SPACING), axis=0)
    assert norm.shape == fixed.shape
    found = displacement_matrix(moving[None], fixed[None], SPACING)[0, 0]
    assert found == pytest.approx(norm[fixed > 0].mean(), rel=1e-5)
    box = (slice(0, 24), slice(None), slice(None))
    inside = displacement_matrix(moving[None], fixed[None], SPACING, box)[0, 0]
    assert inside == pytest.approx(norm[:24][fixed[:24] > 0].mean(), rel=1e-5)


def test_a_number_depends_on_its_pair_alone_and_repeats(patients):
    whole = displacement_matrix(patients[1], patients[0], SPACING)
    np.testing.assert_array_equal(whole, displacement_matrix(torch.from_numpy(patients[1]), patients[0], SPACING))
    np.testing.assert_allclose(displacement_matrix(patients[1, 2:], patients[0], SPACING), whole[2:], rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"backend": "elastix"}, "must be one of fast, ants. Got 'elastix'"),
        ({"spacing_mm": 0.0}, "millimetres above 0"),
        ({"gallery": np.zeros((1, 8, 8, 8), np.float32)}, "no.* above 0"),
        ({"gallery": np.ones((1, 8, 8, 9), np.float32)}, "must lie on one grid"),
        ({"gallery": np.ones((1, 8, 8), np.float32), "reconstructions": np.ones((1, 8, 8), np.float32)}, "needs 3D"),
    ],
)
def test_what_cannot_be_measured_is_said(change, sentence):
    arguments = {
        "reconstructions": np.ones((1, 8, 8, 8), np.float32),
        "gallery": np.ones((1, 8, 8, 8), np.float32),
        "spacing_mm": 1.0,
    }
    with pytest.raises(RemnantError, match=f"(?i){sentence}"):
        displacement_matrix(**(arguments | change))
