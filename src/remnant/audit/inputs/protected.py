"""`remnant protect evaluate`: the audit of a Privacy-Net that Remnant trained, by what its client sends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from remnant.attacks.code_attacks import Preset, code_attacks
from remnant.audit.config import AuditConfig, require_no_network
from remnant.audit.findings.worth import WORTH
from remnant.audit.inputs.trained_on import trained_on
from remnant.audit.materials.code_material import material_of
from remnant.audit.materials.material import Material
from remnant.audit.run.conduct import conduct
from remnant.audit.run.results import Clock
from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.findings import AuditResults
from remnant.base.progress import say
from remnant.base.provenance import sha256
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.case import Case, Cohort
from remnant.cohort.images import Images
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.notes import phantom_notices
from remnant.cohort.prepare.template import Template
from remnant.cohort.revisit import revisit_settings
from remnant.cohort.visits import check_cohort, prepare_scans, second_cohorts, second_scans
from remnant.defenses.privacynet.deploy import MARGIN
from remnant.defenses.privacynet.networks import ENCODER, SEGMENTER, Client, load_client, load_discriminator
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.defenses.privacynet.train import PATIENTS
from remnant.defenses.privacynet.train import STUDY as TRAINED
from remnant.defenses.privacynet.view import View
from remnant.engine.device import fabric
from remnant.measure.correlation import ncc_matrix

COHORT = "data"
TRIED = "The preset smoke tries whether all attacks run, and is too short for any of them; ask for `--preset cpu`."

SIMULATED = (
    "Two visits of each patient were simulated: what is said of pairs of scans and of another visit is of these, unless real "
    "visits are named."
)


@dataclass(frozen=True)
class Asked:
    """A run of `remnant protect train` (`trained`), and the `data`: a cohort with patients whom its networks were trained on,
    whom the attacker is taken to own, and others, who are attacked.

    `preset`: how much the attacks take. `second`: cohorts of another kind, on which Dice is measured. `revisits`: two visits of
    each are simulated.
    """

    trained: Path
    data: Path
    preset: Preset = "cpu"
    second: tuple[Path, ...] = ()
    revisits: bool = False


def audit_protected(
    asked: Asked,
    config: AuditConfig,
    out: Path,
    *,
    command: str = "",
    resume: bool = False,
    quiet: bool = False,
    **how: Any,
) -> AuditResults:
    """Audit what the client of a run of `remnant protect train` sends, and leave results.json in `out`; `how`: `read_protected`.

    Raises `RemnantError` for input that does not serve, before there is a run, and as `Run.start` does.
    """
    clock = Clock()
    Run.free(out, "audit", resume=resume)
    material = read_protected(asked, config, quiet=quiet, **how)
    given = {
        "trained": dict(material.checkpoints),
        "data": str(asked.data.resolve()),
        "second": [str(path.resolve()) for path in asked.second],
        "revisits": asked.revisits,
        "preset": asked.preset,
    }
    return conduct(material, config, out, clock, given=given, command=command, resume=resume, quiet=quiet)


def read_protected(
    asked: Asked, config: AuditConfig, *, cache: Path | None = None, workers: int = 1, quiet: bool = False
) -> Material:
    """What such an audit works on.

    Raises `RemnantError` for another scenario, settings of a network that somebody builds, what is no run of a training, networks
    that were not trained together, a run that does not say whom it was trained on, a cohort without enough of these or of others,
    and scans unlike those of the training.
    """
    if config.scenario != "codes":
        raise RemnantError(
            f"`protect evaluate` audits the scenario codes, and the configuration asks for {config.scenario}; leave it out there."
        )
    require_no_network(config)
    fabric()
    # First whether it is such a run: in anything else files of networks would be sought in vain.
    training = _run_of(asked.trained)
    if asked.data.resolve() in [path.resolve() for path in asked.second]:
        raise RemnantError(f"{asked.data} is the cohort of --data itself; give another by --second, or leave it out.")
    client, view = load_client(asked.trained), View.load(asked.trained)
    cohort, others = read_cohort(asked.data), second_cohorts(asked.second, COHORT)
    for each in (cohort, *others.values()):
        check_cohort(each)
    trained = trained_on(training, cohort, simulated=asked.revisits)
    for note in (note for each in (cohort, *others.values()) for note in each.notes if not quiet):
        say(note.text)
    how: dict[str, Any] = {"cache": cache, "workers": workers, "quiet": quiet}
    seeds = Seeds(config.seed).child("scans")
    preparation = client.preparation.changed(shape=client.grid.shape)
    template = None if client.template is None else Template(client.template.numpy(), client.grid)
    simulated = revisit_settings(client.preparation) if asked.revisits else None

    scans, _ = prepare_scans(
        cohort,
        trained.roles,
        preparation,
        simulated,
        seeds,
        template=template,
        check=partial(_check_likeness, client),
        **how,
    )
    beside = {name: second_scans(other, preparation, template, seeds, **how) for name, other in others.items()}
    material = _material(training, view, scans, beside, config, asked.preset, [cohort, *others.values()])
    return replace(material, doubts=(*trained.doubts, *material.doubts))


def _run_of(trained: Path) -> Run:
    """The run of training; raises `RemnantError` where it is none, or its patients are no longer known."""
    if not (trained / "run.json").is_file():
        raise RemnantError(f"{trained} is no run of `remnant protect train`; give the folder that its --out named.")
    run = Run.open(trained)
    if read_json(run.path / "run.json").get("study") != TRAINED or not (run.private / PATIENTS).exists():
        raise RemnantError(
            f"{trained} does not say who trained its networks, so that nobody can be attacked as unseen; "
            "give a run of `remnant protect train` that was not purged."
        )
    return run


def _check_likeness(client: Client, cases: Sequence[Case], scans: Images) -> None:
    """Raise `RemnantError` for a scan that is less like the template than any that the networks were trained on."""
    if client.template is None:
        return
    found = ncc_matrix(scans.images[:, 0].numpy(), client.template.numpy()[None])[:, 0]
    worst = int(found.argmin())
    if found[worst] < client.likeness - MARGIN:
        raise RemnantError(
            f"{cases[worst].image} does not look like the scans of the training (correlation with their mean "
            f"{found[worst]:.2f}, theirs at least {client.likeness:.2f}); check its contrast and orientation, or leave it out."
        )


def _material(
    training: Run,
    view: View,
    scans: Images,
    second: Mapping[str, Images],
    config: AuditConfig,
    preset: Preset,
    cohorts: Sequence[Cohort],
) -> Material:
    """What the audit works on: both networks as one target, and what they send."""
    net = PrivacyNetSettings.checked(**read_json(training.path / "config.json"))
    said = {
        "name": config.about.model or training.path.resolve().name,
        "version": config.about.version or None,
        "architecture": f"Privacy-Net, {net.method}",
        # Of the encoder, by which a client knows whose codes are meant.
        "sha256": sha256(training.checkpoints / ENCODER),
        "adversary": net.adversary,
        "lambda": net.lambda_,
        "voxels_mm": view.spacing_mm,
    }
    discriminator = load_discriminator(training.path)
    attacks, worth = code_attacks(preset), WORTH[preset]
    return replace(
        material_of(view, discriminator, scans, attacks, worth, config.seed, second=second, model=said),
        notes=(*phantom_notices(cohorts), *([SIMULATED] if scans.kind == "simulated" else [])),
        checkpoints={name: sha256(training.checkpoints / name) for name in (ENCODER, SEGMENTER)},
        doubts=(TRIED,) if preset == "smoke" else (),
    )
