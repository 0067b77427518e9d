"""What an audit shows beside its findings: tables of its cells, each with its section, where they have rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from remnant.attacks.attack import Attack
from remnant.audit.cells import codes, doses, likely, reader, recipe
from remnant.audit.cells.exposed import exposed_tables
from remnant.audit.findings import epsilon_rows
from remnant.audit.findings.pairs import Paired
from remnant.audit.materials.material import Material
from remnant.audit.run import code_sections
from remnant.base.results import Row, Section
from remnant.base.run import Run
from remnant.base.seeds import Seeds

SECTIONS = {
    recipe.CELL: recipe.SECTION,
    doses.DOSES: doses.SECTION,
    likely.LIKELY: likely.SECTION,
    reader.READER: reader.SECTION,
    epsilon_rows.NAME: epsilon_rows.SECTION,
}


def tables_beside(
    run: Run,
    material: Material,
    attacks: Sequence[Attack],
    paired: Mapping[str, Sequence[Paired]],
    found: Mapping[str, dict[str, Any]],
    seed: int,
) -> dict[str, list[Row]]:
    """The tables by name: of codes, of shadow models, of likely candidates, of who reads their age and sex, and of how exposed
    each patient is; `found`: what the cells returned."""
    drawing = [attack for attack in attacks if attack.claim == "candidates"]
    tables = {
        **codes.tables_of(run, material, paired, Seeds(seed)),
        recipe.CELL: found.get(recipe.CELL, {}).get("rows", []),
        doses.DOSES: found.get(doses.DOSES, {}).get("rows", []),
        **likely.likely_tables(run, material, drawing, seed),
        reader.READER: found.get(reader.READER, {}).get("rows", []),
        **exposed_tables(run, material, seed),
    }
    return {name: rows for name, rows in tables.items() if rows}


def sections_beside(tables: Mapping[str, list[Row]]) -> list[Section]:
    """The sections that show them."""
    return [section for name, section in SECTIONS.items() if name in tables] + code_sections.sections_of(tables)
