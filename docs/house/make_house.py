"""Draw house.svg, the rooms of Remnant on their floors and who imports whom, from the code alone.

    python docs/house/make_house.py            write house.svg
    python docs/house/make_house.py --check    exit 1 where house.svg is not what the code says

Floors are those of the contract in pyproject.toml, what stands in a room is the first sentence of its docstring, and arrows are
imports. An import to which other arrows lead anyway has none, and stands in its room instead.
"""

import ast
import sys
import textwrap
import tomllib
from html import escape
from pathlib import Path

import grimp

from remnant.base.files import write_text

ROOT = Path(__file__).parents[2]
PLACE = Path(__file__).parent / "house.svg"
# Left and right of each room, so that no arrow runs through another. A new room needs a place here.
PLACES = {
    "cli": (250, 800),
    "studies": (60, 400),
    "audit": (222, 592),
    "serve": (735, 1030),
    "attacks": (60, 440),
    "defenses": (490, 945),
    "targets": (200, 720),
    "cohort": (60, 400),
    "engine": (440, 840),
    "measure": (60, 400),
    "nets": (440, 840),
    "report": (985, 1125),
    "base": (60, 1125),
}
WIDTH, EDGE, TOP, HEIGHT, GAP = 1150, 30, 84, 78, 34
LETTER, HEAD = 6.1, 10  # pixels of a letter of the small type, and of an arrow that is straight for its head
STYLE = (
    "text{font-family:system-ui,'Liberation Sans',Arial,sans-serif;fill:#1d2b33}"
    ".name{font-size:15px;font-weight:600}.says{font-size:11.5px}.also{font-size:10.5px;fill:#58717f}"
    ".floor{font-size:11px;fill:#58717f}.room{fill:#fff;stroke:#00796b;stroke-width:1.4}.wall{fill:#eef4f3;stroke:#9fb6b3}"
    ".arrow{fill:none;stroke:#37636b;stroke-width:1.3;marker-end:url(#head)}"
)


def floors() -> list[list[str]]:
    """The rooms of each floor, from the top."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one["type"] == "layers")
    return [[room.strip().removeprefix("remnant.") for room in layer.split("|")] for layer in layers]


def imports(rooms: list[str]) -> dict[str, set[str]]:
    """The other rooms that any file of a room imports."""
    graph = grimp.build_graph("remnant", cache_dir=None)

    def room_of(module: str) -> str:
        return module.split(".")[1]

    found: dict[str, set[str]] = {}
    for room in rooms:
        files = {f"remnant.{room}"} | graph.find_descendants(f"remnant.{room}")
        imported = {one for file in files for one in graph.find_modules_directly_imported_by(file)}
        found[room] = {room_of(one) for one in imported if "." in one} - {room}
    return found


def reached(room: str, found: dict[str, set[str]]) -> set[str]:
    """Every room to which a way of imports leads."""
    return found[room].union(*(reached(other, found) for other in found[room]))


def says(room: str) -> str:
    """The first sentence of a room's docstring."""
    text = ast.get_docstring(ast.parse((ROOT / "src" / "remnant" / room / "__init__.py").read_text("utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".").replace("`", "")


def svg() -> str:
    """The picture; raises `KeyError` for a room without a place, and `ValueError` for words or an arrow that do not fit."""
    levels = floors()
    found = imports([room for level in levels for room in level])
    height = TOP + len(levels) * (HEIGHT + GAP)
    tops = {room: TOP + number * (HEIGHT + GAP) for number, level in enumerate(levels) for room in level}
    direct = {
        room: {one for one in others if not any(one in reached(other, found) for other in others - {one})}
        for room, others in found.items()
    }
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>The rooms of Remnant on their floors; arrows are imports.</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#37636b"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<path class="wall" d="M10 {TOP - 14}L{WIDTH / 2} 8L{WIDTH - 10} {TOP - 14}V{height - 8}H10z"/>',
    ]
    for number, level in enumerate(levels, 1):
        parts.append(f'<text class="floor" x="24" y="{tops[level[0]] + 16}">{number}</text>')
        for room in level:
            parts += drawn(room, tops[room], sorted(found[room] - direct[room]))
    for room, others in direct.items():
        parts += [arrow(room, other, direct, tops) for other in sorted(others)]
    return "\n".join([*parts, "</svg>"]) + "\n"


def drawn(room: str, top: int, also: list[str]) -> list[str]:
    """A room with its name, its sentence and what else it imports."""
    left, right = PLACES[room]
    told = {"says": says(room), "also": f"also imports {', '.join(also)}" if also else ""}
    letters = int((right - left - 20) / LETTER)
    lines = [(kind, line) for kind, text in told.items() for line in textwrap.wrap(text, letters)]
    if len(lines) > 4:
        raise ValueError(f"{room} says more than its place holds; widen it in PLACES.")
    parts = [
        f'<rect class="room" x="{left}" y="{top}" width="{right - left}" height="{HEIGHT}" rx="5"/>',
        f'<text class="name" x="{left + 10}" y="{top + 18}">{room}</text>',
    ]
    for number, (kind, line) in enumerate(lines):
        parts.append(f'<text class="{kind}" x="{left + 10}" y="{top + 34 + 13 * number}">{escape(line)}</text>')
    return parts


def arrow(room: str, other: str, direct: dict[str, set[str]], tops: dict[str, int]) -> str:
    """From the floor of a room through the gap below it to the ceiling of another, straight down past what is between."""

    def middle(one: str) -> float:
        return sum(PLACES[one]) / 2

    def slot(one: str, here: str, neighbours: set[str]) -> float:
        left, right = PLACES[here]
        place = sorted(neighbours, key=middle).index(one)
        return left + (right - left) * (place + 1) / (len(neighbours) + 1)

    start = slot(other, room, direct[room])
    end = slot(room, other, {one for one, others in direct.items() if other in others})
    top, bottom = tops[room] + HEIGHT, tops[other]
    for one, (left, right) in PLACES.items():
        if top < tops[one] < bottom and left < end < right:
            raise ValueError(f"The arrow from {room} to {other} runs through {one}; move one of them in PLACES.")
    bent, half = top + GAP - HEAD, top + (GAP - HEAD) / 2
    curve = f"C{start:.0f} {half:.0f} {end:.0f} {half:.0f} {end:.0f} {bent}"
    return f'<path class="arrow" d="M{start:.0f} {top}{curve}V{bottom - 1}"/>'


def main(words: list[str]) -> int:
    """Write the picture, or say whether it is what the code says."""
    if words == ["--check"]:
        return int(PLACE.read_text("utf-8") != svg())
    write_text(PLACE, svg())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
