import sys

import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.prepare.bias import check_bias_field, estimate_bias_field

SPACING = np.array([6.0, 6.0, 6.0])


@pytest.mark.parametrize("method", ["n4", pytest.param("n3", marks=pytest.mark.slow)])
def test_the_bias_field_is_found(draw_head, method):
    if method == "n3":
        pytest.importorskip("ants")
    drawing = draw_head(1, shape=(32, 38, 32), spacing=tuple(SPACING))
    head = drawing.image > 0
    x, y, _ = np.indices(head.shape) / np.array(head.shape).reshape(3, 1, 1, 1) - 0.5
    field = np.exp(0.8 * x - 0.6 * y).astype(np.float32)
    before = estimate_bias_field(drawing.image, head, SPACING, method)
    after = estimate_bias_field(drawing.image * field, head, SPACING, method)
    found = np.log(after / before)[head]
    assert np.corrcoef(found, np.log(field)[head])[0, 1] > 0.98
    assert abs(np.log(after)[head].mean()) < 0.05
    assert np.array_equal(after, estimate_bias_field(drawing.image * field, head, SPACING, method))


@pytest.mark.parametrize("method", ["n4", "n3", "none"])
def test_a_scan_too_small_has_no_field(method):
    image = np.random.default_rng(0).random((40, 40, 14)).astype(np.float32)
    field = estimate_bias_field(image, image > -1, np.ones(3), method)
    assert field.shape == image.shape and (field == 1).all()


def test_n3_without_antspyx_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ants", None)
    check_bias_field("n4")
    with pytest.raises(
        RemnantError, match=r"N3 needs antspyx, which is not installed; install remnant\[register\], or"
    ):
        check_bias_field("n3")
