"""The command line: one thin command a verb, no logic."""

try:
    from remnant.cli.main import app, main
except KeyboardInterrupt:
    # Ctrl-C before anything was begun: the traceback of an import tells nobody anything.
    raise SystemExit(130) from None

__all__ = ["app", "main"]
