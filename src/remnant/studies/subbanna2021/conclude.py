"""What a finished run of the study comes to."""

from remnant.base.results import Results, Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.case import Cohort
from remnant.cohort.notes import phantom_notices
from remnant.studies.frame import STUDY_OF_OURS, Cells, provenance_of, training_rows
from remnant.studies.judged import judged_tables
from remnant.studies.subbanna2021 import page
from remnant.studies.subbanna2021.claims import findings_of
from remnant.studies.subbanna2021.drawn import keep_pairs
from remnant.studies.subbanna2021.settings import StudySettings
from remnant.studies.subbanna2021.tables import make_tables

STUDY = "subbanna2021"


def conclude(run: Run, cohort: Cohort, cells: Cells, settings: StudySettings, command: str, *, keep: bool) -> Results:
    """The results of a run; `keep` what was drawn of everybody beside his own scans, for figures that show patients."""
    if keep:
        keep_pairs(run, settings)
    found, controls = findings_of(run, cells, settings)
    tables = make_tables(cells, settings.networks, settings.experiments, Seeds(settings.seed))
    tables |= {**judged_tables(found, controls), "training": training_rows(run.events(), _trained)}
    return Results(
        study=STUDY,
        title=page.TITLE,
        subject=STUDY_OF_OURS,
        notices=phantom_notices([cohort]),
        preset=settings.preset,
        command=command,
        patients=len(cohort.patients),
        scans=len(cohort.cases),
        seed=settings.seed,
        settings=settings.resolved(),
        tables=tables,
        **provenance_of(run, cells),
        **page.words(tables, found, cells, settings, cohort),
    )


def _trained(cell: str) -> Row:
    """What was trained in a cell, by its name."""
    kind, network, fold = cell.split("-")[:3]
    return {
        "network": network,
        "kind": "decoder" if kind == "attack" else kind,
        "fold": int(fold.removeprefix("fold")),
    }
