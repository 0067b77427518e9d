"""What a study foretells is what it has still to do."""

import re

import numpy as np
from tests.studies.lee2025.example import group, groups

from remnant.base.files import write_json
from remnant.base.run import Run
from remnant.studies.lee2025.estimate import foretell, loads_of
from remnant.studies.lee2025.kept import OWN, write_groups
from remnant.studies.lee2025.plan import cells_of
from remnant.studies.lee2025.settings import preset


def test_a_forecast_counts_what_is_left_alone(tmp_path, capsys):
    settings, run = preset("smoke"), Run(tmp_path)
    draw = np.random.default_rng(0)
    for source, parts in groups(draw, 6).items():
        write_groups(run, source, parts)
    write_groups(run, OWN, {name: group(draw, 6, name) for name in ("training", "validation")})
    cells, loads = cells_of(run, settings, tmp_path / "prior"), loads_of(run, settings)

    def said() -> str:
        foretell(run, settings, cells, workers=1, loads=loads, side=settings.side)
        return capsys.readouterr().err

    assert re.match(r"9 targets and 19 attacks: about \d+ min with 1 workers", said())
    for cell in cells[:-1]:
        write_json(tmp_path / "cells" / f"{cell.name}.json", {})
    assert "0 targets and 1 attacks" in said()
    write_json(tmp_path / "cells" / f"{cells[-1].name}.json", {})
    assert said() == ""
