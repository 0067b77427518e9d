"""Chapters as a TOML file describes them."""

import pytest

from remnant.studies.chapters import described_chapters

TOLD = """
[[chapter]]
title = "Always"
text = ["So it is.", { only = "many", said = "Of many." }]
table = { name = "ranks", columns = { n = "n" }, where = { decoder = "$decoders", metric = "ssim" } }

[[chapter.figures]]
each = "network"
name = "ranks"
kind = "rank_histogram"
caption = "Ranks."
where = { metric = "ssim" }

[[chapter.figures]]
only = "many"
name = "all"
kind = "rank_histogram"

[[chapter]]
only = "many"
title = "At times"
"""


def chapters(tmp_path, **holds):
    (tmp_path / "chapters.toml").write_text(TOLD)
    values = {"$decoders": ["a", "b"], "network": {"unet": "3D U-Net", "segnet": "SegNet"}}
    return described_chapters(tmp_path / "chapters.toml", holds, values)


def test_chapters_figures_and_sentences_are_there_where_what_they_ask_for_is(tmp_path):
    (always,) = chapters(tmp_path, many=False)
    assert always.text == ["So it is."] and [one.name for one in always.figures] == ["ranks-unet", "ranks-segnet"]
    always, at_times = chapters(tmp_path, many=True)
    assert always.text == ["So it is.", "Of many."] and always.figures[-1].name == "all"
    assert (at_times.title, at_times.text, at_times.table, at_times.figures) == ("At times", [], None, [])
    with pytest.raises(KeyError, match="many"):
        chapters(tmp_path)


def test_values_stand_for_what_they_are_called_and_each_has_a_figure_of_its_own(tmp_path):
    (one,) = chapters(tmp_path, many=False)
    assert one.table.where == {"decoder": ["a", "b"], "metric": "ssim"}
    first, second = one.figures
    assert first.where == {"metric": "ssim", "network": "unet"} and first.caption == "3D U-Net: Ranks."
    assert second.where == {"metric": "ssim", "network": "segnet"} and second.caption == "SegNet: Ranks."
