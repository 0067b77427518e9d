"""From what the cells of one checkpoint's audit left to results.json."""

from typing import Any

import numpy as np

from remnant.attacks.checkpoint.methods import METHODS
from remnant.attacks.demographics import load_demographics
from remnant.attacks.membership.verdict import CANNOT_TELL
from remnant.audit.tables import balance_row
from remnant.base.provenance import sha256
from remnant.base.results import Results, Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.texts import counted_of
from remnant.cohort.case import Cohort
from remnant.measure.balance import balance
from remnant.studies.frame import AUDIT, AUDIT_OF_OURS, Cells, phantom_notices, provenance_of, training_rows
from remnant.studies.lee2025 import checkpoint_page
from remnant.studies.lee2025.cells import DEMOGRAPHICS, demographics_file
from remnant.studies.lee2025.checkpoint_page import Asking
from remnant.studies.lee2025.checkpoint_verdict import no_conclusion
from remnant.studies.lee2025.conclude import trained_in
from remnant.studies.lee2025.feeding import Feeding
from remnant.studies.lee2025.kept import OWN, Group, groups_file, read_attacked, read_groups
from remnant.studies.lee2025.leak_findings import Tables
from remnant.studies.lee2025.outputs import answers_against, does_its_task, output_cell_name, outputs_tested
from remnant.studies.lee2025.prior_tables import prior_rows
from remnant.studies.lee2025.settings import CheckpointSettings
from remnant.studies.lee2025.tables import NAMES, make_tables, patient_rows
from remnant.studies.lee2025.targets import COLUMNS
from remnant.studies.membership_tables import membership_tables
from remnant.targets.checkpoint import is_of_remnant

TARGET = "checkpoint"
NO_ANSWERS = (
    "Without the true answers only its certainty was tested, which sees less: name what its outputs mean by "
    "--finding, of a table that has the findings."
)
AT_CHANCE = (
    "That the model does its task on these images as they are given to it is not shown: {answers} right about training "
    "patients, where chance gives {by_chance:.0%}."
)
AGAINST_CHANCE = (
    "The model's outputs seem to mean other classes than was taken: {answers} right about training "
    "patients, fewer than chance gives ({by_chance:.0%}). Name the classes in their order by --finding."
)


def conclude_checkpoint(run: Run, cells: Cells, settings: CheckpointSettings, command: str, asking: Asking) -> Results:
    """The results of a run."""
    groups = {source: read_groups(run, source) for source in asking.sources}
    tables: Tables = {name: [] for name in NAMES}
    attacks = [cell for name, cell in cells.items() if name.startswith(f"attack-{TARGET}-")]
    methods = [name for name in METHODS if any(name in cell["methods"] for cell in attacks)]
    seeds = Seeds(settings.seed).child("tables")
    tables["prior"] = []
    if attacks:
        attacked = [read_attacked(run, TARGET, method) for cell in attacks for method in cell["methods"]]
        tables = make_tables(
            attacked,
            {source: own for source, own in groups.items() if source == "against"},
            {TARGET: _known(asking)},
            {TARGET: attacks},
            load_demographics(demographics_file(run)) if DEMOGRAPHICS in cells else None,
            population=asking.population,
            site=settings.site,
            seeds=seeds,
        )
        public = {"public": read_groups(run, OWN)} if groups_file(run, OWN).exists() else {}
        held = {source: own for source, own in groups.items() if source == "against"}
        tables["prior"] = [*prior_rows(attacked, held | public)]
    tables["training"] = training_rows(run.events(), trained_in)
    tables["input"] = [_input_row(asking.feeding)]
    tables["file"] = file_rows(asking)
    tables["balance"] = []
    cell = cells.get(output_cell_name(TARGET))
    if cell:
        own = groups["asked"]
        tables["patients"] = list(patient_rows({"against": own}))
        tables["balance"] = balance_rows(own)
        tables |= membership_tables(outputs_tested(run, cells, {TARGET: "asked"}, seeds.child("outputs")))
        tables["membership_verdicts"] = doubted(tables["membership_verdicts"], asking.feeding, cell["task"])
    patients = {patient for group in next(iter(groups.values()), {}).values() for patient in group.patients}
    found = provenance_of(run, cells)
    found["checkpoints"] = {"checkpoint": sha256(asking.checkpoint)} | found["checkpoints"]
    if asking.prior:
        found["checkpoints"]["prior.safetensors"] = sha256(asking.prior)
    return Results(
        study="checkpoint",
        title=checkpoint_page.TITLE,
        subject=AUDIT_OF_OURS if is_of_remnant(asking.checkpoint) else AUDIT,
        notices=phantom_notices(_cohorts(asking)),
        no_conclusion=no_conclusion(tables, settings.preset),
        preset=settings.preset,
        command=command,
        patients=len(patients),
        scans=sum(len(group.patients) for group in next(iter(groups.values()), {}).values()),
        seed=settings.seed,
        settings=_settings_used(settings, methods),
        tables=tables,
        **found,
        **checkpoint_page.words(tables, asking, methods, cell["task"] if cell else {}),
    )


