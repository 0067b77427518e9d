"""Say what published runs of kim2019 found by today's statistics and terms, from their own tables.

    .venv/bin/python benchmarks/retabulate_kim2019.py docs/results/kim2019 docs/results/kim2019-brains

The patients identified by what was reconstructed (Holm over all variants, views and searches), what the headline says of them,
which adversaries tell patients apart (Holm over all adversaries, views and variants, by the standard error that their interval
is of), no interval of fewer than ten patients, the names of the variants, the gates and all sentences: the folder is published
anew.
What needs the scans, as membership by the segmenter's own output, needs the run.
"""

import math
import shutil
import sys
import tempfile
from pathlib import Path

from scipy import stats

from remnant.base.results import Results, Row, number
from remnant.base.texts import counted
from remnant.measure.auc import few
from remnant.measure.multiplicity import holm
from remnant.report.publish import publish
from remnant.studies.frame import STUDY_OF_OURS
from remnant.studies.kim2019 import page
from remnant.studies.kim2019.conclude import BEFORE
from remnant.studies.kim2019.described import described
from remnant.studies.kim2019.findings import conclusion
from remnant.studies.kim2019.identity_tables import LEVEL
from remnant.studies.kim2019.inversion_tables import looked_at_together
from remnant.studies.kim2019.summary_tables import headline_rows, trade_off_rows
from remnant.studies.kim2019.variants import VARIANTS

NORMAL = 1.96  # standard errors on either side of a 95% interval


def looked_at(rows: list[Row], controls: set[str]) -> list[Row]:
    """The adversaries' rows with p, adjusted over all rows of a kind of pairs, the `controls` apart."""
    p_values = [_p(row) for row in rows]
    families = [(row["kind"], row["variant"] in controls) for row in rows]
    adjusted = [math.nan] * len(rows)
    for family in set(families):
        places = [i for i, own in enumerate(families) if own == family]
        for i, p in zip(places, holm([p_values[i] for i in places]).tolist(), strict=True):
            adjusted[i] = p
    return [_judged(row, p, after) for row, p, after in zip(rows, p_values, adjusted, strict=True)]


def _p(row: Row) -> float:
    """As `measure.verification` has it, by the standard error that the interval shows."""
    area, n = row["auc"], row["patients"]
    if area in (0, 1):
        return min(1.0, 2 * 0.5**n)
    if few(n, n) or row["auc_low"] is None or row["auc_high"] == row["auc_low"]:
        return math.nan
    return float(2 * stats.t.sf(abs(area - 0.5) / ((row["auc_high"] - row["auc_low"]) / (2 * NORMAL)), n - 1))


def _judged(row: Row, p: float, adjusted: float) -> Row:
    knows, n, verdict = adjusted <= LEVEL, row["patients"], row["verdict"]
    if "control" not in verdict:
        if knows:
            verdict = "tells patients apart" + (", by answering wrongly" if row["auc"] < 0.5 else "")
        elif verdict.startswith("tells"):
            verdict = f"seems to tell patients apart; {counted(n, 'patient is', 'patients are')} too few to be sure"
    ends = [f"{name}_{end}" for name in ("auc", "balanced", "best") for end in ("low", "high")]
    gone = dict.fromkeys(ends) if few(n, n) and row["auc"] not in (0, 1) else {}
    return row | gone | {"p": number(p), "holm_p": number(adjusted), "knows": knows, "verdict": verdict}


def retabulated(results: Results) -> Results:
    """The same results with today's statistics and terms."""
    variants = {name: VARIANTS[name] for name in results.settings["variants"]}
    words = described(variants)
    tables = {
        name: [row | (words[row["variant"]] if "variant" in row else {}) for row in rows]
        for name, rows in results.tables.items()
    }
    tables |= {"membership": [], "membership_verdicts": []}
    # What these runs pre-trained was by our recipe, too.
    before = {"name": BEFORE["ours"], "recipe": "ours"}
    trained = {key: {name: row[name] for name in ("name", "recipe")} for key, row in words.items()}
    tables["stage1"] = [row | trained.get(row["target"], before) for row in tables["stage1"]]
    tables["inversion"] = looked_at_together(tables["inversion"])
    controls = {name for name, variant in variants.items() if variant.method == "none"}
    tables["identity"] = looked_at(tables["identity"], controls)
    tables["trade_off"] = [*trade_off_rows(tables)]
    tables["headline"] = [*headline_rows(tables)]
    return results.model_copy(
        update={
            "subject": STUDY_OF_OURS,
            "tables": tables,
            **conclusion(tables, results.preset, trained=True)._asdict(),
            **page.words(tables, variants, [page.ways(variants), *results.attacked[1:]]),
        }
    )


if __name__ == "__main__":
    for folder in map(Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as work:
            run, out = Path(work) / "run", Path(work) / "out"
            run.mkdir()
            retabulated(Results.read(folder / "results.json")).write(run / "results.json")
            # These cohorts are public or phantoms.
            publish(run, out, min_cell=1)
            shutil.rmtree(folder)
            shutil.move(out, folder)
