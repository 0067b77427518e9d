import re

import pytest
from tests.report.example import example_results

from remnant.base.errors import RemnantError
from remnant.base.results import TableView
from remnant.report.tables import build, cell, to_html, to_markdown, write_tables

ROW = {
    "network": "unet",
    "own": 0.8312,
    "own_low": 0.801,
    "own_high": 0.8599,
    "own_sd": 0.04,
    "rank1": 22 / 24,
    "rank1_count": 22,
    "n": 24,
    "published": None,
    "holm_p": 0.012,
    "holm_p_bound": True,
    "p": 0.012,
    "p_bound": False,
    "low": None,
    "high": None,
    "sd": None,
}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("network", "U-Net"),
        ("n", "24"),
        ("holm_p", "≤0.012"),
        ("p", "0.012"),
        ("own", "0.83"),
        ("{own} [{own_low}, {own_high}]", "0.83 [0.80, 0.86]"),
        ("{own:.3f} ± {own_sd}", "0.831 ± 0.04"),
        ("{rank1_count}/{n}", "22/24"),
        ("{rank1:.0%} [{own_low}, {own_high}]", "92% [0.80, 0.86]"),
        ("published", "–"),
        ("{published} [{own_low}, {own_high}]", "–"),
        ("{own} [{low}, {high}]", "0.83"),
        ("{own} ± {sd} [{own_low}, {own_high}]", "0.83 [0.80, 0.86]"),
        ("{own} [{own_low}, {high}]", "0.83 [0.80, –]"),
        ("{network} ({n})", "U-Net (24)"),
    ],
)
def test_cells(key, text):
    assert cell(ROW, key).text == text


def _view(**changes) -> TableView:
    columns = {"network": "Network", "{own} [{own_low}, {own_high}]": "Own", "published": "Published"}
    return TableView(**({"name": "similarity", "caption": "A caption", "columns": columns} | changes))


def test_a_view_keeps_its_rows_and_columns():
    rows = [ROW, ROW | {"network": "segnet", "published": 0.61}]
    table = build(rows, _view(where={"network": "segnet"}))
    assert table.headings == ["Network", "Own", "Published"]
    assert [[item.text for item in row] for row in table.rows] == [["SegNet", "0.83 [0.80, 0.86]", "0.61"]]
    assert table.published == [False, False, True]


def test_a_column_that_is_blank_in_every_row_is_left_out():
    rows = [{"view": "codes", "where": "", "auc": None}, {"view": "maps", "where": "", "auc": None}]
    view = TableView(name="t", caption="", columns={"view": "Seen", "where": "Scans", "auc": "AUC"})
    table = build(rows, view)
    assert table.headings == ["Seen", "AUC"] and [one.text for one in table.rows[0]] == ["codes", "–"]
    assert build([*rows, {"view": "codes", "where": "real visits", "auc": 0.5}], view).headings[1] == "Scans"
    assert build([], view).headings == ["Seen", "Scans", "AUC"]


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(RemnantError, match=r"'similarity' has no column 'ovn'"):
        build([ROW], _view(columns={"{ovn} [{own_low}, {own_high}]": "Own"}))


def test_markdown():
    lines = to_markdown(build([ROW, ROW | {"published": 0.73}], _view())).splitlines()
    assert lines == [
        "| Network | Own | Published |",
        "| --- | ---: | ---: |",
        "| U-Net | 0.83 [0.80, 0.86] | – |",
        "| U-Net | 0.83 [0.80, 0.86] | 0.73 |",
        "",
        "A caption",
    ]


def test_html_is_one_row_a_row_with_repeats_dimmed_and_groups_parted():
    rows = [ROW, ROW, ROW | {"network": "segnet", "published": 0.61}]
    html = to_html(build(rows, _view()), "Table 3")
    assert "<b>Table 3.</b> A caption" in html
    assert html.count("<tr") == 4
    assert re.findall(r'<td class="( ?same)?">(\S+)</td>', html) == [
        ("", "U-Net"),
        (" same", "U-Net"),
        ("", "SegNet"),
    ]
    assert html.count('<tr class="start">') == 1
    assert html.index('<tr class="start">') < html.index(">SegNet<")
    assert '<td class="num published">0.61</td>' in html
    assert "<b>Table 3.</b> A caption. Grey: as in the row above.</p>" in html
    assert "Grey" not in to_html(build(rows[1:], _view()), "Table 3")


def test_what_a_user_wrote_is_escaped():
    nasty = "<script>alert(1)</script>|x"
    table = build([{"network": nasty}], TableView(name="t", caption=nasty, columns={"network": nasty}))
    html = to_html(table, "Table 1")
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 3
    markdown = to_markdown(table)
    assert "<script" not in markdown
    assert markdown.splitlines()[2].count("|") - markdown.splitlines()[2].count("\\|") == 2


def test_one_markdown_file_for_each_table_that_is_shown(tmp_path):
    results = example_results()
    paths = write_tables(tmp_path / "tables", results)
    assert [path.name for path in paths] == [
        "01-is-the-right-patient-found.md",
        "02-how-similar-are-the-reconstructions.md",
        "03-did-training-leak-more-of-the-members.md",
        "04-does-it-find-the-patient-s-other-scan.md",
        "05-does-the-network-still-segment-what-was-drawn.md",
    ]
    assert paths[0].read_text().startswith("# Is the right patient found?\n\n| Network | Decoder |")
    assert len(paths[0].read_text().splitlines()) == 2 + 2 + len(results.tables["identification"]) + 2
