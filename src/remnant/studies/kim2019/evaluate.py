"""`remnant protect evaluate`: one trained Privacy-Net, measured and attacked as the study does it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.provenance import sha256
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.case import Cohort, Prepared
from remnant.cohort.notes import log_notes, phantom_notices
from remnant.cohort.read import read_cohort
from remnant.cohort.revisit import RevisitSettings
from remnant.cohort.template import Template
from remnant.defenses.privacynet.deploy import MARGIN
from remnant.defenses.privacynet.networks import ENCODER, SEGMENTER, Client, load_client
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.defenses.privacynet.train import PATIENTS, patients_of
from remnant.defenses.privacynet.train import STUDY as TRAINED
from remnant.defenses.privacynet.view import View
from remnant.engine.cells import Cell
from remnant.measure.correlation import ncc_matrix
from remnant.studies.frame import Asked, Cells, carry_out
from remnant.studies.kim2019.attacking import IDENTITY, identity_cell
from remnant.studies.kim2019.conclude import conclude
from remnant.studies.kim2019.estimate import foretell
from remnant.studies.kim2019.kept import keep, kept, record_file
from remnant.studies.kim2019.plan import blind_baseline, measuring_cells
from remnant.studies.kim2019.records import RAW, STUDY, Role, Scans
from remnant.studies.kim2019.roles import check_cohort, check_roles, prepare_scans
from remnant.studies.kim2019.settings import AttackSettings, preset
from remnant.studies.kim2019.study import DRAWN, PASSING, second_cohorts, write_second
from remnant.studies.kim2019.training import cell_name
from remnant.studies.kim2019.variants import VARIANTS, Variant

NAME = "privacynet_evaluation"
GIVEN = "given"
SUBJECT = "Evaluation of a Privacy-Net that Remnant trained"


class EvaluationSettings(Settings):
    """How a trained Privacy-Net is attacked; `revisits`: how visits are simulated, None where there are real ones."""

    preset: Literal["smoke", "cpu", "paper"]
    attack: AttackSettings
    revisits: RevisitSettings | None = None
    seed: int = 0


def evaluation_preset(name: str) -> EvaluationSettings:
    """The attacks of the study's preset of this name."""
    return EvaluationSettings(preset=name, attack=preset(name).attack)


def evaluate(
    trained: Path,
    data: Path,
    settings: EvaluationSettings,
    asked: Asked,
    *,
    second: Sequence[Path] = (),
    cache: Path | None = None,
) -> Path:
    """Measure and attack the networks of a run of `remnant protect train` into `asked.out`; return the path of the report.

    `data`: a cohort with patients whom the networks were trained on, whom the attacker is taken to own, and others, who are
    attacked. Raises `RemnantError` for input that does not serve: for networks that were not trained together and a run that
    does not say whom it was trained on, before there is a run; for scans unlike those of the training.
    """
    client, patch = load_client(trained), View.load(trained).patch
    run_of_training = _run_of(trained)
    net = PrivacyNetSettings.checked(**read_json(run_of_training.path / "config.json"))
    cohort, others = read_cohort(data), second_cohorts(second)
    for each in (cohort, *others.values()):
        check_cohort(each)
    roles = _roles(run_of_training, cohort)
    check_roles(cohort, roles, simulated=settings.revisits is not None)
    name = _name(net)
    variants = {
        RAW: VARIANTS[RAW],
        name: VARIANTS.get(name, Variant(net.method, "the networks given", net.adversary, net.lambda_)),
    }
    digest = sha256(Path(trained) / "checkpoints" / SEGMENTER)
    config = {
        **settings.resolved(),
        "trained": digest,
        "data": str(data),
        "second": [str(path) for path in second],
    }

    def prepared(run: Run) -> list[Cell]:
        scans = _scans(run, cohort, others, roles, client, settings, cache, asked)
        given = {"attack": settings.attack, "seed": settings.seed}
        control = {"variant": RAW, "view": "code", "folder": None, **given}
        cells = [
            *measuring_cells(
                name, variants[name], Path(trained).resolve(), settings.attack, settings.seed, scans, tuple(others)
            ),
            Cell(cell_name(IDENTITY, RAW, "code"), identity_cell, control),
            blind_baseline(settings.seed, spread=False),
        ]
        patients = sum(len(other.patients) for other in others.values())
        if not asked.quiet:
            nets = {"ours": net.changed(patch=patch)}
            foretell(run, nets, settings.attack, variants, cells, scans, patients, asked.workers)
        return cells

    def concluded(run: Run, cells: Cells) -> Results:
        results = conclude(
            run,
            cells,
            NAME,
            settings.preset,
            settings.seed,
            settings,
            variants,
            asked.command,
            subject=SUBJECT,
            notices=phantom_notices([cohort, *others.values()]),
        )
        # By the encoder's a client finds what is known of its codes.
        digests = {ENCODER: sha256(Path(trained) / "checkpoints" / ENCODER), SEGMENTER: digest}
        return results.model_copy(update={"checkpoints": digests})

    given = {"data": cohort, **others}
    return carry_out(NAME, asked, config, prepared, concluded, passing=PASSING, drawn=DRAWN, cohorts=given)


