"""How many changes of a line of the rules of verdicts the tests see: `make mutants`.

    python benchmarks/mutants.py [--out docs/results/mutants.json]

mutmut changes one thing at a time (a comparison, a constant, an argument) in the modules of `[tool.mutmut]` in pyproject.toml,
and runs the tests there that reach it. A mutant that no test fails by stands in the result with its lines. Some change nothing
that could be seen, such as a tie that cannot be.

Among them are the rule of verdicts, the level that each test may use, the rows of members and of comparisons, and of the measures
intervals, the p of patients dealt anew, what is detectable, and Holm. Left out, since it would take as long again or longer,
are areas, advantages and true positive rates, whose tests simulate; other rows and the measures behind them, such as pairs,
galleries, folds, attributes and the blind baseline; and all sentences.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from remnant.base import provenance
from remnant.base.files import read_json, write_json

ROOT = Path(__file__).resolve().parents[1]
MUTMUT = [sys.executable, "-m", "mutmut"]
UNRUN, SURVIVED, UNTESTED = None, 0, 33  # mutmut's codes of a mutant that no test failed by


def changed(name: str) -> list[str]:
    """The lines that a mutant takes out and puts in."""
    shown = subprocess.run([*MUTMUT, "show", name], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [line for line in shown.splitlines() if line[:1] in "-+" and line[:3] not in ("---", "+++")]


def row(meta: Path) -> dict[str, object]:
    """What became of the mutants of one module."""
    codes: dict[str, int | None] = read_json(meta)["exit_code_by_key"]
    left = [name for name, code in codes.items() if code in (UNRUN, SURVIVED, UNTESTED)]
    module = meta.relative_to(ROOT / "mutants").with_suffix("")
    killed = len(codes) - len(left)
    return {
        "module": str(module),
        "mutants": len(codes),
        "killed": killed,
        "share": round(killed / len(codes), 3),
        "left": {name: changed(name) for name in left},
    }


def main() -> None:
    """Mutate, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/results/mutants.json"))
    options = parser.parse_args()
    subprocess.run([*MUTMUT, "run", "--max-children", "2"], cwd=ROOT, check=True)
    rows = [row(meta) for meta in sorted((ROOT / "mutants").rglob("*.meta"))]
    for one in rows:
        print(f"{one['module']}: {one['killed']} of {one['mutants']} mutants killed, {one['share']:.1%}")
    write_json(
        options.out,
        {
            "command": "make mutants",
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "tables": {"mutants": rows},
        },
    )


if __name__ == "__main__":
    main()
