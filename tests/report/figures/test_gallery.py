from remnant.report.figures.gallery import gallery_size


def _row(size, rank1, extrapolated=False, **changes):
    row = {"metric": "ssim", "size": size, "rank1": rank1, "low": rank1 - 0.1, "high": rank1 + 0.1, "n": 24}
    return row | {"extrapolated": extrapolated, "chance": 1 / size} | changes


def test_the_extrapolated_part_is_dashed_and_bands_are_intervals():
    figure = gallery_size([_row(24, 0.8), _row(1, 1.0), _row(24, 0.78, True), _row(480, 0.3, True)])
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    measured, beyond = axes.lines[:2]
    assert list(measured.get_xdata()) == [1, 24] and list(measured.get_ydata()) == [100, 80]
    assert measured.get_linestyle() == "-" and beyond.get_linestyle() == "--"
    assert list(beyond.get_xdata()) == [24, 480]
    band = axes.collections[1].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (20, 88)
    chance = next(line for line in axes.lines if line.get_label() == "chance")
    assert list(chance.get_xdata()) == [1, 24, 480]


def test_without_an_interval_there_is_a_line_and_no_band():
    (axes,) = gallery_size([_row(1, 1.0, low=None, high=None), _row(5, 0.5, low=None, high=None)]).axes
    assert list(axes.lines[0].get_ydata()) == [100, 50]
    assert not any(len(band.get_paths()) for band in axes.collections)
