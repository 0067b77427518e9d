"""Write the table of all defences into defences.md, from the list in remnant.defenses.registry.

python docs/make_defences.py
"""

from pathlib import Path

from remnant.base.files import write_text
from remnant.defenses.registry import DEFENSES, listed

PAGE = Path(__file__).parent / "defences.md"
BEGIN, END = "<!-- Made by make_defences.py -->\n", "<!-- Made until here -->"


def table() -> str:
    """Remnant's own defences as a table of Markdown."""
    rows = listed()[: len(DEFENSES)]
    lines = ["| defence | changes | what it does and costs | described by |", "|---|---|---|---|"]
    lines += [f"| `{row['name']}` | {row['changes']} | {row['does']} | {row['source']} |" for row in rows]
    return "\n".join(lines) + "\n"


def with_table(page: str) -> str:
    """The page with the table of today."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    write_text(PAGE, with_table(PAGE.read_text("utf-8")))
