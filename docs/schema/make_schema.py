"""Write results.schema.json, the JSON schema of an audit's results.json, from the models that write and read it.

.venv/bin/python docs/schema/make_schema.py
"""

import json
from pathlib import Path
from typing import Any

from remnant.base.files import write_text
from remnant.base.findings import SCHEMA_VERSION, AuditResults

PLACE = Path(__file__).parent / "results.schema.json"


def schema() -> dict[str, Any]:
    """The schema; a reader looks at `schema_version` first, and a change that breaks one raises it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        # What another program may refer to; it is a name and need not be fetched.
        "$id": f"urn:remnant:results:{SCHEMA_VERSION}",
        "$comment": f"Version {SCHEMA_VERSION}; made by docs/schema/make_schema.py.",
        **AuditResults.model_json_schema(),
    }


def text() -> str:
    """The file as it is committed."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    write_text(PLACE, text())
