"""What a chapter of the evidence is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from remnant.base.results import FigureView, Row, Section

VALUE = "{value} [{low}, {high}]"


@dataclass(frozen=True)
class Part:
    """A `section`, and by name the rows that its table and figures show, as far as results.json has no table of that name."""

    section: Section
    rows: Mapping[str, list[Row]] = field(default_factory=dict)


def figure(rows: list[Row], name: str, kind: str, caption: str) -> list[FigureView]:
    """The figure of a `kind`, none where there are no rows to show."""
    return [FigureView(name=name, kind=kind, caption=caption)] if rows else []
