"""The one table writer: flat rows seen through a `TableView`, as HTML or as Markdown."""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markupsafe import Markup, escape

from remnant.base.errors import RemnantError
from remnant.base.files import write_text
from remnant.base.results import Results, Row, TableView, Value, matching
from remnant.base.texts import enumerated
from remnant.report.words import MISSING, WITHHELD, label, number

SHORT = 14  # rows of a table that print keeps on one page
# Headings of what a row comes to, which is worth a table without numbers, and of how many it is of, which is none.
OUTCOME, SIZE = "Outcome", "Patients"
WIDE = 8  # columns beyond which print turns the page
MOST_ROWS = 15  # of a table outside the annex

_FIELD = re.compile(r"\{(\w+)(?::([+]?,?\.?\d*[dfeg%]))?\}")
# A bracketed part, with the blank before it: dropped from a cell when all of its fields are missing.
_BRACKET = re.compile(r"\s*(?:\[[^\]]*\]|\([^)]*\)|±\s*\{[^}]*\})")
_INTERVAL = re.compile(r"\[[^\[\]]*\]")


@dataclass(frozen=True)
class CellText:
    """The text of one cell, and what the page's style needs to know about it."""

    text: str
    numeric: bool


@dataclass(frozen=True)
class Table:
    """A table ready to be written: headings, cells, and which columns hold published numbers."""

    caption: str
    headings: list[str]
    published: list[bool]
    rows: list[list[CellText]]


def build(rows: list[Row], view: TableView) -> Table:
    """The rows that the view keeps, in its columns but those that are blank in all of them.

    Raises `RemnantError` when the view names a column that the table does not have.
    """
    known = {column for row in rows for column in row}
    for key in view.columns:
        for column in fields(key):
            if rows and column not in known:
                raise RemnantError(
                    f"The table {view.name!r} has no column {column!r}, which its view shows; "
                    f"its columns are {', '.join(sorted(known))}."
                )
    shown = matching(rows, view.where)
    cells = {key: [cell(row, key) for row in shown] for key in view.columns}
    # A column that says nothing of any row, such as of which scans, would be a riddle.
    kept = [key for key, column in cells.items() if not column or any(each.text for each in column)]
    return Table(
        caption=view.caption,
        headings=[view.columns[key] for key in kept],
        published=[all(name.startswith("published") for name in fields(key)) for key in kept],
        rows=[list(row) for row in zip(*(cells[key] for key in kept), strict=True)],
    )


def without_dashes(table: Table) -> Table | None:
    """The table without columns of which nothing is told, and in its caption which these are; None where no number but of
    patients and no outcome is left. Of what leaves the house, where most may be withheld."""
    told = [
        any(row[place].text not in (MISSING, WITHHELD) for row in table.rows) for place in range(len(table.headings))
    ]
    if all(told) or not table.rows:
        return table
    if not any(
        kept and heading != SIZE and (numeric or heading == OUTCOME)
        for kept, numeric, heading in zip(told, _numeric(table), table.headings, strict=True)
    ):
        return None
    gone = enumerated([heading for heading, kept in zip(table.headings, told, strict=True) if not kept])
    return Table(
        caption=f"{table.caption} Withheld or not measured, and left out: {gone}.".strip(),
        headings=[one for one, kept in zip(table.headings, told, strict=True) if kept],
        published=[one for one, kept in zip(table.published, told, strict=True) if kept],
        rows=[[one for one, kept in zip(row, told, strict=True) if kept] for row in table.rows],
    )


def fields(key: str) -> list[str]:
    """The columns that a cell of a view is made of."""
    return [found[1] for found in _FIELD.finditer(key)] or [key]


def cell(row: Row, key: str) -> CellText:
    """One cell: a column's value, or a template filled with several; "–" when its leading value is missing.

    An interval in brackets or a "± sd" whose every value is missing is left out.
    """
    names = fields(key)
    numeric = any(_is_number(row.get(name)) for name in names)
    if row.get(names[0]) is None:
        return CellText(MISSING, numeric)
    if key == names[0]:
        return CellText(_text(row, key), numeric)

    def fill(match: re.Match[str]) -> str:
        return _text(row, match[1], match[2] or "")

    def keep(match: re.Match[str]) -> str:
        inside = _FIELD.findall(match[0])
        return "" if inside and all(row.get(name) is None for name, _ in inside) else match[0]

    return CellText(_FIELD.sub(fill, _BRACKET.sub(keep, key)), numeric)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(row: Row, column: str, spec: str = "") -> str:
    value = row.get(column)
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        label(value) if isinstance(value, str) else number(value, column, spec, bound=bool(row.get(f"{column}_bound")))
    )


