"""`remnant audit`: one verdict on anybody's model, and an exit code that a release pipeline can gate on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from remnant.base.errors import RemnantError
from remnant.cli.folder import SETTINGS, audit_folder, begin, checked
from remnant.cli.options import CORES, Estimate, Minutes, Quiet, Resume, typed
from remnant.cli.trained import FolderOptions, are_trained_folds, audit_folds
from remnant.cli.values import existing
from remnant.cli.verdict import told

if TYPE_CHECKING:
    from remnant.audit.owner.process import Task

TABLES = (".csv", ".tsv", ".txt")


def _list(asked: bool) -> None:
    if not asked:
        return
    from remnant.attacks.listed import listed
    from remnant.audit.findings.folds import RUN

    rows = [[row[key] for key in ("name", "access", "claim", "words", "source")] for row in listed()]
    # No attack of one model: of the models of all folds, where a framework left them.
    rows.append([RUN.name, "outputs", RUN.claim.replace("_", " "), f"{RUN.words}, of nnU-Net's folder", "Remnant"])
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:3]]
    for *cells, words, source in rows:
        kept = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        print(f"{kept}  {words} ({source})")
    raise typer.Exit


def audit(
    subject: Annotated[
        Path,
        typer.Argument(
            metavar="SUBJECT",
            help="A folder with audit.toml and target.py, nnU-Net's folder TRAINER__PLANS__CONFIGURATION, or a "
            "table of scores (.csv: patient, member, score).",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Run directory; by default SUBJECT-audit in the current folder.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            callback=existing("configuration"),
            help="TOML file in place of SUBJECT's audit.toml, or for a subject without one; options replace its settings.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            callback=existing("data"), help="Of nnU-Net: the data set that trained the models, nnUNet_raw/DATASET."
        ),
    ] = None,
    splits: Annotated[
        Path | None,
        typer.Option(
            callback=existing("splits"), help="Of nnU-Net: splits_final.json, where the folds have no validation."
        ),
    ] = None,
    fold: Annotated[
        int | None,
        typer.Option(min=0, help="Of nnU-Net: the fold whose model is released; by default those of all are."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Run one batch, say all faults at once, and audit nothing.")
    ] = False,
    estimate: Estimate = False,
    minutes: Minutes = None,
    init: Annotated[
        bool, typer.Option("--init", help="Write audit.toml and target.py into the folder SUBJECT, and audit nothing.")
    ] = False,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", callback=existing("checkpoint"), metavar="CHECKPOINT", help="With --init: the model's weights."
        ),
    ] = None,
    attacks: Annotated[
        bool,
        typer.Option(
            "--list",
            callback=_list,
            is_eager=True,
            help="List the attacks, those of other packages too, and audit nothing.",
        ),
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="The root of every random number.")] = None,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            help="With train() in target.py, on a CPU: processes at a time; by default one a core, at most 8.",
        ),
    ] = CORES,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="With train() in target.py: a Ray cluster, such as HOST:6379, in place of processes here.",
        ),
    ] = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Audit a model: may it leave the house? Exit code 0 within the risk appetite, 1 outside, 3 cannot tell.

    `remnant audit --list` names each attack.
    """
    if init:
        if subject.is_file():
            raise RemnantError(_no_folder(subject))
        begin(subject, source)
    if source:
        raise RemnantError(f"--from {source} belongs to --init, which writes down what a checkpoint tells; add it.")
    if not subject.exists() and not subject.suffix:
        raise RemnantError(
            f"The subject of the audit {subject} does not exist; check the path, or let `remnant audit --init {subject}` write a "
            "folder to start from."
        )
    existing("subject of the audit")(subject)
    place = out or Path(f"{subject.resolve().stem}-audit")
    task: Task = "check" if check else "estimate" if estimate else "audit"
    beside = FolderOptions(data, splits, fold)
    folds = are_trained_folds(subject, SETTINGS)
    if cluster and (folds or not subject.is_dir()):
        raise RemnantError(f"--cluster trains networks by train() of target.py, which {subject} has not; leave it out.")
    if folds:
        from remnant.audit.config import config_of

        read = config_of(config, scenario="checkpoint", seed=seed, minutes=minutes)
        audit_folds(subject, beside, place, read, task, resume=resume, quiet=quiet)
        told(place, quiet=quiet)
    beside.refuse(subject)
    if subject.is_dir():
        audit_folder(
            subject,
            place,
            config,
            task,
            seed=seed,
            minutes=minutes,
            workers=cluster or workers,
            resume=resume,
            quiet=quiet,
        )
    elif subject.suffix.lower() in TABLES:
        if estimate or minutes:
            raise RemnantError(f"{subject} is a table, which takes seconds; --estimate and --minutes are for a model.")
        _scores(subject, place, config, check=check, seed=seed, resume=resume)
    else:
        raise RemnantError(
            f"{subject} is neither a folder with {SETTINGS}, nor one of trained folds, nor a table of scores (.csv); give one of "
            "these."
        )
    told(place, quiet=quiet)


def _no_folder(subject: Path) -> str:
    """Why --init does not take a file, and what serves in its place."""
    if subject.suffix.lower() in TABLES:
        return (
            f"{subject} is a table, which needs no folder: leave out --init. Limits, and in [about] what stands on the sheet, "
            "are those of a TOML file: --config FILE."
        )
    return f"{subject} is a file, and --init writes a folder; give a new name for it, and a checkpoint by --from {subject}."


def _scores(table: Path, place: Path, config: Path | None, *, check: bool, seed: int | None, resume: bool) -> None:
    from remnant.audit.config import config_of
    from remnant.audit.inputs.scores import check_scores

    read = config_of(config, scenario="outputs", seed=seed)
    # Before the statistics are imported, which takes a second: most mistakes are in the columns.
    check_scores(table)
    from remnant.audit.inputs.table import audit_scores, check_table

    if check:
        checked(table, [], check_table(table, read))
    audit_scores(table, read, place, command=typed(), resume=resume)
