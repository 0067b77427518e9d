"""From what the cells left to results.json: tables, prose, provenance."""

from collections.abc import Mapping
from typing import Any

from remnant.base.results import Results, Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.scans import Scans
from remnant.studies.frame import STUDY_OF_OURS, Cells, provenance_of, training_rows
from remnant.studies.kim2019 import page
from remnant.studies.kim2019.described import described
from remnant.studies.kim2019.findings import conclusion
from remnant.studies.kim2019.kept import all_kept, kept
from remnant.studies.kim2019.membership import BLIND
from remnant.studies.kim2019.records import STUDY, Fitted, Identity, Inversion, People, Segmented, Timed, Transferred
from remnant.studies.kim2019.settings import NAME, StudySettings
from remnant.studies.kim2019.tables import make_tables
from remnant.studies.kim2019.training import TRAIN, pretraining
from remnant.studies.kim2019.variants import Recipe, Variant
from remnant.studies.membership import restored

# What the pre-training of a recipe is called.
BEFORE: dict[Recipe, str] = {"ours": "pre-training", "kim2019": "pre-training, recipe of Kim 2019"}


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
    scans = kept(run, Scans, STUDY)
    tables = make_tables(
        variants,
        identities=all_kept(run, Identity),
        inversions=all_kept(run, Inversion),
        segmented=all_kept(run, Segmented),
        transferred=all_kept(run, Transferred),
        people=all_kept(run, People),
        timed=all_kept(run, Timed),
        fitted=all_kept(run, Fitted),
        blind=restored(cells[BLIND]["blind"]),
        seeds=Seeds(settings.seed).child("tables"),
    )
    events = run.events()
    tables["training"] = training_rows(events, _trained)
    tables["stage1"] = losses(events, variants)
    return Results(
        study=NAME,
        subject=STUDY_OF_OURS,
        notices=notices,
        **conclusion(tables, settings.preset)._asdict(),
        preset=settings.preset,
        command=command,
        patients=len(set(scans.patients)),
        scans=len(scans.patients),
        seed=settings.seed,
        settings=settings.resolved(),
        tables=tables,
        **provenance_of(run, cells),
        **page.words(tables, variants, page.attacked(tables, variants, scans), departures),
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
        pretraining(row["recipe"]): {"name": BEFORE[row["recipe"]], "recipe": row["recipe"]} for row in words.values()
    }
    trainings = {f"{TRAIN}-{key}": {name: row[name] for name in ("name", "recipe")} for key, row in words.items()}
    return [
        {"target": cell.removeprefix(f"{TRAIN}-"), **which, "term": term, "step": step, "value": value}
        for cell, which in (before | trainings).items()
        for (trained, term, step), value in values.items()
        if trained == cell
    ]


def _trained(cell: str) -> Row:
    """What was trained in a cell, by its name."""
    kind, _, what = cell.partition("-")
    return {"kind": kind, "target": what or None}
