"""From what the cells left to results.json: findings, the paper's tables, prose, provenance."""

from remnant.audit.cells.kept import kept_likely
from remnant.audit.cells.reader import kept_reader
from remnant.base.results import Results, Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.anonymity import Population
from remnant.studies.frame import STUDY_OF_OURS, Cells, provenance_of, training_rows
from remnant.studies.judged import judged_tables
from remnant.studies.lee2025 import page
from remnant.studies.lee2025.cells import attack_cell_name
from remnant.studies.lee2025.drawn import kept_drawn
from remnant.studies.lee2025.exposure import claims_of, controls_of, exposure_of, mitigation_rows
from remnant.studies.lee2025.findings import conclusion
from remnant.studies.lee2025.groups import OWN, read_groups
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.tables import make_tables, prior_rows
from remnant.studies.lee2025.targets import TARGETS
from remnant.studies.lee2025.training import target_cell_name

STUDY = "lee2025"


def conclude(
    run: Run,
    cells: Cells,
    settings: StudySettings,
    command: str,
    *,
    prior: tuple[str, str],
    population: tuple[Population, str],
    notices: list[str],
) -> Results:
    """The results of a run. `prior`: in words, and the hash of its file; `population` with where it is from; `notices` as in
    `Results`."""
    tables = _tables(run, cells, settings, population[0])
    claims = claims_of(run, settings)
    exposure = exposure_of(claims, controls_of(cells, claims), Seeds(settings.seed).child("findings"))
    trained = {str(row["target"]): row for row in tables["targets"]}
    tables["mitigations"] = mitigation_rows(claims, trained, Seeds(settings.seed).child("mitigations"))
    tables |= judged_tables(exposure.findings, exposure.told_controls)
    # Planted patients are members of another source.
    counted = [row for row in tables["patients"] if row["source"] != "planted"]
    found = provenance_of(run, cells)
    found["checkpoints"]["prior.safetensors"] = prior[1]
    return Results(
        study=STUDY,
        subject=STUDY_OF_OURS,
        notices=notices,
        **conclusion(exposure, tables, settings.preset)._asdict(),
        preset=settings.preset,
        command=command,
        patients=sum(row["patients"] for row in counted),
        scans=sum(row["images"] for row in counted),
        seed=settings.seed,
        settings=settings.resolved(),
        tables=tables,
        **found,
        **page.words(exposure, tables, side=settings.side, prior=prior[0], population=population),
    )


def _tables(run: Run, cells: Cells, settings: StudySettings, population: Population) -> dict[str, list[Row]]:
    """The tables beside the findings, of what the cells kept."""
    groups = {TARGETS[target].source: read_groups(run, TARGETS[target].source) for target in settings.targets}
    keys = [(target, attack) for target in settings.targets for attack in settings.methods_on(target)]
    reader = kept_reader(run, settings.seed)
    assert reader
    everybody = groups | {"public": read_groups(run, OWN)}
    return {
        **make_tables(
            {target: cells[target_cell_name(target)]["row"] for target in settings.targets},
            {key: cells[attack_cell_name(*key)] for key in keys},
            ((key, kept_drawn(run, *key)) for key in keys),
            {(target, attack): kept_likely(run.part(target), attack) for target, attack in keys},
            groups,
            reader,
            population=population,
            site=settings.site,
            seeds=Seeds(settings.seed).child("tables"),
        ),
        # Every target meets the same prior.
        "prior": list(prior_rows(kept_drawn(run, *keys[0]).prior, everybody)) if keys else [],
        **{
            kind: [row for name, told in cells.items() if name.startswith(f"{kind}-") for row in told["rows"]]
            for kind in ("ceiling", "identifiability")
        },
        "training": training_rows(run.events(), trained_in),
    }


def trained_in(cell: str) -> Row:
    """What was trained in a cell, by its name."""
    kind, _, target = cell.partition("-")
    return {"kind": kind, "target": target or None}
