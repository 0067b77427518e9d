"""The entry point: a command is run, and what becomes of its errors."""

import sys
import traceback
from typing import NoReturn

import pydantic
import typer

from remnant.base.config import first_problem
from remnant.base.errors import RemnantError
from remnant.base.progress import say
from remnant.cli.commands import app
from remnant.cli.stopping import stoppable
from remnant.cli.verdict import FAULT, FAULT_SAID


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
    say(FAULT_SAID)
    sys.exit(FAULT)
