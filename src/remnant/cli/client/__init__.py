"""`remnant client`: a hospital's half of a Privacy-Net, which sends codes and nothing else."""

import typer

from remnant.cli.client.contribute import client_contribute, client_withdraw
from remnant.cli.client.segment import client_segment
from remnant.cli.client.watch import client_watch

client = typer.Typer(
    help="Have scans segmented by a server that sees their codes alone (extra `serve`).", no_args_is_help=True
)
client.command("segment")(client_segment)
client.command("watch")(client_watch)
client.command("contribute")(client_contribute)
client.command("withdraw")(client_withdraw)
