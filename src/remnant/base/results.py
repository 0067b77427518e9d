"""The schema of results.json: all that a report needs, so that it can be made again on another machine."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

import pydantic

from remnant.base.errors import RemnantError
from remnant.base.files import read_json, write_json

Value = str | bool | int | float | None
Row = dict[str, Value]
Where = dict[str, Value | list[Value]]
FileStem = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=80)]


R = TypeVar("R", bound="ResultsPart")


class ResultsPart(pydantic.BaseModel):
    """A part of results.json: frozen, without unknown keys, infinities or NaN."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TableView(ResultsPart):
    """Which columns and rows of a flat table are shown, and how.

    `columns` maps a cell to its heading, in order. A cell is a column's name ("network") or a template that
    joins several columns of the row: "{own} [{own_low}, {own_high}]", "{rank1_count}/{n}", "{p:.4f}".
    `where` keeps the rows whose column has the given value, or one of a list of values.
    """

    name: str
    caption: str = ""
    columns: dict[str, str] = pydantic.Field(min_length=1)
    where: Where = {}


class FigureView(ResultsPart):
    """One figure: `name` is its file stem, `kind` a key of `remnant.report.figures.FIGURES`.

    `where` keeps rows of the kind's table, as in `TableView`. A private figure shows a patient's image.
    """

    name: FileStem
    kind: str
    caption: str = ""
    private: bool = False
    where: Where = {}


class Section(ResultsPart):
    """One chapter of the report: text, at most one table, figures."""

    title: str
    text: list[str] = []
    table: TableView | None = None
    figures: list[FigureView] = []


class Highlight(ResultsPart):
    """One number that stands large beside the verdict: "24/24", what it counts, and its interval or chance."""

    value: str
    label: str
    note: str = ""


class ResultsFile(ResultsPart):
    """The whole of a results.json."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and check a results.json of this kind; raise `RemnantError` naming the place that does not fit."""
        return read_results(cls, path)

    def write(self, path: Path) -> None:
        """Write the results as JSON, atomically."""
        write_json(path, self.model_dump(mode="json"))


class Results(ResultsFile):
    """All results of a finished run. `tables` are lists of flat rows; patients appear by pseudonym alone.

    `seconds` on the clock, pauses and other work on the machine included; `cpu_seconds` of the processor, summed over cells.
    `glossary`: words that the report explains; where there is none, those of attacks that search a gallery. `subject`: what
    kind of work this is, as the page's first line says it. `notices`: what a reader must know before any number, as that the
    patients are phantoms. `no_conclusion`: why no verdict may rest on these numbers, a sentence a reason; none where it may.
    `left_open`: where there is a verdict on some targets alone, on which others there is none, and then why.
    `cell_commits`: the commit that each cell was computed by, where the run mixes several. `labels`: the words that a person
    reads for stored values, beside those that every report knows.
    """

    study: str
    title: str
    preset: str
    command: str
    patients: int
    scans: int
    seed: int
    seconds: float
    cpu_seconds: float | None = None
    started: str
    hardware: dict[str, Value]
    versions: dict[str, str | None]
    checkpoints: dict[str, str]
    settings: dict[str, Any]
    subject: str = "Privacy audit in medical imaging"
    notices: list[str] = []
    no_conclusion: list[str] = []
    left_open: list[str] = []
    cell_commits: dict[str, str] = {}
    labels: dict[str, str] = {}
    headline: str
    highlights: list[Highlight] = []
    findings: list[str]
    threat_model: list[str]
    attacked: list[str]
    not_tested: list[str]
    measures: dict[str, str]
    glossary: dict[str, str] = {}
    tables: dict[str, list[Row]]
    sections: list[Section]

    @pydantic.model_validator(mode="after")
    def _views_name_what_exists(self) -> Self:
        require_views(self.sections, self.tables)
        return self


def require_views(sections: Sequence[Section], tables: Mapping[str, list[Row]]) -> None:
    """Raise `ValueError` where a section shows a table that is not there, or two figures have one name."""
    stems = [figure.name for section in sections for figure in section.figures]
    if repeated := sorted({stem for stem in stems if stems.count(stem) > 1}):
        raise ValueError(f"the figure name {repeated[0]!r} is used more than once")
    for section in sections:
        if section.table and section.table.name not in tables:
            raise ValueError(f"section {section.title!r} shows the table {section.table.name!r}, not in tables")


def read_results(kind: type[R], path: Path) -> R:
    """Read and check a results.json of this `kind`; raise `RemnantError` naming the place that does not fit."""
    value = read_json(path)
    if odd := next(_unwritable(value), None):
        raise RemnantError(
            f"{path} holds {odd}, which no run writes; run the study again with --resume to write it anew."
        )
    try:
        return kind.model_validate(value)
    except pydantic.ValidationError as error:
        raise RemnantError(
            f"{path} is not a results.json of this version of Remnant: {_problem(error)}. "
            "Run the study again with --resume to write it anew."
        ) from None


def matching(rows: list[Row], where: Where) -> list[Row]:
    """The rows whose columns have the values that `where` asks for."""
    wanted = {column: value if isinstance(value, list) else [value] for column, value in where.items()}
    return [row for row in rows if all(row.get(column) in values for column, values in wanted.items())]


def number(value: float) -> float | None:
    """JSON has no NaN: what the sample cannot support is null."""
    return float(value) if math.isfinite(value) else None


def _unwritable(value: Any) -> Iterator[str]:
    """What JSON allows and no file, number or figure can take up."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, str) and not item.isascii() and any("\ud800" <= letter <= "\udfff" for letter in item):
            yield "half a character (a lone surrogate)"
        elif isinstance(item, int) and abs(item) >= 2**63:
            yield "an integer of more than 18 digits"


def _problem(error: pydantic.ValidationError) -> str:
    """The first problem, without the input where that is a whole document."""
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the whole file"
    if problem["type"] == "missing":
        return f"{place} is missing"
    if isinstance(problem["input"], dict | list):
        return f"{place}: {problem['msg']}"
    return f"{place}: {problem['msg']}, got {str(problem['input'])[:80]!r}"
