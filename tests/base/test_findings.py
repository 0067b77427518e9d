"""results.json of an audit: the committed schema is of these models, and what it names exists."""

import importlib.util
import json
from pathlib import Path

import pytest
from tests.report.example_audit import audit_results

from remnant.base.errors import RemnantError
from remnant.base.findings import SCHEMA_VERSION, AuditResults

SCHEMA = Path(__file__).parents[2] / "docs" / "schema"


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_schema", SCHEMA / "make_schema.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_schema_is_of_these_models(maker):
    """If this fails: run docs/schema/make_schema.py, and raise SCHEMA_VERSION where a reader of the old one would break."""
    assert maker.text() == (SCHEMA / "results.schema.json").read_text("utf-8")


def test_the_schema_has_a_version_that_every_file_states(maker, tmp_path):
    schema = maker.schema()
    assert schema["$id"].endswith(f":{SCHEMA_VERSION}")
    assert schema["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    audit_results().write(tmp_path / "results.json")
    assert json.loads((tmp_path / "results.json").read_text())["schema_version"] == SCHEMA_VERSION


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one["verdict"]["judged"][0].update(finding=99), "finding 99, not in findings"),
        (lambda one: one["limits"].pop(1), "'membership_advantage', not in limits"),
        (lambda one: one["sections"].append({"title": "A", "table": {"name": "t", "columns": {"a": "A"}}}), "'t'"),
        (lambda one: one.update(schema_version=2), "schema_version"),
    ],
)
def test_results_that_name_what_is_not_there_are_refused(tmp_path, change, said):
    results = audit_results().model_dump(mode="json")
    change(results)
    (tmp_path / "results.json").write_text(json.dumps(results))
    with pytest.raises(RemnantError, match=said):
        AuditResults.read(tmp_path / "results.json")
