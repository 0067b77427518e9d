"""From what the cells left to results.json: tables, prose, provenance."""

from collections.abc import Mapping, Sequence
from typing import Any

from remnant.attacks.checkpoint.methods import METHODS
from remnant.attacks.demographics import load_demographics
from remnant.base.results import Results, Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.anonymity import Population
from remnant.studies.frame import STUDY_OF_OURS, Cells, provenance_of, training_rows
from remnant.studies.lee2025 import page
from remnant.studies.lee2025.cells import demographics_file
from remnant.studies.lee2025.findings import conclusion
from remnant.studies.lee2025.kept import OWN, Source, read_attacked, read_groups
from remnant.studies.lee2025.outputs import outputs_tested
from remnant.studies.lee2025.prior_tables import prior_rows
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.tables import make_tables
from remnant.studies.membership_tables import membership_tables


def conclude(
    run: Run,
    cells: Cells,
    study: str,
    settings: StudySettings,
    command: str,
    *,
    trained: Mapping[str, Mapping[str, Any]],
    sources: Sequence[Source],
    side: int,
    prior: tuple[str, str],
    population: tuple[Population, str],
    notices: list[str],
) -> Results:
    """The results of a run. `trained`: what is known of each target; `sources`: whose patients were held against candidates.

    `prior`: in words, and the hash of its file; `population` with where it is from; `notices` as in `Results`.
    """
    attacks = {
        target: [cell for name, cell in cells.items() if name.startswith(f"attack-{target}-")] for target in trained
    }
    methods = [name for name in METHODS if any(name in cell["methods"] for own in attacks.values() for cell in own)]
    attacked = [
        read_attacked(run, target, method)
        for target, own in attacks.items()
        for cell in own
        for method in cell["methods"]
    ]
    groups = {source: read_groups(run, source) for source in sources}
    tables = make_tables(
        attacked,
        groups,
        trained,
        attacks,
        load_demographics(demographics_file(run)),
        population=population[0],
        site=settings.site,
        seeds=Seeds(settings.seed).child("tables"),
    )
    tables["prior"] = [*prior_rows(attacked, groups | {"public": read_groups(run, OWN)})]
    for name in ("ceiling", "identifiability"):
        tables[name] = [row for cell, told in cells.items() if cell.startswith(f"{name}-") for row in told["rows"]]
    own = {target: str(told["source"]) for target, told in trained.items()}
    tables |= membership_tables(outputs_tested(run, cells, own, Seeds(settings.seed).child("outputs")))
    tables["training"] = training_rows(run.events(), trained_in)
    # Planted patients are members of another source.
    counted = [group for source in sources if source != "planted" for group in groups[source].values()]
    found = provenance_of(run, cells)
    found["checkpoints"]["prior.safetensors"] = prior[1]
    return Results(
        study=study,
        title=page.TITLE,
        subject=STUDY_OF_OURS,
        notices=notices,
        **conclusion(tables, settings.preset)._asdict(),
        preset=settings.preset,
        command=command,
        patients=len({patient for group in counted for patient in group.patients}),
        scans=sum(len(group.patients) for group in counted),
        seed=settings.seed,
        settings=settings.resolved(),
        tables=tables,
        **found,
        **page.words(
            tables,
            side=side,
            prior=prior[0],
            methods=methods,
            population=population[0],
            population_words=population[1],
        ),
    )


def trained_in(cell: str) -> Row:
    """What was trained in a cell, by its name."""
    kind, _, target = cell.partition("-")
    return {"kind": kind, "target": target or None}
