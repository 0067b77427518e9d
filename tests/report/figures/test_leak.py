from matplotlib.colors import to_hex

from remnant.report.figures.leak import leak_forest
from remnant.report.figures.style import CHANCE, MEMBER


def _row(**changes):
    return {
        "network": "unet",
        "decoder": "default",
        "metric": "ssim",
        "statistic": "own",
        "difference": 0.002,
        "low": -0.008,
        "high": 0.012,
        "p": 0.41,
        "detectable": 0.016,
    } | changes


def test_points_intervals_and_what_could_have_been_seen():
    (axes,) = leak_forest([_row(), _row(metric="mcc", difference=0.05, low=0.02, high=0.08, p=0.0002)]).axes
    points = [line for line in axes.lines if line.get_marker() in "oD"]
    assert [point.get_xdata()[0] for point in points] == [0.002, 0.05]
    assert [to_hex(point.get_color()) for point in points] == [MEMBER, CHANCE]
    ends = [segment[:, 0].tolist() for lines in axes.collections for segment in lines.get_segments()]
    assert ends == [[-0.008, 0.012], [0.02, 0.08]]
    bands = [(bar.get_x(), bar.get_width()) for container in axes.containers for bar in container]
    assert bands == [(-0.016, 0.032)] * 2
    assert {"+0.002", "0.41", "+0.050", "<0.001"} <= {text.get_text() for text in axes.texts}


def test_what_too_few_patients_cannot_tell_is_left_out():
    (axes,) = leak_forest([_row(low=None, high=None, p=None, detectable=None)]).axes
    assert not axes.collections
    assert not axes.containers
    assert "–" in {text.get_text() for text in axes.texts}
