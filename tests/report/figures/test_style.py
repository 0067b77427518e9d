import matplotlib
import pytest
from tests.report.example import example_results
from tests.report.example_audit import audit_figure_rows
from tests.report.example_checkpoint import checkpoint_rows
from tests.report.example_defence import defence_rows

from remnant.report.figures import FIGURES
from remnant.report.figures.style import house_style, panels, to_png, to_svg


@pytest.mark.parametrize("kind", [name for name, kind in FIGURES.items() if not kind.private])
def test_every_kind_draws_the_example_the_same_twice_whatever_the_users_settings(kind):
    drawn = checkpoint_rows() | defence_rows() | audit_figure_rows()
    rows = drawn.get(kind) or example_results().tables[FIGURES[kind].table]
    rows = [row for row in rows if row.get("decoder") != "published" and row.get("metric") in (None, "ssim")]

    def svg() -> str:
        with house_style():
            return to_svg(FIGURES[kind].draw(rows), "name")

    first = svg()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert svg() == first
    assert first.startswith("<svg ")
    assert "<text" in first


def test_ids_carry_the_name_so_that_two_figures_share_a_page():
    with house_style():
        figure, axes = panels(1, height=2)
        axes[0].plot([0, 1])
        svg = to_svg(figure, "leak")
    assert 'id="leak-' in svg
    assert svg.count('id="') == svg.count('id="leak-')
    assert svg.count("url(#") == svg.count("url(#leak-") > 0
    assert "<metadata" not in svg


def test_a_dollar_sign_is_no_formula():
    with house_style():
        figure, axes = panels(1, height=2)
        axes[0].set_title("$x<b>$")
        svg = to_svg(figure, "f")
    assert "$x&lt;b&gt;$" in svg


def test_png_is_the_same_twice():
    with house_style():
        assert to_png(panels(2, height=1)[0]) == to_png(panels(2, height=1)[0])
