"""What an audit of a Privacy-Net works on: its networks, and scans of those who trained it and of others."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from remnant.attacks.code_attacks import Preset, code_attacks
from remnant.audit.config import AuditConfig, require_no_network
from remnant.audit.findings.worth import WORTH
from remnant.audit.inputs.trained_net import open_trained
from remnant.audit.inputs.trained_on import training_patients_of
from remnant.audit.materials.code_material import material_of
from remnant.audit.materials.material import Material
from remnant.base.errors import RemnantError
from remnant.base.progress import say
from remnant.base.seeds import Seeds
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.notes import phantom_notices
from remnant.cohort.revisit import revisit_settings
from remnant.cohort.visits import check_cohort, prepare_scans, second_cohorts, second_scans
from remnant.defenses.privacynet.code_noise import CODE_NOISE
from remnant.defenses.privacynet.deformation import SECRET_DEFORMATION
from remnant.defenses.privacynet.hiding import PRIVACY_NET
from remnant.defenses.privacynet.mixing import References
from remnant.defenses.privacynet.secret import SecretSettings
from remnant.defenses.privacynet.secret_mixing import SECRET_MIXING
from remnant.engine.device import fabric

COHORT = "data"
TRIED = "The preset smoke tries whether all attacks run, and is too short for any of them; ask for `--preset cpu`."

SIMULATED = (
    "Two visits of each patient were simulated: what is said of pairs of scans and of another visit is of these, unless real "
    "visits are named."
)


@dataclass(frozen=True)
class ProtectedInputs:
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


def read_protected(
    inputs: ProtectedInputs, config: AuditConfig, *, cache: Path | None = None, workers: int = 1, quiet: bool = False
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
    net = open_trained(inputs.trained)
    if inputs.data.resolve() in [path.resolve() for path in inputs.second]:
        raise RemnantError(f"{inputs.data} is the cohort of --data itself; give another by --second, or leave it out.")
    cohort, others = read_cohort(inputs.data), second_cohorts(inputs.second, COHORT)
    for each in (cohort, *others.values()):
        check_cohort(each)
    trained = training_patients_of(net.run, cohort, simulated=inputs.revisits)
    for note in (note for each in (cohort, *others.values()) for note in each.notes if not quiet):
        say(note.text)
    how: dict[str, Any] = {"cache": cache, "workers": workers, "quiet": quiet}
    seeds = Seeds(config.seed).child("scans")
    preparation = net.client.preparation.changed(shape=net.client.grid.shape)
    simulated = revisit_settings(net.client.preparation) if inputs.revisits else None
    aligned = {"template": net.template, **how}
    scans, _ = prepare_scans(cohort, trained.roles, preparation, simulated, seeds, check=net.check_likeness, **aligned)
    beside = {name: second_scans(other, preparation, seeds=seeds, **aligned) for name, other in others.items()}
    given = net.view, net.discriminator, scans, code_attacks(inputs.preset), WORTH[inputs.preset], config.seed
    return replace(
        material_of(*given, second=beside, model=net.said(config.about)),
        notes=(
            *phantom_notices([cohort, *others.values()]),
            *([SIMULATED] if scans.kind == "simulated" else []),
        ),
        checkpoints=net.checkpoints,
        doubts=(*trained.doubts, *([TRIED] if inputs.preset == "smoke" else [])),
        defenses=(
            *((PRIVACY_NET.name,) if net.view.encoder is not None else ()),
            *((SECRET_DEFORMATION.name,) if isinstance(net.view.secret, SecretSettings) else ()),
            *((SECRET_MIXING.name,) if isinstance(net.view.secret, References) else ()),
            *((CODE_NOISE.name,) if net.view.noise else ()),
        ),
    )
