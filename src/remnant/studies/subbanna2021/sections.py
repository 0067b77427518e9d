"""The report's chapters: what was judged, and around it those on the study's own tables, which `chapters.toml` describes."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from remnant.base.results import FigureView, Row, Section, TableView
from remnant.studies.judged import controls_section, findings_section
from remnant.studies.subbanna2021.experiments import PAPER
from remnant.studies.subbanna2021.findings import NAMES
from remnant.studies.subbanna2021.settings import StudySettings

CHAPTERS = Path(__file__).parent / "chapters.toml"
FIRST = 2  # chapters before what was judged
JUDGED = (
    "Each network of each fold is one target: the images that an attack reconstructs search the images of all who were attacked, "
    "by correlation. Where patients were scanned twice, a reconstruction also searches for the other scan (linkage).",
    "Membership by the model's own output is of all folds together, since a patient is a member of one fold's network and a "
    "non-member of another's. The test deals patients anew as a whole.",
)


def sections(tables: Mapping[str, list[Row]], settings: StudySettings, decoder: str) -> list[Section]:
    """The chapters that these tables and settings ask for; `decoder` is the one that finds most patients."""
    holds, values = _conditions(tables, settings, decoder), _values(settings, decoder)
    described = tomllib.loads(CHAPTERS.read_text("utf-8"))["chapter"]
    own = [_section(one, settings, holds, values) for one in described if "only" not in one or holds[one["only"]]]
    return [*own[:FIRST], findings_section(tables, JUDGED), *own[FIRST:], controls_section()]


def _conditions(tables: Mapping[str, list[Row]], settings: StudySettings, decoder: str) -> dict[str, bool]:
    shown = {name: bool(rows) for name, rows in tables.items()}
    return shown | {
        "metrics": len(settings.metrics) > 1,
        "deformation": settings.deformation and decoder in PAPER,
        "skull": settings.skull,
        "beside": any(experiment not in PAPER for experiment in settings.experiments),
    }


def _values(settings: StudySettings, decoder: str) -> dict[str, Any]:
    # Those of the paper's tables, and the strongest where it is none of them.
    decoders = list(dict.fromkeys([*PAPER, decoder]))
    return {
        "$strongest": decoder,
        "$decoders": decoders,
        "$searching": [*decoders, "mean_image"],
        "$metrics": list(settings.metrics),
        "$measures": [*settings.metrics, *(["deformation"] if settings.deformation else [])],
        "$experiments": list(settings.experiments),
        "$compared": "member" if settings.design == "two_groups" else "non_member",
    }


def _section(
    told: dict[str, Any], settings: StudySettings, holds: Mapping[str, bool], values: Mapping[str, Any]
) -> Section:
    said = [told.get("text_of", {}).get(experiment) for experiment in settings.experiments]
    table = told.get("table")
    return Section(
        title=told["title"],
        text=[*told.get("text", ()), *filter(None, said)],
        table=TableView(**{**table, "where": _where(table, values)}) if table else None,
        figures=[
            figure
            for one in told.get("figures", ())
            if "only" not in one or holds[one["only"]]
            for figure in _figures(one, settings, values)
        ],
    )


def _figures(told: dict[str, Any], settings: StudySettings, values: Mapping[str, Any]) -> Iterator[FigureView]:
    kept = {key: value for key, value in told.items() if key not in ("only", "each_network")}
    kept["where"] = _where(told, values)
    if not told.get("each_network"):
        yield FigureView(**kept)
        return
    for network in settings.networks:
        named = {"name": f"{told['name']}-{network}", "caption": f"{NAMES[network]}: {told['caption']}"}
        yield FigureView(**{**kept, **named, "where": kept["where"] | {"network": network}})


def _where(told: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: values.get(value, value) if isinstance(value, str) else value
        for key, value in told.get("where", {}).items()
    }
