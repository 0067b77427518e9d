"""What the studies came to when the files in golden/ were made, and how what they come to today is held against them.

    make goldens        after a change that is meant to change them; look at the difference before you commit it

- `invented-<study>.json`: the tables that are made of invented measurements. Nothing is trained, so that all is held everywhere.
- `smoke-<study>.json`: the shape of the smallest whole run, what runs of two seeds have in common: tables, their columns and
  numbers of rows, chapters. No values: two runs on one machine were seen to differ in what rests on a training.

Of a table are kept its columns, the number of rows, the sum of each column of numbers, how often each word or truth stands in the
others, and a few rows. Tables with a row a patient are left out: each run names its patients anew.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tests.studies.kim2019 import example as invented_kim2019
from tests.studies.lee2025 import example as invented_lee2025
from tests.studies.subbanna2021.example import cells as invented_subbanna2021

from remnant.base.files import write_text
from remnant.base.results import Results, Row
from remnant.base.seeds import Seeds
from remnant.report.words import labelled
from remnant.studies import kim2019, lee2025, subbanna2021
from remnant.studies.chapters import described_labels
from remnant.studies.frame import RunOptions
from remnant.studies.judged import judged_tables
from remnant.studies.kim2019.sections import CHAPTERS as KIM2019
from remnant.studies.lee2025.sections import LABELS as LEE2025
from remnant.studies.subbanna2021.experiments import LABELS as SUBBANNA2021
from remnant.studies.subbanna2021.tables import make_tables as tables_of_subbanna2021

FOLDER = Path(__file__).parent / "golden"
STUDIES = {"kim2019": kim2019, "lee2025": lee2025, "subbanna2021": subbanna2021}
SHAPE = ("columns", "rows")  # the parts of a table that do not rest on training
SHOWN = 6  # rows of a table that are kept whole
TIMES = ("runtime", "training")  # tables of seconds, and of a row an epoch

LABELS = {
    "kim2019": described_labels(KIM2019),
    "lee2025": LEE2025,
    "subbanna2021": SUBBANNA2021,
}

Told = dict[str, Any]


def _kim2019() -> dict[str, list[Row]]:
    return invented_kim2019.made()[1]


def _lee2025() -> dict[str, list[Row]]:
    targets = ("cnn", "cnn_overfit", "cnn_planted")
    found = invented_lee2025.exposure(targets)
    return invented_lee2025.tables(targets) | judged_tables(found.findings, found.told_controls)


def _subbanna2021() -> dict[str, list[Row]]:
    return tables_of_subbanna2021(invented_subbanna2021(), ["unet"], ["default"], Seeds(0))


def _in_words(study: str, make: Callable[[], dict[str, list[Row]]]) -> Callable[[], dict[str, list[Row]]]:
    def made() -> dict[str, list[Row]]:
        with labelled(LABELS[study]):
            return make()

    return made


INVENTED: dict[str, Callable[[], dict[str, list[Row]]]] = {
    "kim2019": _in_words("kim2019", _kim2019),
    "lee2025": _in_words("lee2025", _lee2025),
    "subbanna2021": _in_words("subbanna2021", _subbanna2021),
}


def smoke(study: str, folder: Path, seed: int = 0) -> Results:
    """The results of the smallest run of a study, in `folder`."""
    module, out = STUDIES[study], folder / "run"
    settings = module.preset("smoke").changed(seed=seed)
    module.run_study(settings, RunOptions(out, quiet=True), cache=folder / "cache")
    return Results.read(out / "results.json")


def told(tables: Mapping[str, list[Row]]) -> Told:
    """What is kept of tables, by name."""
    return {
        name: _table(rows)
        for name, rows in tables.items()
        if name not in TIMES and not any("pseudonym" in row for row in rows)
    }


def _table(rows: list[Row]) -> Told:
    columns = list(rows[0]) if rows else []
    sums, words = {}, {}
    for column in columns:
        values = [row[column] for row in rows]
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        if numbers:
            sums[column] = _short(float(sum(numbers)))
        words[column] = dict(sorted(Counter(str(value) for value in values if _is_word(value)).items()))
    places = np.unique(np.linspace(0, max(len(rows) - 1, 0), SHOWN).astype(int))
    shown = [[_short(value) for value in rows[place].values()] for place in places] if rows else []
    return {
        "columns": columns,
        "rows": len(rows),
        "sums": sums,
        "words": {k: v for k, v in words.items() if v},
        "shown": shown,
    }


def _is_word(value: Any) -> bool:
    return value is None or isinstance(value, str | bool)


def _short(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def structure(results: Results) -> Told:
    """What of a run rests on its settings, and on its training too: compare two seeds to know which."""
    return {
        "patients": results.patients,
        "scans": results.scans,
        "chapters": [
            {
                "title": section.title,
                "columns": list(section.table.columns.values()) if section.table else [],
                "figures": [figure.name for figure in section.figures],
            }
            for section in results.sections
        ],
        "tables": {name: {part: table[part] for part in SHAPE} for name, table in told(results.tables).items()},
    }


def in_common(one: Any, other: Any) -> Any:
    """The parts of two structures that are equal, as far down as they are dictionaries."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return one if one == other else None
    both = {key: in_common(one[key], other[key]) for key in one if key in other}
    return {key: value for key, value in both.items() if value is not None}


def read(name: str) -> Told:
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def _write(name: str, golden: Told) -> None:
    # A table a line, so that a difference is read by tables.
    parts = [f"{json.dumps(key)}: {_lines(value)}" for key, value in golden.items()]
    write_text(FOLDER / f"{name}.json", "{\n" + ",\n".join(parts) + "\n}\n")


def _lines(value: Any) -> str:
    compact = {"separators": (",", ":"), "ensure_ascii": False}
    if not isinstance(value, dict):
        return json.dumps(value, **compact)
    rows = [f" {json.dumps(key)}: {json.dumps(one, **compact)}" for key, one in value.items()]
    return "{\n" + ",\n".join(rows) + "\n}"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for study, make in INVENTED.items():
        _write(f"invented-{study}", told(make()))
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            first, second = smoke(study, Path(one)), smoke(study, Path(other), seed=1)
        _write(f"smoke-{study}", in_common(structure(first), structure(second)))


if __name__ == "__main__":
    main()