def to_html(table: Table, title: str) -> Markup:
    """The table as HTML, everything escaped, in a container that scrolls when it is wider than the page.

    `title` ("Table 3") stands before the caption. Words that the row above already said are dimmed, and a
    rule parts the rows where the first column changes.
    """
    kinds = [
        " ".join(["num"] * number_column + ["published"] * published)
        for number_column, published in zip(_numeric(table), table.published, strict=True)
    ]
    head = "".join(
        f'<th scope="col" class="{kind}">{escape(heading)}</th>'
        for heading, kind in zip(table.headings, kinds, strict=True)
    )
    body = []
    for above, row in zip([None, *table.rows], table.rows, strict=False):
        same = _repeats(row, above)
        start = ' class="start"' if above and not same else ""
        cells = "".join(
            f'<td class="{kind}{" same" if place < same else ""}">{_together(item.text)}</td>'
            for place, (item, kind) in enumerate(zip(row, kinds, strict=True))
        )
        body.append(f"<tr{start}>{cells}</tr>")
    if not body:
        body = [f'<tr><td colspan="{len(table.headings)}">No rows: not measured in this run.</td></tr>']
    grey = any(_repeats(row, above) for above, row in pairwise(table.rows))
    ended = f"{table.caption.rstrip('.')}. ".lstrip(". ")
    caption = f"{ended}Grey: as in the row above." if grey else table.caption
    short = ' class="short"' if len(body) <= SHORT else ""
    anchor = title.lower().replace(" ", "-")
    wide = " wide" if len(table.headings) > WIDE else ""
    return Markup(
        f'<div class="table{wide}"><p class="caption" id="{anchor}"><b>{escape(title)}.</b> {escape(caption)}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{anchor}">'
        f'<table{short} aria-labelledby="{anchor}"><thead><tr>{head}</tr></thead><tbody>\n'
        + "\n".join(body)
        + "\n</tbody></table></div></div>"
    )


def _together(text: str) -> Markup:
    """The text, escaped, with each interval in brackets as one word: a narrow column breaks before it."""
    return Markup(_INTERVAL.sub(r'<span class="interval">\g<0></span>', str(escape(text))))


def _repeats(row: list[CellText], above: list[CellText] | None) -> int:
    """How many cells at the start of the row are words that stand in the row above too."""
    count = 0
    for item, before in zip(row, above or [], strict=False):
        if item.numeric or item.text != before.text:
            break
        count += 1
    return count


def _numeric(table: Table) -> list[bool]:
    """Which columns hold numbers."""
    return [any(row[place].numeric for row in table.rows) for place in range(len(table.headings))]


def to_markdown(table: Table) -> str:
    """The table as a Markdown table, its caption below it."""
    lines = [
        _line(table.headings),
        _line(["---:" if right else "---" for right in _numeric(table)]),
        *(_line([item.text for item in row]) for row in table.rows),
    ]
    return "\n".join(lines) + (f"\n\n{in_markdown(table.caption)}\n" if table.caption else "\n")


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(in_markdown(text) for text in cells) + " |"


def in_markdown(text: str) -> str:
    """Text that Markdown will neither read as HTML or as a link nor split at a bar."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    # Brackets stay as they are where they hold an interval. A bare address would be made a link too.
    return re.sub(r"\](?=[(\[:])", r"]\\", text).replace("://", ":&#47;&#47;").replace("www.", "www&#46;")


def write_tables(out: Path, results: Results) -> list[Path]:
    """Write each table that a section shows as OUT/<number>-<section>.md; return the paths in their order."""
    shown = [section for section in results.sections if section.table]
    paths = []
    for position, section in enumerate(shown, 1):
        stem = re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")
        path = Path(out) / f"{position:02d}-{stem[:60]}.md"
        text = to_markdown(build(results.tables[section.table.name], section.table))
        write_text(path, f"# {in_markdown(section.title)}\n\n{text}")
        paths.append(path)
    return paths
