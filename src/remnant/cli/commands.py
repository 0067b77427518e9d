"""The commands together."""

from typing import Annotated

import typer

from remnant import __version__
from remnant.cli import run
from remnant.cli.attack import attack
from remnant.cli.audit import audit
from remnant.cli.client import client
from remnant.cli.cohort import cohort
from remnant.cli.compare import compare
from remnant.cli.group import Commands
from remnant.cli.inspect import inspect
from remnant.cli.matrix import matrix
from remnant.cli.mitigate import mitigate
from remnant.cli.phantom import phantom
from remnant.cli.prior import prior
from remnant.cli.protect import protect
from remnant.cli.serve import serve
from remnant.cli.server import server
from remnant.cli.study import study
from remnant.cli.verdict import rescore

app = typer.Typer(
    cls=Commands,
    help="Measure how much of a patient is left in a medical-imaging model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(study, name="study")
app.add_typer(attack, name="attack")
app.add_typer(phantom, name="phantom")
app.add_typer(cohort, name="cohort")
app.add_typer(prior, name="prior")
app.add_typer(protect, name="protect")
app.add_typer(client, name="client")
app.add_typer(server, name="server")
for command in (audit, rescore, compare, mitigate, matrix, serve, inspect, run.report, run.publish, run.purge):
    app.command()(command)


def _version(asked: bool) -> None:
    if asked:
        print(f"remnant {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    pass
