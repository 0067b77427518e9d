"""Losses of an attack: thinned, under the method that they belong to."""

from types import SimpleNamespace

import pytest

from remnant.base.run import Run
from remnant.studies.lee2025.stage1 import ROWS, Stage1


@pytest.fixture
def run(tmp_path):
    return Run.start(tmp_path / "run", "lee2025", {}, resume=False)


@pytest.mark.parametrize("steps", [1, 2, 199, 200, 201, 2500])
def test_a_curve_has_its_ends_and_few_rows(run, steps):
    stage1 = Stage1(run, "attack-cnn-published", "published")
    for step in range(steps):
        stage1.report("stage 1", step, 2.0 * step, {"logits": float(step)})
    rows = stage1.rows()
    of_term = {term: [row for row in rows if row["term"] == term] for term in ("total", "logits")}
    for term, found in of_term.items():
        assert (found[0]["step"], found[-1]["step"]) == (1, steps) and len(found) <= ROWS, term
        assert len({row["step"] for row in found}) == len(found) >= min(steps, ROWS // 2)
    assert of_term["total"][-1] == {
        "method": "published",
        "part": "stage 1",
        "term": "total",
        "step": steps,
        "value": 2.0 * (steps - 1),
    }
    logged = [event["step"] for event in run.events() if event["event"] == "step"]
    assert logged == list(range(1, steps + 1, 100))


def test_what_is_drawn_later_is_the_method_s_own(run):
    stage1 = Stage1(run, "attack-cnn-published", "published")
    stage1.report("stage 1", 0, 1.0, {})
    stage1.method = "pixels"
    stage1.report("latents", 0, 3.0, {})
    assert [(row["method"], row["part"]) for row in stage1.rows()] == [("published", "stage 1"), ("pixels", "latents")]
    assert stage1.ends((SimpleNamespace(steps=7, levelled_off=True),)) == {
        "steps": {"stage 1": 7},
        "levelled_off": {"stage 1": True},
    }
    assert stage1.ends(()) == {"steps": {}, "levelled_off": {}}
