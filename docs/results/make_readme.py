"""Write the README of the results from its template and from the committed files alone.

    python docs/results/make_readme.py            write README.md
    python docs/results/make_readme.py --check    exit 1, with a diff, where README.md is not what the files say

Every number of README.md.jinja is an expression over `DIRECTORY/results.json`, or over a file of `speed`, `serving`,
`membership` and `phantoms`. A digit or a number in words that is typed instead is an error, but in code, in a link's address
and in `fixed("...")`. That is for definitions and set-ups (3D, lambda 1, the year of a paper), never for a result.
"""

import argparse
import difflib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, nodes

from remnant.base.errors import RemnantError
from remnant.base.files import write_text
from remnant.base.texts import p_said
from remnant.measure.auc import few
from remnant.measure.intervals import clopper_pearson

HERE = Path(__file__).parent
TEMPLATE = "README.md.jinja"
Row = Mapping[str, Any]

NUMBER_WORDS = re.compile(
    r"\b(three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|"
    r"hundreds?|thousandth|thousands?|millions?|dozens?|twice|thrice|quarters?|thirds?|tenth)\b",
    re.IGNORECASE,
)
CODE = re.compile(r"```.*?```|`[^`]*[A-Za-z][^`]*`", re.DOTALL)
NAME = re.compile(r"\b[A-Za-z]+\d+\b(?!\.\d)")  # T1, ResNet18, float32
LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")


@dataclass(frozen=True)
class Published:
    """The tables of one run; `name` is its directory."""

    name: str
    tables: Mapping[str, list[Row]]

    def rows(self, table: str, **wanted) -> list[Row]:
        """All rows of `table` whose columns equal `wanted`; raises `RemnantError` where there is none, or no such column."""
        if table not in self.tables:
            raise RemnantError(f"{self.name} has no table {table}; run that study again and publish it.")
        rows = self.tables[table]
        for column in wanted:
            if not any(column in row for row in rows):
                raise RemnantError(f"{self.name}, {table}: no column {column}.")
        found = [row for row in rows if all(row.get(column) == value for column, value in wanted.items())]
        if not found:
            raise RemnantError(f"{self.name}, {table}: no row of {wanted}.")
        return found

    def one(self, table: str, **wanted) -> Row:
        """The row of `table` whose columns equal `wanted`; raises `RemnantError` where there is not exactly one."""
        found = self.rows(table, **wanted)
        if len(found) > 1:
            raise RemnantError(f"{self.name}, {table}: {len(found)} rows of {wanted}, and exactly one is asked for.")
        return found[0]


def accessors(folder: Path) -> dict[str, Any]:
    """What a template may call; `folder` holds the directories of the results."""

    @cache
    def read(name: str) -> dict:
        return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))

    def results(name: str) -> Published:
        file = read(f"{name}/results")
        # Of an audit the one table of findings, and the controls.
        return Published(name, file["tables"] | {part: file[part] for part in ("findings", "controls") if part in file})

    def setup(name: str) -> dict:
        """What stands beside the tables of a run: patients, scans, settings, commit."""
        return read(f"{name}/results")

    def speed(name: str) -> dict:
        return read(f"speed/{name}")

    def phantoms(name: str) -> dict:
        return read(f"phantoms/{name}")

    def serving(name: str) -> dict:
        return read(f"serving/{name}")

    def shadowed(name: str) -> dict:
        return read(f"membership/{name}")

    return {
        "results": results,
        "phantoms": phantoms,
        "serving": serving,
        "shadowed": shadowed,
        "speed": speed,
        "setup": setup,
        "one": one,
        "fixed": str,
        "holds": holds,
        "exact": exact,
    }


def one(rows: list[Row], **wanted) -> Row:
    """The one row of `rows` whose columns equal `wanted`, of files that have no tables by name."""
    return Published("file", {"rows": rows}).one("rows", **wanted)


def holds(*claims: bool) -> str:
    """Prints nothing; raises `RemnantError` where what the sentence beside it says in words is not so in the files."""
    if not all(claims):
        raise RemnantError(
            f"The files no longer bear out claim {claims.index(False) + 1} of {len(claims)} of a sentence."
        )
    return ""


def exact(count: int, n: int) -> Row:
    """A share of patients with its exact interval (Clopper and Pearson 1934), where a file has the count alone."""
    found = clopper_pearson(count, n)
    return {"rank1": found.mean, "rank1_low": found.low, "rank1_high": found.high, "rank1_count": count, "n": n}


def decimals(value: float, digits: int = 2) -> str:
    text = f"{_there(value):,.{digits}f}"
    # A rounded zero has no sign.
    return text if text.strip("-0.") else text.lstrip("-")


