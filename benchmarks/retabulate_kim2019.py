"""Say what published runs of kim2019 found by today's statistics and terms, from their own tables.

    .venv/bin/python benchmarks/retabulate_kim2019.py docs/results/kim2019 docs/results/kim2019-brains

The patients identified by what was reconstructed (Holm over all variants, views and searches), what the headline says of them,
the names of the variants, the gates and all sentences: the folder is published anew.
What needs the scans, as membership by the segmenter's own output, needs the run.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from remnant.base.results import Results
from remnant.report.publish import publish
from remnant.studies.frame import STUDY_OF_OURS
from remnant.studies.kim2019 import page
from remnant.studies.kim2019.conclude import BEFORE
from remnant.studies.kim2019.described import described
from remnant.studies.kim2019.findings import conclusion
from remnant.studies.kim2019.inversion_tables import looked_at_together
from remnant.studies.kim2019.summary_tables import headline_rows, trade_off_rows
from remnant.studies.kim2019.variants import VARIANTS


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
