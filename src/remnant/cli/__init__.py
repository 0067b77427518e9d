"""The command line: one thin command a verb, no logic."""

from remnant.cli.main import app, main

__all__ = ["app", "main"]
