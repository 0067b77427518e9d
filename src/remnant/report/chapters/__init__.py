"""The chapters of the report on an audit, each made from its results.json: a new one is a file and a line in a list."""

from collections.abc import Callable

from remnant.base.findings import AuditResults
from remnant.report.chapters.attributes import attributes
from remnant.report.chapters.balance import balance
from remnant.report.chapters.controls import controls
from remnant.report.chapters.exposure import exposure, exposure_groups, own_thresholds
from remnant.report.chapters.findings import all_findings, strongest_findings
from remnant.report.chapters.jointly import jointly
from remnant.report.chapters.part import Part
from remnant.report.chapters.reach import low_roc, reach
from remnant.report.chapters.remarks import remarks
from remnant.report.chapters.roc import roc
from remnant.report.chapters.verdict import verdict
from remnant.report.chapters.what_to_do import what_to_do

# What a chapter is: from the results to a part of the page, None where there is nothing to show.
ChapterOf = Callable[[AuditResults], Part | None]

# In their order on the page; below them stand the sections that results.json brings along.
CHAPTERS: tuple[ChapterOf, ...] = (
    *(verdict, remarks, strongest_findings, what_to_do, roc, low_roc, reach),
    *(exposure, exposure_groups, own_thresholds),
    *(attributes, controls),
)
ANNEX: tuple[ChapterOf, ...] = (all_findings, jointly, balance)
