"""The commands together, and what becomes of their errors."""

import sys
import traceback
from typing import Annotated, Any, NoReturn

import pydantic
import typer
import typer.core

from remnant import __version__
from remnant.base.config import first_problem
from remnant.base.errors import RemnantError, disk_sentence
from remnant.base.progress import say
from remnant.cli import verbs
from remnant.cli.attack import attack
from remnant.cli.audit import audit
from remnant.cli.client import client
from remnant.cli.cohort import cohort
from remnant.cli.phantom import phantom
from remnant.cli.prior import prior
from remnant.cli.protect import protect
from remnant.cli.serve import serve
from remnant.cli.server import server
from remnant.cli.stopping import stoppable
from remnant.cli.study import study
from remnant.cli.verdict import FAULT, rescore

OPTIONS = "remnant.options"  # where a context has the options of the command that it runs


class _Commands(typer.core.TyperGroup):
    """What Ctrl-C or a disk stops is told with how that very command goes on: Typer ends Ctrl-C without a word."""

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        _, command, rest = found = super().resolve_command(ctx, args)
        if isinstance(command, typer.core.TyperGroup) and rest:
            command = command.get_command(ctx, rest[0])
        ctx.meta[OPTIONS] = {one.name for one in command.params} if command else set()
        return found

    def invoke(self, ctx: typer.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            options = ctx.meta.get(OPTIONS, ())
            goes_on = ", and --resume goes on" if "resume" in options else ", and the same command goes on"
            say(f"remnant: stopped; nothing is half-written{goes_on if {'resume', 'queue'} & {*options} else ''}.")
            raise typer.Exit(130) from None
        except RemnantError:
            raise
        except Exception as error:
            said = disk_sentence(error, "add --resume" if "resume" in ctx.meta.get(OPTIONS, ()) else "start again")
            if not said:
                raise
            raise RemnantError(said) from None


app = typer.Typer(
    cls=_Commands,
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
for command in (audit, rescore, serve, verbs.inspect, verbs.report, verbs.publish, verbs.purge):
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


def main() -> None:
    """Run the command; what a user can mend is one sentence and exit code 2, Ctrl-C is 130, a fault of Remnant itself 70."""
    with stoppable():
        _run()


def _run() -> NoReturn:
    try:
        sys.exit(app(standalone_mode=False))
    except typer.TyperException as error:
        # Typer reads options by pydantic.
        if isinstance(error.__cause__, pydantic.ValidationError):
            error.message = first_problem(error.__cause__)
        error.show()
        sys.exit(error.exit_code)
    except RemnantError as error:
        say(f"remnant: {error}")
        sys.exit(2)
    except Exception:
        _fault()


def _fault() -> NoReturn:
    """The traceback of what nobody expected. Its code is not 1, by which `cohort check` says that it found errors."""
    traceback.print_exc()
    say("remnant: this is a fault of Remnant; report the lines above, once no patient is named in them.")
    sys.exit(FAULT)
