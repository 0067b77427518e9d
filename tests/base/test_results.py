import json

import pytest

from remnant.base.errors import RemnantError
from remnant.base.results import Results, matching

SMALL = {
    "study": "s",
    "title": "t",
    "preset": "smoke",
    "command": "c",
    "patients": 6,
    "scans": 7,
    "seed": 0,
    "seconds": 1.5,
    "started": "2026-01-01T00:00:00+00:00",
    "hardware": {"cpu": "x", "cores": 2, "memory_gb": 1.5, "gpu": None},
    "versions": {"remnant": "0.1.0", "commit": None},
    "checkpoints": {"unet": "00"},
    "settings": {"a": {"b": [1, 2.5, "x", None, True]}},
    "headline": "h",
    "findings": [],
    "threat_model": [],
    "attacked": [],
    "not_tested": [],
    "measures": {"ssim": "m"},
    "tables": {"leak": [{"network": "unet", "n": 6, "difference": -0.25, "low": None, "clear": False}]},
    "sections": [
        {
            "title": "Leak",
            "text": ["x"],
            "table": {"name": "leak", "caption": "c", "columns": {"n": "n"}, "where": {"network": "unet"}},
            "figures": [{"name": "leak", "kind": "leak_forest", "caption": "c", "private": False}],
        }
    ],
}


def _changed(**changes) -> dict:
    return SMALL | changes


def test_round_trip_keeps_every_value_and_its_type(tmp_path):
    results = Results.model_validate(SMALL)
    results.write(tmp_path / "results.json")
    again = Results.read(tmp_path / "results.json")
    assert again == results
    row = json.loads((tmp_path / "results.json").read_text())["tables"]["leak"][0]
    assert row == SMALL["tables"]["leak"][0]
    assert [type(value) for value in row.values()] == [str, int, float, type(None), bool]
    assert again.settings == SMALL["settings"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"patients": "many"}, "patients"),
        ({"headline": None}, "headline"),
        ({"extra": 1}, "extra"),
        ({"tables": {"leak": [{"n": [1, 2]}]}}, "tables.leak.0.n"),
        ({"sections": [{"title": "x", "table": {"name": "none", "columns": {"n": "n"}}}]}, "'none'"),
        ({"sections": [{"title": "x", "figures": [{"name": "../../x", "kind": "k"}]}]}, "figures.0.name"),
        ({"sections": [{"title": "x", "figures": [{"name": "a", "kind": "k"}] * 2}]}, "more than once"),
    ],
)
def test_what_does_not_fit_is_one_sentence_that_names_the_place(tmp_path, change, told):
    (tmp_path / "results.json").write_text(json.dumps(_changed(**change)))
    with pytest.raises(RemnantError) as error:
        Results.read(tmp_path / "results.json")
    assert told in str(error.value)
    assert str(tmp_path / "results.json") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_field_is_named_without_printing_the_document(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps({k: v for k, v in SMALL.items() if k != "seed"}))
    with pytest.raises(RemnantError, match="seed is missing") as error:
        Results.read(tmp_path / "results.json")
    assert "leak_forest" not in str(error.value)


def test_not_a_number_is_refused():
    with pytest.raises(ValueError, match="finite"):
        Results.model_validate(_changed(tables={"leak": [{"difference": float("nan")}]}))


def test_matching_keeps_rows_by_value_or_by_list_of_values():
    rows = [{"a": 1, "b": None}, {"a": 2, "b": "x"}, {"a": 3, "b": "x"}]
    assert matching(rows, {}) == rows
    assert matching(rows, {"a": [1, 3]}) == [rows[0], rows[2]]
    assert matching(rows, {"a": [2, 3], "b": "x"}) == rows[1:]
    assert matching(rows, {"b": None}) == rows[:1]
