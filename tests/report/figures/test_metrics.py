import pytest

from remnant.report.figures.metrics import metric_match, response_curves


def _match(**changes):
    row = {"metric": "ssim", "n": 24, "rank1": 0.75, "rank1_low": 0.5, "rank1_high": 0.9, "chance": 0.04}
    return row | {"auc": 0.9, "auc_low": 0.8, "auc_high": 0.95} | changes


def _ends(axes):
    return [segment[:, 0].tolist() for lines in axes.collections for segment in lines.get_segments()]


def test_best_metric_first_with_its_intervals_and_chance():
    figure = metric_match([_match(metric="mcc", rank1=0.5), _match(metric="ms_ssim", auc_low=None, auc_high=None)])
    shares, areas = figure.axes
    assert [text.get_text() for text in shares.get_yticklabels()] == ["MS-SSIM (n = 24)", "MCC (n = 24)"]
    assert [line.get_xdata()[0] for line in shares.lines] == pytest.approx([75, 50, 4])
    assert _ends(shares) == [[50, 90], [50, 90]]
    assert _ends(areas) == [[0.8, 0.95]]


def test_a_panel_a_damage_and_hollow_marks_where_patients_are_lost():
    rows = [
        {"degradation": name, "level": level, "unit": "mm", "metric": metric, "own": 1 - level / 4, "rank1": first}
        | {"own_low": 0.9 - level / 4, "own_high": 1.0}
        for name in ("blur", "gamma")
        for level, first in ((2.0, 0.5), (0.0, 1.0))  # the order of rows does not matter
        for metric in ("ssim", "ncc")
    ]
    figure = response_curves(rows)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["blur", "gamma curve"]
    line, *marks = figure.axes[0].lines[:3]
    assert list(line.get_xdata()) == [0, 2] and list(line.get_ydata()) == [1, 0.5]
    assert [mark.get_markerfacecolor() for mark in marks] == [line.get_color(), "white"]
    assert figure.axes[1].get_xlabel() == "mm"
    assert len(figure.axes[0].collections) == 2