def signed(value: float, digits: int = 3) -> str:
    return f"{_there(value):+.{digits}f}"


def percent(value: float, digits: int = 0) -> str:
    return f"{_there(value):.{digits}%}"


def count(value: float) -> str:
    if _there(value) != int(value):
        raise RemnantError(f"{value} is no count.")
    return f"{int(value):,}"


def with_interval(row: Row, column: str, digits: int = 2) -> str:
    """'0.96 [0.94, 0.98]' of the columns `column`, `column_low` and `column_high`; '0.96' of fewer than ten members or
    non-members, of whom files from before that rule have an interval, too."""
    if "non_members" in row and few(row["members"], row["non_members"]):
        return decimals(row[column], digits)
    low, high = (decimals(row[f"{column}_{end}"], digits) for end in ("low", "high"))
    return f"{decimals(row[column], digits)} [{low}, {high}]"


def with_interval_of(row: Row, column: str, digits: int = 2) -> str:
    """The same where the interval's columns are `low` and `high`."""
    return with_interval(
        {column: row[column], f"{column}_low": row["low"], f"{column}_high": row["high"]}, column, digits
    )


def share(row: Row, column: str) -> str:
    """'96% [79%, 100%]' of the columns `column`, `column_low` and `column_high`."""
    low, high = (percent(row[f"{column}_{end}"]) for end in ("low", "high"))
    return f"{percent(row[column])} [{low}, {high}]"


def difference(row: Row, column: str = "difference", low: str = "low", high: str = "high", digits: int = 3) -> str:
    """'+0.018 [+0.011, +0.024]'."""
    return f"{signed(row[column], digits)} [{signed(row[low], digits)}, {signed(row[high], digits)}]"


def identified(row: Row, column: str = "rank1", n: str = "n") -> str:
    """'23 of 24'."""
    return f"{count(row[f'{column}_count'])} of {count(row[n])}"


def p_value(row: Row, column: str = "holm_p", at_most: bool = False) -> str:
    """'p = 0.012', 'p < 0.001', or 'p ≤ 0.015' where no resample was as extreme (by the file, or `at_most`), as in reports."""
    return p_said(_there(row[column]), bound=at_most or bool(row.get(f"{column}_bound")))


def _there(value: float | None) -> float:
    if value is None:
        raise RemnantError("A number that the text asks for is empty in its table.")
    return value


FILTERS = (decimals, signed, percent, count, with_interval, with_interval_of, share, difference, identified, p_value)


def environment(folder: Path) -> Environment:
    env = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,
    )
    env.filters |= {function.__name__: function for function in FILTERS}
    env.globals |= accessors(folder)
    return env


def refuse_typed_numbers(source: str, env: Environment) -> None:
    """Raises `RemnantError` where the text, or an expression that is a mere constant, has a number of its own."""
    text = "".join(value if kind == "data" else "\0" for _, kind, value in env.lex(source) if kind != "comment")
    text = NAME.sub("", LINK.sub(lambda m: "" if m[1].strip("`") in m[2] else m[1], CODE.sub("", text)))
    for line in text.splitlines():
        typed = re.search(r"\d", line) or NUMBER_WORDS.search(line)
        if typed:
            raise RemnantError(f"A number is typed ({typed[0]}) in: {line.replace(chr(0), '').strip()}")
    tree = env.parse(source)
    said = [n for output in tree.find_all(nodes.Output) for n in output.nodes if not isinstance(n, nodes.TemplateData)]
    for node in said + [assigned.node for assigned in tree.find_all(nodes.Assign)]:
        if not any(node.find_all(nodes.Name)) and not isinstance(node, nodes.Name):
            raise RemnantError(f"Line {node.lineno} of the template prints a constant; read it from a file.")


def readme(folder: Path = HERE) -> str:
    """The text of README.md; raises `RemnantError` for a typed number and for a row that is not there."""
    env = environment(folder)
    refuse_typed_numbers((folder / TEMPLATE).read_text(encoding="utf-8"), env)
    return env.get_template(TEMPLATE).render()


def main(words: list[str], folder: Path = HERE) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail where README.md is not what the files say")
    check = parser.parse_args(words).check
    try:
        made = readme(folder)
    except RemnantError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    there = folder / "README.md"
    if not check:
        write_text(there, made)
        return 0
    said = there.read_text(encoding="utf-8")
    sys.stdout.writelines(
        difflib.unified_diff(said.splitlines(True), made.splitlines(True), "README.md", "what the files say")
    )
    return int(said != made)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
