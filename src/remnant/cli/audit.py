"""`remnant audit`: one verdict on anybody's model, and an exit code that a release pipeline can gate on."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from remnant.base.errors import RemnantError
from remnant.cli.options import Config, Quiet, Resume, typed
from remnant.cli.trained import Beside, are_trained_folds, audit_folds
from remnant.cli.values import existing, within

if TYPE_CHECKING:
    from remnant.audit.config import AuditConfig
    from remnant.audit.process import Task

# 2 is bad input and 70 a fault of Remnant, as everywhere.
EXIT_CODES = {"within": 0, "outside": 1, "cannot tell": 3}
TABLES = (".csv", ".tsv", ".txt")
SETTINGS = "audit.toml"


def _list(asked: bool) -> None:
    if not asked:
        return
    from remnant.attacks.listed import listed

    rows = [[row[key] for key in ("name", "access", "claim", "words", "source")] for row in listed()]
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
    config: Config = None,
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
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Time one step of each attack, say minutes and disk, and audit nothing.")
    ] = False,
    minutes: Annotated[
        float | None,
        typer.Option(
            callback=within(0.01), help="Leave out attacks that do not fit; then nothing is within the appetite."
        ),
    ] = None,
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
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Audit a model: may it leave the house? Exit code 0 within the risk appetite, 1 outside, 3 cannot tell."""
    if init:
        _begin(subject, source)
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
    beside = Beside(data, splits, fold)
    if are_trained_folds(subject, SETTINGS):
        from remnant.audit.config import config_of

        read = config_of(config, scenario="checkpoint", seed=seed, minutes=minutes)
        audit_folds(subject, beside, place, read, task, forecast_lines, resume=resume, quiet=quiet)
        _told(place, quiet=quiet)
    beside.refuse(subject)
    if subject.is_dir():
        _folder(subject, place, config, task, seed=seed, minutes=minutes, resume=resume, quiet=quiet)
    elif subject.suffix.lower() in TABLES:
        if estimate or minutes:
            raise RemnantError(f"{subject} is a table, which takes seconds; --estimate and --minutes are for a model.")
        _scores(subject, place, config, check=check, seed=seed, resume=resume)
    else:
        raise RemnantError(
            f"{subject} is neither a folder with {SETTINGS}, nor one of trained folds, nor a table of scores (.csv); give one of "
            "these."
        )
    _told(place, quiet=quiet)


def _begin(folder: Path, source: Path | None) -> NoReturn:
    from remnant.audit.starter import check_new, write_starter
    from remnant.base.progress import say

    check_new(folder)
    known = None
    if source:
        from remnant.targets.files.kind import kind_of_file

        # Before PyTorch is imported, which takes seconds.
        kind_of_file(source)
        from remnant.audit.known import known_of

        known = known_of(source)
    for path in write_starter(folder, known):
        print(path)
    for sentence in known.said if known else ():
        say(sentence)
    say(f"Fill in the places marked TODO; `remnant audit {folder} --check` says what is still to be done.")
    raise typer.Exit


def _scores(table: Path, place: Path, config: Path | None, *, check: bool, seed: int | None, resume: bool) -> None:
    from remnant.audit.config import config_of
    from remnant.audit.table import audit_scores, check_scores

    if check:
        check_scores(table)
        print(f"{table} can be audited.")
        raise typer.Exit
    audit_scores(table, config_of(config, scenario="outputs", seed=seed), place, command=typed(), resume=resume)


