"""Whatever an audit of these tests writes is held to the committed schema, as another program would hold it."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from remnant.base.findings import AuditResults

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "results.schema.json"


@pytest.fixture(scope="session")
def by_schema():
    """`by_schema(path)`: raise where a results.json does not keep to the schema."""
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text("utf-8")))
    return lambda path: validator.validate(json.loads(Path(path).read_text("utf-8")))


@pytest.fixture(scope="session", autouse=True)
def _every_file_by_schema(by_schema):
    def write(results, path):
        written(results, path)
        by_schema(path)

    with pytest.MonkeyPatch.context() as patch:
        written = AuditResults.write
        patch.setattr(AuditResults, "write", write)
        yield
