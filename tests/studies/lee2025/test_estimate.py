"""What a study foretells is what it has still to do."""

import numpy as np
import pytest
from tests.studies.lee2025.example import group, groups

from remnant.audit.cells.piece import Piece
from remnant.base.files import write_json
from remnant.base.run import Run
from remnant.studies.forecast import foretell
from remnant.studies.frame import RunOptions
from remnant.studies.lee2025 import estimate
from remnant.studies.lee2025.cells import attack_cell
from remnant.studies.lee2025.estimate import costs_of, groups_piece
from remnant.studies.lee2025.groups import OWN, write_groups
from remnant.studies.lee2025.plan import cells_of
from remnant.studies.lee2025.settings import preset

SETTINGS = preset("smoke")


@pytest.fixture
def run(tmp_path):
    """The groups of six patients each."""
    run, draw = Run(tmp_path), np.random.default_rng(0)
    for source, parts in groups(draw, 6).items():
        write_groups(run, source, parts)
    write_groups(run, OWN, {name: group(draw, 6, name) for name in ("training", "validation")})
    return run


@pytest.fixture
def quick(monkeypatch):
    """A step of any network takes 0.2 s an image, whatever else a minute; `asked`: which pieces were timed."""
    asked = []

    def drawn(material, attack, seed, controls):
        asked.append((attack.name, bool(controls)))
        return Piece(attack.name, attack.words, 60.0, 1000)

    monkeypatch.setattr(estimate, "step_seconds", lambda *_: 0.2)
    monkeypatch.setattr(estimate, "material_of", lambda *_: None)
    monkeypatch.setattr(estimate, "drawing_piece", drawn)
    monkeypatch.setattr(estimate, "score_piece", lambda material, attack, config: Piece(attack.name, "", 60.0))
    return asked


def test_a_forecast_counts_what_is_left_alone(run, quick):
    cells, told = cells_of(run, SETTINGS, run.path / "prior"), {}

    def left():
        told.clear()
        options = RunOptions(
            run.path, foretold=lambda pieces, workers: told.update({piece.name: piece for piece in pieces})
        )
        foretell(run, cells, options, lambda: costs_of(run, SETTINGS, run.path / "prior"), groups_piece(run))
        return {name: piece.words.partition(":")[0] for name, piece in told.items()}

    found = left()
    assert found["targets"] == "8 cells" and found["published"] == "7 cells" and found["reader"] == "1 cell"
    assert sum(int(found[name].split()[0]) for name in estimate.ATTACKS) == sum(
        cell.work is attack_cell for cell in cells
    )
    assert told["gmi"].seconds == 60 * int(found["gmi"].split()[0])
    last = next(cell for cell in cells if cell.work is attack_cell)
    for cell in cells:
        if cell is not last:
            write_json(run.path / "cells" / f"{cell.name}.json", {})
    found = left()
    assert {*found} == {last.arguments["attack"], "images"} and told["images"].bytes > 1000
    write_json(run.path / "cells" / f"{last.name}.json", {})
    assert left() == {} == told


def test_what_is_searched_by_class_is_drawn_once(run, quick):
    piece_of = costs_of(run, SETTINGS, run.path / "prior")
    for cell in cells_of(run, SETTINGS, run.path / "prior"):
        if cell.work is attack_cell:
            piece_of(cell)
    assert {name for name, known in quick if not known} == {"gmi", "joint"}
    # On a target with swapped statistics there is no search by class, and its images are drawn as a control.
    swapped = SETTINGS.methods_on("cnn_overfit_swapped")
    assert "gmi" not in swapped and ("joint", False) in quick and ("joint", True) in quick


def test_seconds_are_those_of_the_steps_that_are_left(run, quick):
    """A training of 10 images and 300 epochs at 0.2 s an image takes 10 minutes."""
    own = SETTINGS.changed(cnn=SETTINGS.cnn.changed(epochs=300))
    piece_of = costs_of(run, own, run.path / "prior")
    cells = {cell.name: cell for cell in cells_of(run, own, run.path / "prior")}
    assert piece_of(cells["target-cnn"]).seconds == pytest.approx(10 * 60)
    assert piece_of(cells["target-cnn_overfit_swapped"]).seconds == 0
    # Four images and three steps of the generator.
    assert piece_of(cells["ceiling-private"]).seconds == pytest.approx(1.3 * 0.2 * 12)
    sets = 3 * estimate.SETS * own.attack.manifold.batch
    assert piece_of(cells["identifiability-cnn"]).seconds == pytest.approx(0.3 * 0.2 * sets)
    assert piece_of(cells["output-cnn"]).seconds == 60
    assert 0 < piece_of(cells["blind-private"]).seconds < 60 and 0 < piece_of(cells["reader"]).seconds < 60


@pytest.mark.slow
def test_every_cell_takes_some_time(run, prior_file):
    piece_of = costs_of(run, SETTINGS, prior_file)
    for cell in cells_of(run, SETTINGS, prior_file):
        # Two targets are not trained for themselves.
        idle = cell.name in ("target-cnn_overfit_swapped", "target-cnn_untrained")
        assert (piece_of(cell).seconds > 0) != idle, cell.name
