"""The evidence below the decision sheet, for the engineer, and the annex: figures before tables, long tables in the annex."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from remnant.base.findings import AuditResults
from remnant.base.terms import RELEASE
from remnant.report.chapters import ANNEX, CHAPTERS
from remnant.report.chapters.folds import with_folds
from remnant.report.chapters.part import Part
from remnant.report.sections import Chapter, Chapters
from remnant.report.tables import MOST_ROWS


@dataclass(frozen=True)
class Evidence:
    """The chapters of the evidence and of the annex, and the annex's whole tables by title."""

    chapters: list[Chapter]
    annex: list[Chapter]
    longer: list[tuple[str, Markup]]


def evidence_of(run: Path, results: AuditResults) -> Evidence:
    """Draw the figures into RUN/figures and return the chapters."""
    parts = [part for make in CHAPTERS if (part := make(results))]
    parts += [with_folds(results, section) for section in results.sections]
    last = [part for make in ANNEX if (part := make(results))]
    tables = dict(results.tables)
    for part in (*parts, *last):
        tables |= part.rows
    for_release = any(one.startswith(RELEASE) for one in results.notices)
    chapters = Chapters(run, tables, most_rows=MOST_ROWS, for_release=for_release)
    shown = _shown(chapters, parts)
    chapters.most_rows = None
    annex = _shown(chapters, last)
    return Evidence(shown, annex, [(title, chapters.whole(table)) for title, table in chapters.longer])


def _shown(chapters: Chapters, parts: Sequence[Part]) -> list[Chapter]:
    return [chapters.chapter(part.section) for part in parts]
