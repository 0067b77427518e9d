"""results.json by the schema that other programs read it by: what is published, what is released, and what these tests write."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
from tests.report.example_audit import audit_results, finding

from remnant.report.egress import told_outside

PUBLISHED = sorted((Path(__file__).parents[2] / "docs").rglob("audit/*/results.json"))


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.parent.name)
def test_what_is_published_keeps_to_the_schema(by_schema, path):
    by_schema(path)


def test_some_is_published():
    assert len(PUBLISHED) >= 7


def test_what_is_released_keeps_to_the_schema(tmp_path):
    few = finding(counts="4 members, 60 non-members", n=64)
    told_outside(audit_results(findings=[few, finding()])).write(tmp_path / "results.json")


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
def test_a_file_that_does_not_keep_to_it_is_told_as_it_is_written(by_schema, tmp_path):
    results = audit_results()
    results.write(tmp_path / "results.json")
    raw = json.loads((tmp_path / "results.json").read_text())
    for changed in ({"schema_version": 2}, {"verdict": {"ruling": "safe"}}, {"seed": "0"}, {"more": 1}):
        (tmp_path / "other.json").write_text(json.dumps(raw | changed))
        with pytest.raises(jsonschema_rs.ValidationError):
            by_schema(tmp_path / "other.json")
    with pytest.raises(jsonschema_rs.ValidationError):
        results.model_copy(update={"seed": "none"}).write(tmp_path / "third.json")
