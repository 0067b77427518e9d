"""The picture of the house is what the code says, and the table beside it names what is there."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "docs" / "house"


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
