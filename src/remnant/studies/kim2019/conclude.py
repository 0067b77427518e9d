"""From what the cells left to results.json: tables, prose, provenance."""

from collections.abc import Mapping
from typing import Any

from remnant.base.config import Settings
from remnant.base.results import Results, Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.studies.frame import Cells, provenance_of, training_rows
from remnant.studies.kim2019 import page
from remnant.studies.kim2019.described import described
from remnant.studies.kim2019.findings import conclusion
from remnant.studies.kim2019.kept import all_kept, kept
from remnant.studies.kim2019.membership import BLIND
from remnant.studies.kim2019.records import (
    STUDY,
    Fitted,
    Identity,
    Inversion,
    People,
    Scans,
    Segmented,
    Timed,
    Transferred,
)
from remnant.studies.kim2019.tables import make_tables
from remnant.studies.kim2019.training import PRETRAIN, TRAIN
from remnant.studies.kim2019.variants import Variant
from remnant.studies.membership import restored


def conclude(
    run: Run,
    cells: Cells,
    study: str,
    preset: str,
    seed: int,
    settings: Settings,
    variants: Mapping[str, Variant],
    command: str,
    *,
    subject: str,
    notices: list[str],
) -> Results:
    """The results of a run of the study, or of the evaluation of one defence; `subject` and `notices` as in `Results`."""
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
        seeds=Seeds(seed).child("tables"),
    )
    events = run.events()
    tables["training"] = training_rows(events, _trained)
    tables["stage1"] = losses(events, variants)
    return Results(
        study=study,
        subject=subject,
        notices=notices,
        **conclusion(tables, preset, trained=any(name.startswith(f"{TRAIN}-") for name in cells))._asdict(),
        preset=preset,
        command=command,
        patients=len(set(scans.patients)),
        scans=len(scans.patients),
        seed=seed,
        settings=settings.resolved(),
        tables=tables,
        **provenance_of(run, cells),
        **page.words(tables, variants, page.attacked(tables, variants, scans)),
    )


def losses(events: list[dict[str, Any]], variants: Mapping[str, Variant]) -> list[Row]:
    """The terms of every training of the networks, in the order of the variants; of a step that was done twice, the later."""
    values = {
        (event["cell"], term, event["step"]): value
        for event in events
        if event["event"] == "step"
        for term, value in event["terms"].items()
    }
    names = {PRETRAIN: "pre-training"} | {f"{TRAIN}-{key}": row["name"] for key, row in described(variants).items()}
    return [
        {"target": cell.removeprefix(f"{TRAIN}-"), "name": name, "term": term, "step": step, "value": value}
        for cell, name in names.items()
        for (trained, term, step), value in values.items()
        if trained == cell
    ]


def _trained(cell: str) -> Row:
    """What was trained in a cell, by its name."""
    kind, _, what = cell.partition("-")
    return {"kind": kind, "target": what or None}
