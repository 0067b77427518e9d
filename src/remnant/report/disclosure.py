"""What of a run's results may be told outside: no row a patient, no count and no share of a few (statistical disclosure control).

Thresholds on cells, with the complement and whatever gives a withheld cell back, are those of Griffiths et al., "Handbook on
Statistical Disclosure Control for Outputs" (2019).
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remnant.base.errors import RemnantError
from remnant.base.results import Highlight, Results, Row, Section, matching
from remnant.report.few import bound, coarse, counts_few
from remnant.report.few_rows import GROUP_COUNTS, is_count, without_few, without_small_cells
from remnant.report.figures import FIGURES

PSEUDONYM = re.compile(r"\bP-[0-9a-f]{8}\b")
PERSON = {"pseudonym", "patient", "subject"}  # a table with one of these columns has a row a patient


@dataclass(frozen=True)
class Aggregate:
    """`results` without what is withheld; `left_out`: in words, each thing that is not among them."""

    results: Results
    left_out: tuple[str, ...]


def aggregate(results: Results, smallest: int) -> Aggregate:
    """The results as they may be told: groups of patients alone, none of them and no part of them fewer than `smallest`.

    Tables with a row a patient go, with the figures that draw a dot a patient. Of a row about fewer than `smallest` patients
    the values go. A count of fewer than `smallest`, or of all but fewer, becomes a bound ("<10", ">14"), and its share goes, as
    does, with its interval, any share that comes to such a count ("3.3%" of 60); of a frequency table with such a cell all
    cells go. Sentences with such a count or share go too, and the verdict keeps a bound. The report can be made of what is left.
    Raises `RemnantError` where the run has no group of that size.
    """
    _enough(results, smallest)
    tables, sections, left_out, sizes = told_tables(results.tables, results.sections, smallest, {results.patients})
    headline = coarse(results.headline, smallest, sizes)
    if headline is None:
        headline = f"The verdict counts fewer than {smallest} patients and is not told outside."
        left_out.append("the verdict")
    findings = [text for text in results.findings if not counts_few(text, smallest, sizes)]
    highlights = [kept for one in results.highlights if (kept := _highlight(one, smallest, sizes))]
    for word, before, after in (
        ("findings", results.findings, findings),
        ("highlights", results.highlights, highlights),
    ):
        left_out += [f"{len(before) - len(after)} of {len(before)} {word}"] if len(after) < len(before) else []
    changed = {
        "tables": tables,
        "sections": sections,
        "headline": headline,
        **{
            name: [
                f"A group had fewer than {smallest} patients." if counts_few(text, smallest, sizes) else text
                for text in getattr(results, name)
            ]
            for name in ("notices", "no_conclusion", "left_open", "threat_model", "attacked", "not_tested")
        },
        "findings": findings,
        "highlights": highlights,
        "command": without_folders(results.command),
        "settings": _settings(results.settings),
    }
    told = Results.model_validate(without_pseudonyms(results.model_copy(update=changed).model_dump()))
    return Aggregate(told, tuple(left_out))


def told_tables(
    before: Mapping[str, list[Row]], shown: Sequence[Section], smallest: int, sizes: Collection[int]
) -> tuple[dict[str, list[Row]], list[Section], list[str], set[int]]:
    """Tables and the sections that show them as they may be told; what was left out, in words; the sizes of all groups.

    `sizes` are those of groups that are known beside the tables.
    """
    personal = {name for name, rows in before.items() if any(PERSON & row.keys() for row in rows)}
    personal |= {kind.table for kind in FIGURES.values() if kind.people and before.get(kind.table)}
    where = {column for view in _views(shown) for column in view}
    tables = {
        name: without_small_cells([without_few(row, smallest, where) for row in rows], smallest)
        for name, rows in before.items()
        if name not in personal
    }
    left_out = [f"the table `{name}`, which has a row a patient" for name in sorted(personal)]
    # Whom "3% of the members" may mean, where no number stands beside it.
    counts = {
        row[name] for table in before.values() for row in table for name in GROUP_COUNTS if is_count(row.get(name))
    }
    sections = []
    for section in shown:
        kept, gone = _section(section, before, tables, smallest, {*sizes, *counts})
        left_out += gone
        sections += [kept] if kept else []
    return tables, sections, left_out, {*sizes, *counts}


def _enough(results: Results, smallest: int) -> None:
    rows = [row for table in results.tables.values() for row in table]
    sizes = [row[name] for row in rows for name in ("patients", "members") if is_count(row.get(name))]
    sizes = sizes or [row["n"] for row in rows if is_count(row.get("n"))]
    largest = min(results.patients, max(sizes, default=results.patients))
    if largest < smallest:
        raise RemnantError(
            f"The largest group of patients in these results has {largest}, fewer than --min-cell {smallest}, so that nothing of "
            "them may leave; audit more patients, or lower --min-cell where the cohort is public."
        )


def _views(sections: Sequence[Section]) -> Iterable[dict]:
    for section in sections:
        yield from (view.where for view in (*([section.table] if section.table else []), *section.figures))


def _section(
    section: Section,
    before: Mapping[str, list[Row]],
    tables: dict[str, list[Row]],
    smallest: int,
    sizes: Collection[int],
) -> tuple[Section | None, list[str]]:
    """The section with what can still be shown, or None where that is nothing, and what was left out of it."""
    table, figures, gone = section.table, [], []

    def said(caption: str) -> str:
        return " ".join(text for text in re.split(r"(?<=[.;]) ", caption) if not counts_few(text, smallest, sizes))

    if table:
        table = table.model_copy(update={"caption": said(table.caption)})
    if table and (table.name not in tables or (before[table.name] and not tables[table.name])):
        gone.append(f"the table of {section.title!r}")
        table = None
    elif table and tables[table.name] != before[table.name]:
        note = (
            f"Withheld (–, <, >): counts of fewer than {smallest} patients, or of all but fewer, and what tells them."
        )
        table = table.model_copy(update={"caption": f"{table.caption} {note}".strip()})
    for view in section.figures:
        name = FIGURES[view.kind].table if view.kind in FIGURES else ""
        whole = matching(before.get(name, []), view.where)
        if view.private or name not in tables or matching(tables[name], view.where) != whole:
            gone.append(f"the figure {view.name!r}")
        else:
            figures.append(view.model_copy(update={"caption": said(view.caption)}))
    text = [one for one in section.text if not counts_few(one, smallest, sizes)]
    if not (table or figures) and (section.table or section.figures):
        return None, gone
    return section.model_copy(update={"table": table, "figures": figures, "text": text}), gone


def _highlight(one: Highlight, smallest: int, sizes: Collection[int]) -> Highlight | None:
    """The highlight, a count of it as a bound and then without its share."""
    if not counts_few(f"{one.value} {one.label} {one.note}", smallest, sizes):
        return one
    value = re.fullmatch(r"(\d+)/(\d+)", one.value)
    if not value or int(value[2]) < smallest or counts_few(one.label, smallest):
        return None
    told = bound(int(value[1]), smallest, int(value[2]))
    return Highlight(value=f"{told}/{value[2]}", label=one.label)


def without_pseudonyms(value: Any) -> Any:
    """A value of JSON with "a patient" in place of a pseudonym in any of its texts: over several runs it may tell who is who."""
    if isinstance(value, dict):
        return {without_pseudonyms(name): without_pseudonyms(item) for name, item in value.items()}
    if isinstance(value, list):
        return [without_pseudonyms(item) for item in value]
    return PSEUDONYM.sub("a patient", value) if isinstance(value, str) else value


def without_folders(text: str) -> str:
    """Paths without the folders before their last name, which tell users and machines."""
    return re.sub(r"(?<![^\s'\"=])(?:~|\.{0,2}|[A-Za-z]:)[/\\](?:[^\s'\"/\\]+[/\\])*(?=[^\s'\"/\\])", "", text)


def _settings(value):
    if isinstance(value, dict):
        return {name: _settings(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_settings(item) for item in value]
    return without_folders(value) if isinstance(value, str) else value
