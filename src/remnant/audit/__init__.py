"""One audit of anybody's model: what was handed over, the attacks that it allows, one table of findings, one judge."""
