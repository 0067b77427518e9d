"""The chapters of a study's own tables, as a TOML file describes them: text, a table and figures each, and what they ask for."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remnant.base.results import FigureView, Section, TableView


def described_chapters(path: Path, holds: Mapping[str, bool], values: Mapping[str, Any]) -> list[Section]:
    """The chapters in the file, and their figures, whose `only` `holds`; without one they are always there.

    In a `where` the texts among the keys of `values`, such as `$decoders`, stand for what these are.
    """
    told = tomllib.loads(path.read_text("utf-8"))["chapter"]
    return [_section(one, holds, values) for one in told if _asked(one, holds)]


def _asked(told: Mapping[str, Any], holds: Mapping[str, bool]) -> bool:
    return "only" not in told or holds[told["only"]]


def _section(told: Mapping[str, Any], holds: Mapping[str, bool], values: Mapping[str, Any]) -> Section:
    figures = [one for one in told.get("figures", ()) if _asked(one, holds)]
    return Section(
        title=told["title"],
        text=list(told.get("text", ())),
        table=TableView(**_with_where(told["table"], values)) if "table" in told else None,
        figures=[FigureView(**_with_where(one, values)) for one in figures],
    )


def _with_where(told: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    where = {
        key: values.get(value, value) if isinstance(value, str) else value
        for key, value in told.get("where", {}).items()
    }
    return {key: value for key, value in told.items() if key != "only"} | {"where": where}
