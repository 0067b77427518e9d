"""The chapters of a study's own tables, as a TOML file describes them: text, a table and figures each, and what they ask for."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remnant.base.results import FigureView, Section, TableView


def described_chapters(path: Path, holds: Mapping[str, bool], values: Mapping[str, Any]) -> list[Section]:
    """The chapters in the file, their figures and parts of their text (`said`), whose `only` `holds`; without one they are always
    there.

    In a `where` the texts among the keys of `values`, such as `$decoders`, stand for what these are. A figure with `each`, such
    as `network`, is drawn for each of the `values` of that name, a mapping to words: of these rows alone, and called after them.
    """
    told = tomllib.loads(path.read_text("utf-8"))["chapter"]
    return [_section(one, holds, values) for one in told if _asked(one, holds)]


def described_labels(path: Path) -> dict[str, str]:
    """What the study calls its stored values, by `[labels]` in the file."""
    return tomllib.loads(path.read_text("utf-8"))["labels"]


def _asked(told: Mapping[str, Any], holds: Mapping[str, bool]) -> bool:
    return "only" not in told or holds[told["only"]]


def _section(told: Mapping[str, Any], holds: Mapping[str, bool], values: Mapping[str, Any]) -> Section:
    figures = [each for one in told.get("figures", ()) if _asked(one, holds) for each in _each(one, values)]
    text = [{"said": one} if isinstance(one, str) else one for one in told.get("text", ())]
    return Section(
        title=told["title"],
        text=[one["said"] for one in text if _asked(one, holds)],
        table=TableView(**_with_where(told["table"], values)) if "table" in told else None,
        figures=[FigureView(**_with_where(one, values)) for one in figures],
    )


def _each(told: Mapping[str, Any], values: Mapping[str, Any]) -> list[dict[str, Any]]:
    one = {key: value for key, value in told.items() if key != "each"}
    if "each" not in told:
        return [one]
    return [
        {
            **one,
            "name": f"{one['name']}-{value}",
            "caption": f"{words}: {one['caption']}",
            "where": one.get("where", {}) | {told["each"]: value},
        }
        for value, words in values[told["each"]].items()
    ]


def _with_where(told: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    where = {
        key: values.get(value, value) if isinstance(value, str) else value
        for key, value in told.get("where", {}).items()
    }
    return {key: value for key, value in told.items() if key != "only"} | {"where": where}
