"""What a study foretells is what it has still to do."""

import re

import numpy as np
from tests.studies.lee2025.example import group, groups

from remnant.base.files import write_json
from remnant.base.run import Run
from remnant.studies.lee2025 import estimate
from remnant.studies.lee2025.cells import attack_cell, cells_of
from remnant.studies.lee2025.estimate import Load, foretell, loads_of
from remnant.studies.lee2025.groups import OWN, write_groups
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

    assert re.match(r"9 targets and 27 attacks: about \d+ min with 1 worker", said())
    last = next(cell for cell in cells if cell.work is attack_cell)
    for cell in cells:
        if cell is not last:
            write_json(tmp_path / "cells" / f"{cell.name}.json", {})
    assert "0 targets and 1 attack:" in said()
    write_json(tmp_path / "cells" / f"{last.name}.json", {})
    assert said() == ""


def test_minutes_are_those_of_the_steps_that_are_left(tmp_path, capsys, monkeypatch):
    """A training of 6 images and 500 epochs at 0.2 s an image takes 10 minutes, by two workers too, since it is one cell."""
    settings, run = preset("smoke"), Run(tmp_path)
    draw = np.random.default_rng(0)
    write_groups(run, OWN, {name: group(draw, 6, name) for name in ("training", "validation")})
    monkeypatch.setattr(estimate, "_seconds_of", lambda *_: 0.01)
    cells = {cell.name: cell for cell in cells_of(run, settings, tmp_path / "prior")}

    def minutes(name, load, workers=1):
        loads = {cells[name].arguments.get("target", "cnn"): load}
        foretell(run, settings, [cells[name]], workers, loads=loads, side=settings.side)
        return int(re.search(r"about (\d+) min", capsys.readouterr().err)[1])

    assert minutes("target-cnn", Load(0.2, 6, 500)) == minutes("target-cnn", Load(0.2, 6, 500), workers=2) == 10
    # Stage 1: 3 steps of 4 images at 1.3 times 30 s; 24 candidates and 12 patients looked at, at 0.3 times twice that and 0.01 s.
    assert minutes("attack-cnn-published", Load(30, 6, 0)) == round((1.3 * 30 * 12 + 0.3 * 2 * 30.01 * 36) / 60)
    # The search by class: 2 steps of 4 images, which are looked at beside 24 of the prior.
    assert minutes("attack-cnn-gmi", Load(30, 6, 0)) == round((1.3 * 30 * 8 + 0.3 * 2 * 30.01 * 40) / 60)
    # On a target with swapped statistics it is not run, and its images are drawn as a control.
    swapped = minutes("attack-cnn_overfit_swapped-joint", Load(30, 6, 0))
    assert swapped == round((1.3 * 30 * (8 + 8) + 0.3 * 2 * 30.01 * (4 + 24 + 12)) / 60)
    # Four images and three steps of the generator.
    assert minutes("ceiling-private", Load(100, 6, 0)) == round(1.3 * 100 * 12 / 60)
