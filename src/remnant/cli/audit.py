"""`remnant audit`: one verdict on anybody's model, and an exit code that a release pipeline can gate on."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.base.errors import RemnantError
from remnant.cli.options import Config, Quiet, Resume, typed
from remnant.cli.values import existing

# 2 is bad input and 70 a fault of Remnant, as everywhere.
EXIT_CODES = {"within": 0, "outside": 1, "cannot tell": 3}
TABLES = (".csv", ".tsv", ".txt")


def audit(
    subject: Annotated[
        Path,
        typer.Argument(
            callback=existing("subject of the audit"),
            metavar="SUBJECT",
            help="A table of scores (.csv) with the columns patient, member, score.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Run directory; by default SUBJECT-audit in the current folder.")
    ] = None,
    config: Config = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The root of every random number.")] = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Audit a model: may it leave the house? Exit code 0 within the risk appetite, 1 outside, 3 cannot tell."""
    if subject.suffix.lower() not in TABLES:
        raise RemnantError(f"{subject} is no table of scores; give a .csv with the columns patient, member and score.")
    place = out or Path(f"{subject.stem}-audit")
    from remnant.audit.config import config_of
    from remnant.audit.table import audit_scores
    from remnant.base.progress import say
    from remnant.report.audit import make_audit_report

    settings = config_of(config, seed=seed, scenario="outputs")
    results = audit_scores(subject, settings, place, command=typed(), resume=resume)
    page = make_audit_report(place)
    if not quiet:
        say(results.verdict.sentence)
        for reason in results.verdict.reasons:
            say(f"- {reason}")
    print(page)
    raise typer.Exit(EXIT_CODES[results.verdict.ruling])
