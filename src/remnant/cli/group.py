"""The group of all commands, which tells of what was stopped how it goes on."""

from typing import Any

import typer
import typer.core

from remnant.base.errors import RemnantError, disk_sentence
from remnant.base.progress import say

OPTIONS = "remnant.options"  # where a context has the options of the command that it runs


class Commands(typer.core.TyperGroup):
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
