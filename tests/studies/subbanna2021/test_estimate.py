"""A forecast is one timed step of each network, as often as the study takes it."""

import pytest

from remnant.attacks import decoder
from remnant.base.files import write_json
from remnant.base.run import Run
from remnant.cohort.case import Fold
from remnant.cohort.images import Images
from remnant.studies.forecast import foretell
from remnant.studies.frame import RunOptions
from remnant.studies.subbanna2021 import estimate, preset
from remnant.studies.subbanna2021.estimate import costs_of, scans_piece
from remnant.studies.subbanna2021.folds import read_fold, write_fold
from remnant.studies.subbanna2021.plan import cells_of

SETTINGS = preset("smoke").changed(networks=["segnet"], experiments=["default"])


@pytest.fixture
def run(tmp_path, tiny_brains):
    names, classes = tuple("abcdef"), ("background", "gyri", "deep_grey", "other_brain")
    prepared = Images(*tiny_brains, names, visits=(1,) * len(names), classes=classes)
    run = Run.start(tmp_path / "run", "subbanna2021", {}, resume=False)
    for index in range(SETTINGS.folds):
        write_fold(run, prepared, Fold(index, names[:2], names[2:4], names[4:]))
    return run


def test_a_step_counts_as_often_as_it_is_taken(run, monkeypatch):
    """3 folds; each trains a segmenter on 2 scans for 2 epochs and a decoder on 2 scans for 2 epochs, at 600 s a sample of 2."""
    for module in (estimate, decoder):
        monkeypatch.setattr(module, "timed", lambda work: (work() and 600.0) or 600.0)
    told = {}

    def left(workers=1):
        told.clear()
        options = RunOptions(
            run.path, workers=workers, foretold=lambda pieces, count: told.update(count=count, pieces=pieces)
        )
        foretell(run, cells, options, lambda: costs_of(run, SETTINGS), scans_piece(run, SETTINGS))
        return {piece.name: piece for piece in told.get("pieces", ())}

    cells = cells_of(SETTINGS)
    found = left()
    assert found["segmenters"].seconds == found["attacks"].seconds == 3 * 20 * 60
    assert found["segmenters"].words == "3 cells: trainings" and told["count"] == 1
    # Of members and non-members, in float16 beside the originals; and everybody's scans, in all folds.
    voxels = read_fold(run, 0).images[0].numel()
    assert found["attacks"].bytes == 3 * 4 * voxels * 4 and found["scans"].bytes == 3 * 6 * voxels * 4
    assert 0 < found["output"].seconds < 600 and 0 < found["blind"].seconds < 600
    assert {*left(workers=2)} == {*found} and told["count"] == 2
    *others, last = sorted(cells, key=lambda cell: cell.name.startswith("attack-"))
    for cell in others:
        write_json(run.path / "cells" / f"{cell.name}.json", {})
    found = left(workers=2)
    assert {*found} == {"attacks", "scans"} and found["attacks"].seconds == 20 * 60 and told["count"] == 1
    write_json(run.path / "cells" / f"{last.name}.json", {})
    assert left() == {} == told
