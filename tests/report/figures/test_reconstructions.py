import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.report.figures.reconstructions import chosen, identity, reconstructions
from remnant.report.private import VolumePair


def _rows():
    return [
        {
            "network": "unet",
            "decoder": "default",
            "metric": "ssim",
            "group": "member",
            "pseudonym": f"P{patient}",
            "session": 1,
            "own": own,
            "rank": 1,
        }
        for patient, own in enumerate([0.5, 0.9, 0.7, 0.6, 0.8])
    ]


def test_best_median_and_worst_by_own_score():
    assert [(word, row["pseudonym"]) for word, row in chosen(_rows())] == [
        ("best", "P1"),
        ("median", "P2"),
        ("worst", "P0"),
    ]


def test_original_beside_reconstruction_in_three_planes():
    draw = np.random.default_rng(0)
    pairs = [
        VolumePair(*identity(row), draw.random((4, 6, 5), np.float32), draw.random((4, 6, 5), np.float32))
        for _, row in chosen(_rows())
    ]
    figure = reconstructions(_rows(), pairs)
    images = [axes.images[0].get_array() for axes in figure.axes]
    assert len(images) == 3 * 6
    assert {image.shape for image in images} == {(6, 6)}
    best = pairs[0]
    np.testing.assert_array_equal(images[0][0:5], best.original[2].T)  # sagittal: y across, z up
    np.testing.assert_array_equal(images[1][0:5], best.reconstruction[2].T)
    np.testing.assert_array_equal(images[4][:, 1:5], best.original[:, :, 2].T)  # axial: x across, y up
    assert figure.axes[0].get_ylabel() == "U-Net · best\nP1 (member)\nSSIM 0.90, rank 1"


def test_a_patient_whose_volumes_were_not_kept_is_named():
    with pytest.raises(RemnantError, match="do not hold patient P1"):
        reconstructions(_rows(), [])
