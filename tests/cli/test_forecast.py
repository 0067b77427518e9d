"""What a forecast looks like, and when a study has one."""

from remnant.audit.cells.piece import Piece
from remnant.cli.forecast import forecast_lines
from remnant.cli.options import Preset
from remnant.cli.study import _hears

PIECES = [Piece("attacks", "3 cells: trainings", 7200.0, 2**20), Piece("scans", "what all cells read", 0.0, 2**21)]


def test_all_together_take_as_long_as_so_many_processes_need():
    lines = [line.split() for line in forecast_lines(PIECES, {"gmi": "no prior"}, workers=2)]
    assert lines[0] == ["attacks", "120.0", "min", "1.0", "MiB", "3", "cells:", "trainings"]
    assert lines[2] == ["together", "60.0", "min", "3.0", "MiB", "on", "2", "processes"]
    assert lines[3] == ["gmi", "is", "not", "run:", "no", "prior"]


def test_a_study_foretells_where_that_takes_less_than_the_study_and_somebody_hears(capsys):
    assert _hears(Preset.smoke, quiet=False) is None and _hears(Preset.cpu, quiet=True) is None
    _hears(Preset.cpu, quiet=False)(PIECES, 1)
    printed, said = capsys.readouterr()
    assert not printed and [line.split()[1] for line in said.splitlines()] == ["120.0", "0.0", "120.0"]
