import pytest

from remnant.report.figures.identification import identification_bars


def _row(**changes):
    return {
        "network": "unet",
        "metric": "ssim",
        "decoder": "default",
        "group": "member",
        "rank1": 0.75,
        "rank1_low": 0.5,
        "rank1_high": 0.9,
        "chance": 0.04,
        "published_rank1": 0.65,
    } | changes


def _lengths(axes) -> list[float]:
    return [bar.get_width() for container in axes.containers for bar in container]


def test_bars_intervals_chance_and_published():
    figure = identification_bars([_row(), _row(group="non_member", rank1=0.25, published_rank1=None)])
    (axes,) = figure.axes
    assert _lengths(axes) == [75, 25]
    ends = [segment[:, 0].tolist() for lines in axes.collections for segment in lines.get_segments()]
    assert ends == [[50, 90], [50, 90]]
    lines = {line.get_label(): line.get_xdata() for line in axes.lines}
    assert lines["chance"][0] == pytest.approx(4)
    assert lines["published"][0] == 65
    assert len(axes.lines) == 2


def test_one_panel_a_network_and_one_line_a_measure_and_decoder():
    figure = identification_bars([_row(), _row(decoder="published"), _row(metric="mcc"), _row(network="segnet")])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["U-Net", "SegNet"]
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["SSIM · ours", "SSIM · as published", "MCC · ours"]


def test_panels_that_measured_other_things_share_one_column_of_names():
    figure = identification_bars([_row(), _row(network="segnet", metric="mcc", rank1=0.5)])
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["SSIM · ours", "MCC · ours"]
    (bar,) = [bar for container in figure.axes[1].containers for bar in container]
    assert round(bar.get_y() + bar.get_height() / 2) == names.index("MCC · ours")
