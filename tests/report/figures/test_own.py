import numpy as np

from remnant.report.figures.own import COMPARED, own_against_others


def _rows():
    return [
        {
            "network": "unet",
            "decoder": "default",
            "metric": "ssim",
            "group": group,
            "own": 0.8 + 0.01 * patient,
            "best_other": 0.7 + 0.01 * patient,
            "others_mean": 0.6,
            "mean_image": None if group == "member" else 0.65,
        }
        for group in ("member", "non_member")
        for patient in range(5)
    ]


def test_a_dot_a_patient_in_each_strip_and_its_median():
    (axes,) = own_against_others(_rows()).axes
    clouds = [c.get_offsets() for c in axes.collections if len(c.get_offsets()) == 5]
    assert len(clouds) == 2 * len(COMPARED) - 1  # members have no mean-image score
    np.testing.assert_allclose(clouds[0][:, 1], [0.8, 0.81, 0.82, 0.83, 0.84])
    assert (np.abs(clouds[0][:, 0] - -0.17) <= 0.1 + 1e-9).all()
    assert len(set(clouds[0][:, 0].round(6))) == 5
    medians = [c.get_segments()[0][0, 1] for c in axes.collections if hasattr(c, "get_segments")]
    np.testing.assert_allclose(medians, [0.82, 0.72, 0.6, 0.82, 0.72, 0.6, 0.65])
    assert axes.get_ylabel() == "similarity (SSIM)"
