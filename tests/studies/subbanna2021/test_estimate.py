"""A forecast is one timed step of each network, as often as the study takes it."""

import pytest

from remnant.attacks import decoder
from remnant.base.files import write_json
from remnant.base.run import Run
from remnant.cohort.case import Fold
from remnant.cohort.images import Images
from remnant.studies.subbanna2021 import estimate, preset
from remnant.studies.subbanna2021.folds import write_fold
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


def test_a_step_counts_as_often_as_it_is_taken(run, monkeypatch, capsys):
    """3 folds; each trains a segmenter on 2 scans for 2 epochs and a decoder on 2 scans for 2 epochs, at 600 s a sample of 2."""
    for module in (estimate, decoder):
        monkeypatch.setattr(module, "timed", lambda work: (work() and 600.0) or 600.0)
    cells = cells_of(SETTINGS)
    estimate.foretell(run, SETTINGS, cells, workers=1)
    said = capsys.readouterr().err
    assert said.startswith("3 segmenters and 3 attacks: about 120 min with 1 worker, and ")
    estimate.foretell(run, SETTINGS, cells, workers=2)
    assert "about 60 min with 2 workers" in capsys.readouterr().err
    *others, last = sorted(cells, key=lambda cell: cell.name.startswith("attack-"))
    for cell in others:
        write_json(run.path / "cells" / f"{cell.name}.json", {})
    estimate.foretell(run, SETTINGS, cells, workers=1)
    assert "0 segmenters and 1 attack: about 20 min" in capsys.readouterr().err
    write_json(run.path / "cells" / f"{last.name}.json", {})
    estimate.foretell(run, SETTINGS, cells, workers=1)
    assert capsys.readouterr().err == ""
