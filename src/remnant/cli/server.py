"""`remnant server`: what the operator of `remnant serve` does beside it."""

from pathlib import Path
from typing import Annotated

import typer

server = typer.Typer(help="Operate a server of segmenters.", no_args_is_help=True)
token = typer.Typer(help="Who may use a server.", no_args_is_help=True)
server.add_typer(token, name="token")


@token.command("add")
def token_add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `remnant serve --tokens` reads; made if missing.")],
    name: Annotated[str, typer.Option(help="Whose token it is: contributions belong to this name.")],
    scope: Annotated[
        list[str], typer.Option(metavar="SCOPE", help="segment, contribute or admin; repeat it for several.")
    ],
    expires: Annotated[
        int | None, typer.Option(min=1, max=36500, metavar="DAYS", help="For how long it works; for ever by default.")
    ] = None,
) -> None:
    """Add a token, and print it once: the file holds its hash alone."""
    from remnant.base.errors import RemnantError
    from remnant.serve.server.tokens import SCOPES, add_token

    for one in scope:
        if one not in SCOPES:
            raise RemnantError(f"--scope must be {', '.join(SCOPES[:-1])} or {SCOPES[-1]}. Got {one!r} instead.")
    print(add_token(file, name, tuple(scope), expires))