def _folder(
    folder: Path,
    place: Path,
    config: Path | None,
    task: "Task",
    *,
    seed: int | None,
    minutes: float | None,
    resume: bool,
    quiet: bool,
) -> None:
    settings = config or folder / SETTINGS
    if not settings.is_file():
        raise RemnantError(f"{folder} has no {SETTINGS}; `remnant audit --init {folder}` writes one to start from.")
    from remnant.audit.config import config_of

    read = config_of(settings, scenario="checkpoint", seed=seed, minutes=minutes)
    found = _worked(folder, place, read, task, resume=resume, quiet=quiet)
    if task == "estimate":
        for line in forecast_lines(found["pieces"], found["not_run"]):
            print(line)
        raise typer.Exit
    if task == "check":
        for number, said in enumerate([*found["faults"], *found["doubts"]], 1):
            print(f"{number}. {said}")
        if found["faults"]:
            raise typer.Exit(2)
        print(f"{folder} can be audited{', and would clear nobody so' if found['doubts'] else ''}.")
        raise typer.Exit(EXIT_CODES["cannot tell"] if found["doubts"] else 0)


def forecast_lines(pieces: list[dict], not_run: dict[str, str]) -> Iterator[str]:
    """What each attack and control takes, a line each, and all together; then what is not run."""
    names = [*(piece["name"] for piece in pieces), *not_run, "together"]
    width = max(map(len, names))
    total = {
        "name": "together",
        "words": "",
        **{key: sum(piece[key] for piece in pieces) for key in ("seconds", "bytes")},
    }
    for piece in (*pieces, total):
        amount = f"{piece['seconds'] / 60:8.1f} min {piece['bytes'] / 2**20:8.1f} MiB"
        yield f"{piece['name']:<{width}} {amount}  {piece['words']}".rstrip()
    for name, why in not_run.items():
        yield f"{name:<{width}} is not run: {why}"


def _worked(
    folder: Path, place: Path, config: "AuditConfig", task: "Task", *, resume: bool, quiet: bool
) -> dict[str, Any]:
    from remnant.audit.before import faults_before
    from remnant.audit.process import WorkerError, in_own_process
    from remnant.base.progress import say
    from remnant.base.run import Run
    from remnant.cli.main import FAULT

    if task != "check":
        # Before PyTorch and the owner's code take their time. A check runs all of it, and says all at once.
        for fault in faults_before(folder, config):
            raise RemnantError(fault)
    if task == "audit":
        Run.free(place, "audit", resume=resume)
    try:
        return in_own_process(folder, place, config, task=task, resume=resume, quiet=quiet, command=typed())
    except RemnantError:
        if task == "audit" and (place / "run.json").exists():
            say(f"What was done is kept in {place}; add --resume to go on from there.")
        raise
    except WorkerError:
        say("remnant: this is a fault of Remnant; report the lines above, once no patient is named in them.")
        raise typer.Exit(FAULT) from None


def _told(place: Path, *, quiet: bool) -> None:
    from remnant.base.findings import AuditResults
    from remnant.base.progress import say
    from remnant.report.audit import make_audit_report

    page = make_audit_report(place)
    verdict = AuditResults.read(place / "results.json").verdict
    if not quiet:
        say(verdict.sentence)
        for reason in verdict.reasons:
            say(f"- {reason}")
    print(page)
    raise typer.Exit(EXIT_CODES[verdict.ruling])


def rescore(
    run: Annotated[Path, typer.Argument(help="A finished run of `remnant audit`, purged or not.")],
    config: Config = None,
    quiet: Quiet = False,
) -> None:
    """Judge a finished audit again, under the risk appetite of another audit.toml or its own; exit codes as of audit."""
    from remnant.audit.config import AuditConfig, config_of
    from remnant.audit.results import rescored
    from remnant.base.findings import AuditResults
    from remnant.base.run import Run
    from remnant.report.egress import make_egress

    with Run.open(run) as held:
        if held.study != "audit":
            raise RemnantError(
                f"{run} is a run of the study {held.study!r}, which has no risk appetite; give an audit."
            )
        results = AuditResults.read(held.results)
        scenario = results.scenario.name
        own = {"scenario": scenario, "appetite": results.settings.get("appetite", {})}
        asked = config_of(config, scenario=scenario) if config else AuditConfig.checked(**own)
        rescored(results, asked).write(held.results)
        if (held.path / "egress").is_dir():
            # What may leave has the verdict of the report beside it.
            make_egress(held.path)
        _told(held.path, quiet=quiet)
