"""The chapters of the report, on the study's own tables as `chapters.toml` describes them."""

from pathlib import Path

from remnant.base.results import Section
from remnant.measure.overlaps import OVERALL
from remnant.report.words import label
from remnant.studies.chapters import described_chapters
from remnant.studies.judged import controls_section, findings_section
from remnant.studies.kim2019.identity_tables import primary_kind
from remnant.studies.kim2019.summary_tables import Tables

CHAPTERS = Path(__file__).parent / "chapters.toml"
# In the file these stand for a column a class of the segmentation, and for what differs from the paper's own recipe.
CLASSES, DEPARTURES = "$classes", "$departures"


def sections(tables: Tables, departures: list[str] | None = None) -> list[Section]:
    """Every chapter that has anything to show; `departures` from the paper's own recipe, where a variant follows it."""
    holds = {"stage1": False, **{name: bool(rows) for name, rows in tables.items()}}
    # Without a segmenter of raw scans nobody knows what was lost.
    holds |= {"losses": any(row["loss"] is not None for row in tables["trade_off"]), "departures": bool(departures)}
    first, *rest = described_chapters(CHAPTERS, holds, {"$kind": primary_kind(tables["identity"])})
    return [
        first,
        findings_section(
            tables, ["The same attacks on every way to send a scan, and on the segmentation of what is sent."]
        ),
        controls_section(),
        *(_filled(section, tables, departures or []) for section in rest),
    ]


def _filled(section: Section, tables: Tables, departures: list[str]) -> Section:
    text = [each.replace(DEPARTURES, " ".join(departures)) for each in section.text]
    table = section.table
    if table and CLASSES in table.columns:
        classes = dict.fromkeys(str(row["class"]) for row in tables[table.name.removesuffix("_by_class")])
        # The paper's numbers stand in brackets.
        own = {f"{{{one}:.3f}} ({{published_{one}:.3f}})": label(one) for one in classes if one != OVERALL}
        places = ((own if cell == CLASSES else {cell: head}) for cell, head in table.columns.items())
        table = table.model_copy(update={"columns": {cell: head for some in places for cell, head in some.items()}})
    return section.model_copy(update={"text": text, "table": table})