def _settings_used(settings: CheckpointSettings, methods: list[str]) -> dict[str, Any]:
    """Of attacks on the weights that were not run, a report tells no settings."""
    used = settings.resolved()
    if methods:
        return used | {"methods": methods}
    return {
        name: value
        for name, value in used.items()
        if name not in ("methods", "attack", "ceiling", "site", "population")
    }


def _cohorts(asking: Asking) -> list[Cohort]:
    against = asking.given.against
    return [cohort for cohort in (asking.given.public, against and against.cohort) if cohort]


def doubted(rows: list[Row], feeding: Feeding, task: dict[str, Any]) -> list[Row]:
    """The `rows` of `membership_verdicts`, whose silence counts only where the target was given images as in its training.

    Where nothing says so, where it is at chance on those who trained it, or where the order of its classes is not clear, what was
    not shown cannot be told; nor where no true answers are known (`task` is empty), since certainty alone sees less. What was
    shown stands: answers that are noise distinguish nobody.
    """
    doubts = [feeding.doubt] if feeding.doubt else []
    if feeding.unordered:
        doubts.append(feeding.unordered)
    elif not task:
        doubts.append(NO_ANSWERS)
    elif answers_against(task):
        doubts.append(AGAINST_CHANCE.format(**task, answers=_answers(task)))
    elif does_its_task(task) is False:
        doubts.append(AT_CHANCE.format(**task, answers=_answers(task)))
    if not doubts:
        return rows
    return [
        row
        if row["outcome"] == "shown"
        else {**row, "outcome": "cannot tell", "sentence": " ".join([_known_reason(row), *doubts])}
        for row in rows
    ]


def _answers(task: dict[str, Any]) -> str:
    return counted_of(task["right"], task["asked"], "answer", "is", "are")


def _known_reason(row: Row) -> str:
    """What kept the verdict from telling already, such as too few patients."""
    return str(row["sentence"]) if row["outcome"] == "cannot tell" else CANNOT_TELL


def balance_rows(groups: dict[str, Group]) -> list[Row]:
    """How alike members and non-members are: age, sex, answers, images a patient, and greys."""
    both = [groups[name] for name in ("members", "non_members")]
    rows = []
    for trait, values in _traits(both).items():
        sides = [part for values_of, group in zip(values, both, strict=True) for part in (values_of, group.patients)]
        rows.append(balance_row(trait, balance(*sides)))
    return rows


def _traits(both: list[Group]) -> dict[str, list[np.ndarray]]:
    def of(read) -> list[np.ndarray]:
        return [np.asarray(read(group), dtype=float) for group in both]

    sexes = {"F": 1.0, "M": 0.0}
    traits = {
        "age": of(lambda group: group.ages),
        "women": of(lambda group: [sexes.get(sex, np.nan) for sex in group.sexes]),
        "images a patient": of(lambda group: [group.patients.count(patient) for patient in group.patients]),
        "mean grey": of(lambda group: group.images.mean((1, 2, 3))),
        "spread of greys": of(lambda group: group.images.std((1, 2, 3))),
    }
    labels = [group.labels for group in both]
    if any((own < 0).any() for own in labels):
        return traits
    if labels[0].ndim == 2:
        return traits | {
            f"finding {place}": [own[:, place].astype(float) for own in labels] for place in range(labels[0].shape[1])
        }
    classes = sorted(set(np.concatenate(labels).tolist()))
    return traits | {f"class {one}": [(own == one).astype(float) for own in labels] for one in classes[1:] or classes}


def file_rows(asking: Asking) -> list[Row]:
    """What was attacked, as its file tells, with what had to be assumed and what `remnant inspect` finds."""
    told = asking.given.described
    facts: list[tuple[str, Any]] = [
        ("file", asking.checkpoint.name),
        ("SHA-256", sha256(asking.checkpoint)),
        ("format", told.format),
        ("architecture", told.architecture),
        ("names of its tensors", told.dialect),
        ("channels", told.channels),
        ("outputs", told.classes),
        ("parameters", f"{told.parameters:,}"),
        *(("built with", f"{name} {value}") for name, value in (told.arguments or {}).items() if name != "name"),
        *(("assumed", text) for text in told.assumptions),
        *(("found in it", text) for text in told.findings),
        ("answers", asking.given.answers.words),
    ]
    return [{"fact": fact, "value": str(value)} for fact, value in facts if value is not None]


def _input_row(feeding: Feeding) -> Row:
    taken = feeding.input_range
    return {
        "size": taken.size,
        "channels": taken.channels,
        "range": feeding.words,
        "mean": ", ".join(f"{value:g}" for value in taken.mean),
        "std": ", ".join(f"{value:g}" for value in taken.std),
        "greys": feeding.view,
        "distance": feeding.distance,
        "first": feeding.first,
        "fits": None if feeding.distance is None else feeding.doubt is None,
    }


def _known(asking: Asking) -> dict[str, Any]:
    """What is known of the training of somebody else's target: by its file, and by what the owner's table says."""
    against = asking.given.against
    cases = against.groups["members"] if against else ()
    return dict.fromkeys(COLUMNS) | {
        "network": asking.given.described.architecture,
        "source": "against" if against else "",
        "patients": len({case.patient for case in cases}) or None,
        "images": len(cases) or None,
    }
