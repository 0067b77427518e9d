import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.report.figures.deformation import bendings_of, deformation_maps
from remnant.report.private import Bending, write_bendings

ROWS = [{"network": "unet", "decoder": "default"}]


def _bending(pseudonym="P1", mm=1.0, network="unet"):
    heads = np.zeros((4, 6, 5), bool)
    heads[1:3, 1:5, 1:4] = True
    own, other = (np.full((3, 4, 6, 5), value, np.float32) for value in (mm, 2.0))
    own[:, ~heads] = 50  # what lies outside the heads counts nowhere
    return Bending(network, "default", pseudonym, "P9", np.full((4, 6, 5), 0.5, np.float32), own, other, heads)


def test_norms_of_own_beside_other_on_one_scale_inside_the_heads():
    figure = deformation_maps(ROWS, [_bending("P1"), _bending("P2")])
    panels = [axes for axes in figure.axes if axes.images and axes.get_label() != "<colorbar>"]
    assert len(panels) == 2 * 9
    own, other = (panel.images[0] for panel in panels[1:3])
    assert own.get_clim() == other.get_clim() == (0, pytest.approx(2 * 3**0.5))
    for image, value in ((own, 1.0), (other, 2.0)):
        shown = np.ma.filled(image.get_array().astype(float), np.nan)
        np.testing.assert_allclose(shown[np.isfinite(shown)], value * 3**0.5, rtol=1e-6)
        assert np.isfinite(shown).sum() == 4 * 3
    assert panels[0].get_ylabel() == "U-Net\nP1 1.73 mm\nP9 3.46 mm"


def test_no_patient_no_figure():
    with pytest.raises(RemnantError, match="kept no displacements of U-Net"):
        deformation_maps(ROWS, [])


def test_least_middle_and_most_displaced_of_all_cells_are_shown(tmp_path):
    write_bendings(tmp_path, "fold0", [_bending("P1", 5.0), _bending("P2", 1.0), _bending("P3", 2.0)])
    write_bendings(tmp_path, "fold1", [_bending("P4", 9.0), _bending("P5", 3.0)])
    write_bendings(tmp_path, "other", [_bending("P6", 0.1, network="segnet")])
    found = bendings_of(tmp_path, ROWS)
    assert [bending.pseudonym for bending in found] == ["P2", "P5", "P4"]
    np.testing.assert_array_equal(found[1].own, _bending("P5", 3.0).own)
    assert found[1].heads.dtype == bool
