"""`remnant attack`: the owner plays the attacker on a model of his own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from remnant.base.errors import RemnantError
from remnant.base.files import require_directory, require_file
from remnant.base.run import Run
from remnant.cli.folder import checked
from remnant.cli.forecast import print_forecast
from remnant.cli.options import CORES, Cache, Estimate, Minutes, Quiet, Resume, typed
from remnant.cli.values import existing, listed, numbers, within
from remnant.cli.verdict import told

if TYPE_CHECKING:
    from remnant.audit.config import AuditConfig
    from remnant.audit.materials.material import Material
    from remnant.audit.owner.process import Task

attack = typer.Typer(help="Attack a model of yours, to see what it gives away.", no_args_is_help=True)


@attack.command("checkpoint")
def attack_checkpoint(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="A classifier: .pt, .pth, .ckpt, .safetensors.")
    ],
    against: Annotated[
        Path,
        typer.Option(
            metavar="COHORT",
            help="Your own patients, a directory or a table; its column split says train (who trained the model) or test. Those "
            "of val are left out.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Run directory; by default CHECKPOINT-audit in the current folder.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="What the columns of that table are called, for any of image, patient, split, finding, age, sex, session and "
            "view: image=Path,patient=PatientID,split=fold,finding=Target."
        ),
    ] = None,
    finding: Annotated[
        str | None,
        typer.Option(
            help="What the model's outputs mean, comma-separated in their order; one finding alone is the positive class."
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            callback=within(8, 2048),
            help="Pixels a side of the model's images; inferred from its statistics by default.",
        ),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(
            callback=numbers(),
            help="What images in [0, 1] are shifted by, a number or one a channel: 0.485,0.456,0.406.",
        ),
    ] = None,
    std: Annotated[
        str | None, typer.Option(callback=numbers(above=0), help="What they are then divided by, likewise.")
    ] = None,
    prior: Annotated[
        Path | None,
        typer.Option(
            help="A generator, by `remnant prior train` or `import`, to draw images from the weights as well."
        ),
    ] = None,
    public: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Public radiographs with age and sex, the attacker's own, to learn to read both."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            callback=existing("configuration"),
            help="TOML file with the risk appetite and what else audit.toml says of no network; options replace its settings.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Say whether it can be audited and what would keep it from being cleared.")
    ] = False,
    estimate: Estimate = False,
    minutes: Minutes = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The root of every random number.")] = None,
    resume: Resume = False,
    cache: Cache = None,
    quiet: Quiet = False,
) -> None:
    """Audit a classifier of radiographs from its file alone: may it leave the house? Exit codes as of `remnant audit`."""
    # Before anything heavy is imported: a slip of the pen is told at once.
    for path, what in ((checkpoint, "checkpoint"), (prior, "prior")):
        if path:
            require_file(path, what)
    for path in (public, against):
        if path and not (path is against and path.is_file()):
            require_directory(path, "data directory")
    if columns and not against.is_file():
        raise RemnantError("Columns are those of a table; give its file, and no directory, by --against.")
    if (mean is None) != (std is None):
        raise RemnantError("--mean and --std belong together; give both or neither.")
    task: Task = "check" if check else "estimate" if estimate else "audit"
    place = out or Path(f"{checkpoint.resolve().stem}-audit")
    if task == "audit":
        Run.free(place, "audit", resume=resume)

    from remnant.audit.config import config_of

    read = config_of(config, scenario="checkpoint", seed=seed, minutes=minutes)

    from remnant.base.seeds import Seeds
    from remnant.cohort.against import read_against
    from remnant.cohort.layouts.listed import parse_columns

    named = parse_columns(columns) if columns else {}
    # What a table lacks is told before torch is imported; it is read again with the seed of the audit.
    read_against(against, named, Seeds(0))

    from remnant.audit.inputs.classifier import audit_classifier, material_to_look_at
    from remnant.audit.inputs.classifier_given import ClassifierInputs, refuse_of_a_folder

    refuse_of_a_folder(read)
    inputs = ClassifierInputs(
        checkpoint,
        against,
        named,
        tuple(listed(finding)) if finding else (),
        size,
        # A channel may have the number of another.
        (_numbers(mean), _numbers(std)) if mean and std else None,
        prior,
        public,
    )
    common = {"cache": cache, "workers": CORES, "quiet": quiet}
    if task == "audit":
        audit_classifier(inputs, read, place, command=typed(), resume=resume, **common)
        told(place, quiet=quiet)
    _look(checkpoint, material_to_look_at(inputs, read, **common), read, task, quiet=quiet)


def _look(checkpoint: Path, material: "Material", config: "AuditConfig", task: "Task", *, quiet: bool) -> NoReturn:
    """Say what keeps the audit from clearing the model, or how long it takes."""
    from remnant.audit.run.doubts import doubts_of

    if task == "check":
        given = f"The model is given images of {material.model['images']}."
        answers = f"What it answers: {str(material.model['answers']).removesuffix('.')}."
        checked(checkpoint, [], doubts_of(material, config), (given, answers, *material.notes))
    print_forecast(material, config, quiet=quiet)


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split(",")))