def _run_of(trained: Path) -> Run:
    """The run of training; raises `RemnantError` where it is none, or its patients are no longer known."""
    run = Run.open(trained)
    if read_json(run.path / "run.json").get("study") != TRAINED or not (run.private / PATIENTS).exists():
        raise RemnantError(
            f"{trained} does not say whom its networks were trained on, and without that nobody can be attacked as an unseen "
            "patient; give a run of `remnant protect train` that was not purged."
        )
    return run


def _roles(trained: Run, cohort: Cohort) -> dict[str, Role]:
    training = set(patients_of(trained)["training"])
    return {patient: "training" if patient in training else "test" for patient in cohort.patients}


def _name(net: PrivacyNetSettings) -> str:
    """The variant of the study that these networks are, or `GIVEN`."""
    for name, variant in VARIANTS.items():
        plays = (variant.adversary, variant.lambda_) == (net.adversary, net.lambda_) or not variant.encodes
        if variant.recipe == "ours" and variant.method == net.method and plays:
            return name
    return GIVEN


def _scans(
    run: Run,
    cohort: Cohort,
    others: dict[str, Cohort],
    roles: dict[str, Role],
    client: Client,
    settings: EvaluationSettings,
    cache: Path | None,
    asked: Asked,
) -> Scans:
    """The cohorts as the client prepares a scan: on its grid, to its template."""
    if all(record_file(run, Scans, name).exists() for name in (STUDY, *others)):
        return kept(run, Scans, STUDY)
    log_notes(run, cohort, *others.values())
    how = {"cache": cache, "workers": asked.workers, "quiet": asked.quiet}
    preparation = client.preparation.changed(shape=client.grid.shape)
    template = None if client.template is None else Template(client.template.numpy(), client.grid)
    seeds = Seeds(settings.seed).child("scans")

    def check(prepared: Prepared) -> None:
        _check_likeness(prepared, client)

    scans, _ = prepare_scans(
        run, STUDY, cohort, roles, preparation, settings.revisits, seeds, template=template, check=check, **how
    )
    write_second(run, others, preparation, template, seeds, **how)
    keep(run, scans)
    return scans


def _check_likeness(prepared: Prepared, client: Client) -> None:
    """Raise `RemnantError` for a scan that is less like the template than any that the networks were trained on."""
    if client.template is None:
        return
    found = ncc_matrix(prepared.images[:, 0], client.template.numpy()[None])[:, 0]
    worst = int(found.argmin())
    if found[worst] < client.likeness - MARGIN:
        raise RemnantError(
            f"{prepared.cases[worst].image} does not look like the scans that the networks were trained on (correlation with "
            f"their mean {found[worst]:.2f}, theirs at least {client.likeness:.2f}); check its contrast and the orientation in "
            "its header, or leave it out."
        )
