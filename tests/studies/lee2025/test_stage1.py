"""Losses of an attack: thinned, by the part that they belong to."""

import numpy as np
import pytest
import torch

from remnant.base.run import Run
from remnant.base.store import kept
from remnant.studies.lee2025.stage1 import ROWS, Progression, Stage1


@pytest.fixture
def run(tmp_path):
    return Run.start(tmp_path / "run", "lee2025", {}, resume=False)


@pytest.mark.parametrize("steps", [1, 2, 199, 200, 201, 2500])
def test_a_curve_has_its_ends_and_few_rows(run, steps):
    stage1 = Stage1(run.part("cnn"), "published")
    for step in range(steps):
        stage1.step("stage 1", step, 2.0 * step, {"logits": float(step)})
    rows = stage1.told()["stage1"]
    of_term = {term: [row for row in rows if row["term"] == term] for term in ("total", "logits")}
    for term, found in of_term.items():
        assert (found[0]["step"], found[-1]["step"]) == (1, steps) and len(found) <= ROWS, term
        assert len({row["step"] for row in found}) == len(found) >= min(steps, ROWS // 2)
    last = {"part": "stage 1", "term": "total", "step": steps, "value": 2.0 * (steps - 1)}
    assert of_term["total"][-1] == last
    logged = [event["step"] for event in run.events() if event["event"] == "step"]
    assert logged == list(range(1, steps + 1, 100))
    assert {event["cell"] for event in run.events()} == {"cnn/attack-published"}


def test_only_generators_that_were_tuned_have_a_stage_1(run):
    stage1 = Stage1(run.part("cnn"), "published")
    stage1.step("stage 1", 0, 1.0, {})
    stage1.step("stage 1", 1, 1.0, {})
    stage1.tuned({0: torch.zeros(2, 1, 4, 4), 2: torch.ones(2, 1, 4, 4)}, True)
    told = stage1.told()
    assert (told["steps"], told["levelled_off"]) == ({"stage 1": 2}, {"stage 1": True})
    stage1.keep_progression(run, "cnn")
    shown = kept(run.private / "progressions" / "cnn-published.npz", Progression)
    assert shown.steps.tolist() == [0, 2] and shown.images.shape == (2, 2, 4, 4) and shown.images[1].min() == 255
    searched = Stage1(run.part("cnn"), "gmi")
    searched.step("latents", 0, 3.0, {})
    searched.keep_progression(run, "cnn")
    assert searched.told() == {
        "stage1": [{"part": "latents", "term": "total", "step": 1, "value": 3.0}],
        "steps": {},
        "levelled_off": {},
    }
    assert len(list((run.private / "progressions").iterdir())) == 1 and np.isfinite(shown.images).all()
