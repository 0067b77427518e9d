import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.report.figures.deformation import Bending, deformation_maps


def _bending(pseudonym="P1"):
    heads = np.zeros((4, 6, 5), bool)
    heads[1:3, 1:5, 1:4] = True
    own, other = (np.full((3, 4, 6, 5), value, np.float32) for value in (1.0, 2.0))
    own[:, ~heads] = 50  # what lies outside the heads counts nowhere
    return Bending(pseudonym, "P9", np.full((4, 6, 5), 0.5, np.float32), own, other, heads)


def test_norms_of_own_beside_other_on_one_scale_inside_the_heads():
    figure = deformation_maps([_bending("P1"), _bending("P2")])
    panels = [axes for axes in figure.axes if axes.images and axes.get_label() != "<colorbar>"]
    assert len(panels) == 2 * 9
    own, other = (panel.images[0] for panel in panels[1:3])
    assert own.get_clim() == other.get_clim() == (0, pytest.approx(2 * 3**0.5))
    for image, value in ((own, 1.0), (other, 2.0)):
        shown = np.ma.filled(image.get_array().astype(float), np.nan)
        np.testing.assert_allclose(shown[np.isfinite(shown)], value * 3**0.5, rtol=1e-6)
        assert np.isfinite(shown).sum() == 4 * 3
    assert panels[0].get_ylabel() == "P1\nown 1.73 mm\nP9 3.46 mm"


def test_no_patient_no_figure():
    with pytest.raises(RemnantError, match="no patient"):
        deformation_maps([])
