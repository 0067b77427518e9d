"""The picture of the house is what the code says, the table beside it names what is there, and a name means one thing."""

import ast
import importlib.util
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "docs" / "house"
CODE = ROOT / "src" / "remnant"


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_house", HOUSE / "make_house.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_what_the_code_says(maker):
    """If this fails: `python docs/house/make_house.py`, and look at the picture."""
    assert maker.svg() == (HOUSE / "house.svg").read_text("utf-8")


def test_every_room_has_a_place_and_every_import_goes_down(maker):
    levels = maker.floors()
    rooms = [room for level in levels for room in level]
    folders = {path.parent.name for path in (ROOT / "src" / "remnant").glob("*/__init__.py")}
    assert {*rooms} == maker.PLACES.keys() == folders
    floor = {room: number for number, level in enumerate(levels) for room in level}
    found = maker.imports(rooms)
    assert all(floor[room] < floor[other] for room, others in found.items() for other in others)
    assert "targets" in found["attacks"] and "base" in found["measure"]
    assert "report" not in maker.reached("measure", found)


def test_what_contributing_names_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    table = text.partition("## Where is what")[2].partition("\n## ")[0]
    paths = re.findall(r"`([\w/]+(?:/|\.py))`", table)
    assert len(paths) > 40
    assert [path for path in paths if not any((top / path).exists() for top in (ROOT, ROOT / "src" / "remnant"))] == []


@pytest.fixture(scope="module")
def trees():
    """The code of each module by its name."""
    paths = {path: path.relative_to(CODE.parent).with_suffix("").parts for path in CODE.rglob("*.py")}
    return {
        ".".join(parts).removesuffix(".__init__"): ast.parse(path.read_text("utf-8")) for path, parts in paths.items()
    }


def test_a_class_has_a_name_of_its_own(trees):
    """But for what every paper has, such as the settings of its study."""
    places = defaultdict(list)
    for module, tree in trees.items():
        paper = ".".join(module.split(".")[:3]) if module.startswith("remnant.studies.") else "remnant"
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(paper)
    assert [
        name
        for name, papers in places.items()
        if len(papers) > 1 and ("remnant" in papers or len({*papers}) < len(papers))
    ] == []


def test_what_is_asked_of_a_module_is_there(trees):
    """`module.name` is looked up where that line runs, which may be a sentence for a rare fault."""
    named = {module: _names(tree) for module, tree in trees.items()}
    missing = []
    for module, tree in trees.items():
        known = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if f"{node.module}.{alias.name}" in trees
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
                asked = known[node.value.id]
                if node.attr not in named[asked] and f"{asked}.{node.attr}" not in trees:
                    missing.append(f"{module}:{node.lineno} {asked}.{node.attr}")
    assert missing == []


def _names(tree):
    """Everything that a module defines or imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found
