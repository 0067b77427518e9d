"""Sections of results as a page shows them: text, and tables and figures as finished HTML."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from markupsafe import Markup, escape

from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path, write_text
from remnant.base.results import FigureView, Row, Section, TableView, matching
from remnant.base.store import private_folder
from remnant.report.figures import FIGURES
from remnant.report.figures.style import house_style, to_png, to_svg
from remnant.report.tables import Table, build, to_html, without_dashes
from remnant.report.templates import anchor


@dataclass(frozen=True)
class Chapter:
    """A section as the page shows it."""

    anchor: str
    title: str
    text: list[str]
    table: Markup | None
    figures: list[Markup]


@dataclass
class Chapters:
    """The chapters of one page, which count its tables and figures together.

    `run`: where figures are written. `most_rows`: a longer table is cut there and goes whole to `longer`, by its title.
    `for_release`: columns and tables of which nothing may be told are left out.
    """

    run: Path
    tables: Mapping[str, list[Row]]
    show_images: bool = False
    most_rows: int | None = None
    longer: list[tuple[str, Table]] = field(default_factory=list)
    for_release: bool = False
    _counts: dict[str, int] = field(default_factory=lambda: {"Table": 0, "Figure": 0})

    def chapter(self, section: Section) -> Chapter:
        """The section with its table and its figures, which are drawn and kept beside the run on the way.

        Raises `RemnantError` for a figure of an unknown kind, and where table or figure lacks what it shows.
        """
        table = self.table(section.table, section.title) if section.table else None
        figures = []
        for view in section.figures:
            kind = FIGURES.get(view.kind)
            if kind is None:
                raise RemnantError(
                    f"The figure {view.name!r} has the unknown kind {view.kind!r}; the kinds are {', '.join(FIGURES)}."
                )
            if kind.private != view.private:
                raise RemnantError(f"The figure {view.name!r} of kind {view.kind!r} must have private={kind.private}.")
            if view.private and not self.show_images:
                continue
            figures.append(self._figure(view))
        gone = (
            ["The table of this chapter is left out: all its numbers are withheld."]
            if section.table and not table
            else []
        )
        return Chapter(anchor(section.title), section.title, [*section.text, *gone], table, figures)

    def table(self, view: TableView, title: str) -> Markup | None:
        """The rows that the view keeps, as HTML; None where nothing of them may be told."""
        built = build(self.tables[view.name], view)
        # What a release leaves of a caption may be nothing.
        built = built if built.caption else replace(built, caption=f"{title}.")
        if self.for_release:
            told = without_dashes(built)
            if told is None:
                return None
            built = told
        if self.most_rows is not None and len(built.rows) > self.most_rows:
            self.longer.append((title, built))
            note = f"The first {self.most_rows} of {len(built.rows)} rows; all of them stand in the annex."
            built = replace(built, rows=built.rows[: self.most_rows], caption=f"{built.caption} {note}".strip())
        return to_html(built, self._next("Table"))

    def whole(self, table: Table) -> Markup:
        """A table of `longer`, with all of its rows."""
        return to_html(table, self._next("Table"))

    def _figure(self, view: FigureView) -> Markup:
        """Draw one figure, keep its file, and return it as HTML with its caption."""
        kind, title = FIGURES[view.kind], self._next("Figure")
        rows = matching(self.tables.get(kind.table, []), view.where)
        if not rows:
            raise RemnantError(
                f"The figure {view.name!r} has nothing to show: no row of the table {kind.table!r} has {view.where}."
            )
        try:
            with house_style():
                if view.private:
                    image = _private_image(self.run, view, rows)
                else:
                    svg = to_svg(kind.draw(rows), view.name)
                    write_text(self.run / "figures" / f"{view.name}.svg", svg)
                    image = _inline(svg, kind.says(rows) if kind.says else view.caption)
        except KeyError as error:
            raise RemnantError(
                f"The figure {view.name!r} needs the column {error} of the table {kind.table!r}, which "
                f"{self.run / 'results.json'} of another version of Remnant does not have; move that file away, then run the "
                "study again with --resume."
            ) from None
        kept = ' class="patient"' if view.private else ""
        return Markup(
            f'<figure{kept}><div class="scroll">{image}</div>'
            f"<figcaption><b>{escape(title)}.</b> {escape(view.caption)}</figcaption></figure>"
        )

    def _next(self, word: str) -> str:
        self._counts[word] += 1
        return f"{word} {self._counts[word]}"


def _private_image(run: Path, view: FigureView, rows: list[Row]) -> str:
    kind = FIGURES[view.kind]
    png = to_png(kind.draw(rows, kind.volumes(run, rows)))
    with atomic_path(private_folder(run, "figures") / f"{view.name}.png") as temporary:
        temporary.write_bytes(png)
    return f'<img alt="{escape(view.caption)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def _inline(svg: str, says: str) -> str:
    """The SVG as an element of the page: scaled to its column, with `says` as the alternative text."""
    svg = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r"<svg \1>", svg, count=1, flags=re.DOTALL)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(says)}" ', 1)
