import pytest

from remnant.report.figures.ranks import rank_histogram


def _rows(counts, published, group="member", network="unet"):
    last = max(len(counts), len(published))
    return [
        {
            "network": network,
            "decoder": "default",
            "metric": "ssim",
            "group": group,
            "rank": rank + 1,
            "count": counts[rank] if rank < len(counts) else 0,
            "published": published[rank] if rank < len(published) else None,
        }
        for rank in range(last)
    ]


def _heights(axes) -> list[list[float]]:
    return [[round(bar.get_height(), 6) for bar in container] for container in axes.containers]


def test_bars_are_shares_of_each_cohort_and_published_counts_once():
    figure = rank_histogram(_rows([6, 2], [30, 5, 2, 2, 1]) + _rows([4, 3, 1], [30, 5, 2, 2, 1], group="non_member"))
    (axes,) = figure.axes
    assert _heights(axes) == [
        [75, 25, 0, 0, 0],
        [50, 37.5, 12.5, 0, 0],
        [75, 12.5, 5, 5, 2.5],
    ]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "members (8 patients)",
        "non-members (8 patients)",
        "published (40 patients)",
    ]


def test_the_tail_shares_the_last_bar():
    (axes,) = rank_histogram(_rows([2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 5], [])).axes
    assert _heights(axes) == [[20, 0, 0, 0, 0, 0, 0, 0, 80]]
    assert axes.get_xticklabels()[-1].get_text() == "9+"


def test_one_panel_a_network():
    figure = rank_histogram(_rows([6, 2], [9, 1]) + _rows([1, 7], [8, 2], network="segnet"))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["U-Net", "SegNet"]
    assert _heights(figure.axes[1])[0][:2] == pytest.approx([12.5, 87.5])
