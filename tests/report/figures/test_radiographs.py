import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.report.figures.radiographs import likely_beside_nearest, progression
from remnant.report.radiographs import CandidateMatch, Strip, pairs_beside, strips_of

ROW = {"target": "cnn", "source": "private", "method": "published"}


def shown(figure):
    """Which panels show an image, by line."""
    columns = [axes for axes in figure.axes if axes.get_images()]
    return [axes.get_images()[0].get_array() for axes in columns]


def keep(run, folder, stem, **arrays):
    (run / "private" / folder).mkdir(parents=True, exist_ok=True)
    np.savez(run / "private" / folder / f"{stem}.npz", **arrays)


def audit(run, likely):
    """Five candidates of one grey level each, ranked backwards; candidate i is nearest to member 2 - i % 3."""
    keep(
        run,
        "attacks",
        "cnn-published",
        images=np.stack([np.full((4, 4), 10 * i, np.uint8) for i in range(5)]),
        order=np.arange(5)[::-1],
        likely=np.array(likely, bool),
        nearest=2 - np.arange(5) % 3,
        cosine=np.full(5, 0.9),
        ssim=np.full(5, 0.45),
    )
    members = np.stack([np.full((1, 4, 4), place / 10, np.float32) for place in range(3)])
    keep(run, "groups", "private", **{"members/images": members})


def test_likely_ones_come_in_the_order_of_the_list_with_their_neighbour(tmp_path):
    audit(tmp_path, [1, 0, 0, 1, 0])
    first, second = pairs_beside(tmp_path, [ROW])
    assert (first.candidate.max() * 255, second.candidate.max() * 255) == (pytest.approx(30), 0)
    assert first.nearest.max() == pytest.approx(0.2) and second.nearest.max() == pytest.approx(0.2)
    assert first.likely and first.cosine == pytest.approx(0.9) and first.ssim == pytest.approx(0.45)


def test_where_none_is_likely_the_first_of_the_list_stand_for_them(tmp_path):
    audit(tmp_path, [0] * 5)
    pairs = pairs_beside(tmp_path, [ROW])
    assert [round(pair.candidate.max() * 255) for pair in pairs] == [40, 30, 20, 10]
    assert not any(pair.likely for pair in pairs)
    figure = likely_beside_nearest([ROW], pairs)
    assert "none likely" in figure.axes[0].get_ylabel()


def test_a_pair_shows_both_images_and_their_similarities(tmp_path):
    pair = CandidateMatch("cnn", True, np.zeros((4, 4)), np.ones((4, 4)), 0.876, 0.432)
    figure = likely_beside_nearest([ROW], [pair])
    left, right = shown(figure)
    assert left.max() == 0 and right.min() == 1
    assert [axes.get_xlabel() for axes in figure.axes[:2]] == ["cosine 0.88", "SSIM 0.43"]


def test_a_strip_is_thinned_but_keeps_its_ends(tmp_path):
    steps = np.array([0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 2500])
    images = np.arange(13, dtype=np.uint8)[:, None, None, None] * np.ones((13, 4, 4, 4), np.uint8)
    keep(tmp_path, "progressions", "cnn-published", steps=steps, images=images)
    (strip,) = strips_of(tmp_path, [ROW, ROW])
    figure = progression([ROW], [strip])
    panels = shown(figure)
    assert len(panels) == 18  # nine steps of two latents
    assert [figure.axes[0].get_title(), figure.axes[8].get_title()] == ["0", "2,500"]
    assert (panels[0].max() * 255, panels[8].max() * 255) == (0, pytest.approx(12))


def test_a_short_strip_shows_every_step():
    strip = Strip("cnn", np.array([0, 1, 3]), np.zeros((3, 1, 4, 4)))
    assert len(shown(progression([ROW], [strip]))) == 3


@pytest.mark.parametrize("read", [pairs_beside, strips_of])
def test_what_was_not_kept_cannot_be_shown(tmp_path, read):
    with pytest.raises(RemnantError, match="--keep-reconstructions"):
        read(tmp_path, [ROW])
