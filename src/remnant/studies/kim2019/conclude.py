"""From what the cells left to results.json: tables, prose, provenance."""

from collections.abc import Mapping
from typing import Any

from remnant.audit.materials.code_material import attacked_of, roles_of
from remnant.base.findings import Control
from remnant.base.results import Results, Row
from remnant.base.run import Run
from remnant.studies.frame import STUDY_OF_OURS, Cells, provenance_of
from remnant.studies.kim2019 import page
from remnant.studies.kim2019.materials import kept_scans
from remnant.studies.kim2019.plan import BLIND
from remnant.studies.kim2019.settings import STUDY, StudySettings
from remnant.studies.kim2019.subjects import subject_of
from remnant.studies.kim2019.tables import make_tables
from remnant.studies.kim2019.training import TRAIN, pretraining
from remnant.studies.kim2019.variants import RECIPE_WORDS, Recipe, Variant, described


def conclude(
    run: Run,
    cells: Cells,
    settings: StudySettings,
    variants: Mapping[str, Variant],
    command: str,
    notices: list[str],
    departures: list[str] | None = None,
) -> Results:
    """The results of a run of the study; `notices` as in `Results`.

    `departures`: in what the training by the paper's recipe differs from the paper's, where a variant follows it.
    """
    scans = kept_scans(run)
    roles = roles_of(scans)
    findings, tables = make_tables(
        variants,
        [subject_of(run, cells, name, roles) for name in variants],
        attacked_of(scans),
        roles,
        [Control(**one) for one in cells[BLIND]["controls"]],
        kind=scans.kind,
        queries=settings.attack.queries.queries,
        seed=settings.seed,
    )
    tables["stage1"] = losses(run.events(), variants)
    return Results(
        study=STUDY,
        subject=STUDY_OF_OURS,
        notices=notices,
        **page.conclusion(findings, tables, settings.preset)._asdict(),
        preset=settings.preset,
        command=command,
        patients=len(set(scans.patients)),
        scans=len(scans.patients),
        seed=settings.seed,
        settings=settings.resolved(),
        tables=tables,
        **provenance_of(run, cells),
        **page.words(findings, tables, variants, page.attacked(tables, variants, scans), departures),
    )


def losses(events: list[dict[str, Any]], variants: Mapping[str, Variant]) -> list[Row]:
    """The terms of every training of the networks, in the order of the variants; of a step that was done twice, the later."""
    values = {
        (event["cell"], term, event["step"]): value
        for event in events
        if event["event"] == "step"
        for term, value in event["terms"].items()
    }
    words = described(variants)
    before = {
        pretraining(row["recipe"]): {"name": _before(row["recipe"]), "recipe": row["recipe"]} for row in words.values()
    }
    trainings = {f"{TRAIN}-{key}": {name: row[name] for name in ("name", "recipe")} for key, row in words.items()}
    return [
        {"target": cell.removeprefix(f"{TRAIN}-"), **which, "term": term, "step": step, "value": value}
        for cell, which in (before | trainings).items()
        for (trained, term, step), value in values.items()
        if trained == cell
    ]


def _before(recipe: Recipe) -> str:
    """What the pre-training of a recipe is called."""
    return f"pre-training, {RECIPE_WORDS[recipe]}" if recipe in RECIPE_WORDS else "pre-training"
