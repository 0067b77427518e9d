"""What a command says of an audit that was made, and with which exit code."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from remnant.base.errors import RemnantError
from remnant.cli.options import Quiet
from remnant.cli.values import existing

# 2 is bad input, as everywhere.
FAULT = 70  # of Remnant itself, EX_SOFTWARE of sysexits.h
FAULT_SAID = "remnant: this is a fault of Remnant; report the lines above, once no patient is named in them."
EXIT_CODES = {"within": 0, "outside": 1, "cannot tell": 3}


def told(place: Path, *, quiet: bool) -> NoReturn:
    """Make the report of the run `place`, print where it is, and end with the exit code of its verdict."""
    from remnant.base.findings import LAYER, AuditResults
    from remnant.base.progress import say
    from remnant.base.terms import changed_afterwards
    from remnant.report.audit import make_audit_report

    page = make_audit_report(place)
    results = AuditResults.read(place / "results.json")
    verdict = results.verdict
    if not quiet:
        say(verdict.sentence)
        for reason in (*changed_afterwards(results), *verdict.reasons):
            say(f"- {reason}")
        if results.scenario.name == "latents" and LAYER in results.model:
            say(f"The latents are what the layer {results.model[LAYER]} gives; `latents` in [target] names another.")
    print(page)
    raise typer.Exit(EXIT_CODES[verdict.ruling])


def rescore(
    run: Annotated[Path, typer.Argument(help="A finished run of `remnant audit`, purged or not.")],
    config: Annotated[
        Path | None,
        typer.Option(
            callback=existing("configuration"),
            help="audit.toml with other limits; what it does not name is as the audit had it, by default all.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Judge a finished audit again, under its own risk appetite or with other limits in their place; exit codes as of audit."""
    from remnant.audit.config import AuditConfig
    from remnant.audit.run.results import rescored
    from remnant.base.files import read_json
    from remnant.base.findings import AuditResults
    from remnant.base.progress import say
    from remnant.base.run import Run
    from remnant.report.egress import make_egress

    with Run.open(run, "the verdict is changed in the run itself; give the directory that the audit made") as held:
        if held.study != "audit":
            raise RemnantError(
                f"{run} is a run of the study {held.study!r}, which has no risk appetite; give an audit."
            )
        results = AuditResults.read(held.results)
        # Those of the results are the last that it was judged by; the audit was started with these.
        appetite = read_json(held.path / "config.json").get("appetite", {})
        own = AuditConfig.checked(scenario=results.scenario.name, appetite=appetite)
        rescored(results, own.with_toml(config) if config else own).write(held.results)
        if (held.path / "egress").is_dir():
            # What may leave has the verdict of the report beside it.
            make_egress(held.path)
            if not quiet:
                say(f"{held.path / 'egress'} was made anew, with this verdict: replace what was sent of it before.")
        told(held.path, quiet=quiet)
