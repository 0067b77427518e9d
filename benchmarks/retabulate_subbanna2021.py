"""Make the statistics of published runs of subbanna2021 anew from their own rows a patient, where only the statistics changed.

    .venv/bin/python benchmarks/retabulate_subbanna2021.py docs/results/subbanna2021 docs/results/subbanna2021-hippocampus

The leak (model with patients and folds), the patients identified and the comparison (Holm over all rows of a table), and what is
said of them: results.json, the Markdown tables and the README of each folder. The folds are read off the order of the rows, in
which members stand fold by fold. What needs the images, as membership by the model's own output, needs the run.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.files import write_text
from remnant.base.results import Results, Row, number
from remnant.base.seeds import Seeds
from remnant.measure.crossover import role_effect
from remnant.measure.intervals import EXACT_PATIENTS, identification_p_value
from remnant.report.tables import in_markdown, write_tables
from remnant.studies.frame import STUDY_OF_OURS
from remnant.studies.subbanna2021.contrasts import FLOOR, GROUPS, STATISTICS, effect_columns, looked_at_together
from remnant.studies.subbanna2021.findings import findings, headline, highlights, no_conclusion, strongest
from remnant.studies.subbanna2021.further_sections import further_sections
from remnant.studies.subbanna2021.sections import sections
from remnant.studies.subbanna2021.settings import StudySettings
from remnant.studies.subbanna2021.tables import identified_together


def retabulated(results: Results) -> Results:
    """The same results with today's statistics; raises `RemnantError` where the rows a patient are gone."""
    if not results.tables.get("scores"):
        raise RemnantError("The results hold no rows a patient; run the study again.")
    settings = StudySettings.model_validate(
        {k: v for k, v in results.settings.items() if k in StudySettings.model_fields}
    )
    tables = results.tables | {"membership": [], "membership_verdicts": []}
    tables["leak"] = looked_at_together([*_leaks(tables["scores"], settings.dealt, Seeds(settings.seed))])
    tables["identification"] = identified_together(
        [
            {**row, "p": number(identification_p_value(row["rank1_count"], np.full(row["n"], row["chance"])))}
            for row in tables["identification"]
        ]
    )
    tables["comparison"] = looked_at_together(
        [
            {**row, "p_bound": row["n"] > EXACT_PATIENTS and row["p"] is not None and row["p"] <= FLOOR * (1 + 1e-9)}
            for row in tables["comparison"]
        ]
    )
    decoder = strongest(tables, settings)
    return results.model_copy(
        update={
            "subject": STUDY_OF_OURS,
            "tables": tables,
            "no_conclusion": no_conclusion(tables, settings),
            "headline": headline(tables, settings, decoder),
            "highlights": highlights(tables, decoder),
            "findings": findings(tables, settings, decoder),
            "sections": sections(tables, settings, decoder, further_sections(tables, settings)),
        }
    )


def _leaks(scores: list[Row], folds: int, seeds: Seeds):
    """The rows of `leak`, without `holm_p`."""
    held: dict[tuple, dict[str, dict[str, Row]]] = {}
    for row in scores:
        held.setdefault((row["network"], row["decoder"], row["metric"]), {}).setdefault(row["group"], {})[
            row["pseudonym"]
        ] = row
    first = next(iter(held.values()))
    fold = {group: _folds([*first[group]], folds) for group in GROUPS}
    for (network, decoder, metric), groups in held.items():
        if any(group not in groups for group in GROUPS):
            continue
        who = [*groups["member"]]
        for statistic in STATISTICS:
            member, other = (np.array([_value(groups[group][name], statistic) for name in who]) for group in GROUPS)
            places = (np.array([fold[group][name] for name in who]) for group in GROUPS)
            found = role_effect(
                member - other, *places, seeds.child("tables", network, decoder, metric, "leak").numpy()
            )
            yield {
                "network": network,
                "decoder": decoder,
                "metric": metric,
                "statistic": statistic,
                **effect_columns(found),
            }


def _folds(patients: list[str], folds: int) -> dict[str, int]:
    if len(patients) % folds:
        raise RemnantError(f"{len(patients)} patients in {folds} folds of unequal size: run the study again.")
    return {patient: i * folds // len(patients) for i, patient in enumerate(patients)}


def _value(row: Row, statistic: str) -> float:
    return row["own"] if statistic == "own" else row["own"] - row["best_other"]


def write(folder: Path, results: Results) -> None:
    """results.json, the Markdown tables that stand there, and in the README what is concluded."""
    results.write(folder / "results.json")
    with tempfile.TemporaryDirectory() as work:
        for path in write_tables(Path(work), results):
            (there,) = folder.glob(f"[0-9][0-9]-{path.name[3:]}") or [folder / path.name]
            write_text(there, path.read_text(encoding="utf-8"))
    readme = (folder / "README.md").read_text(encoding="utf-8")
    title, _, rest = readme.partition("\n\n")
    _, fence, command = rest.partition("```bash")
    said = [f"**{in_markdown(results.headline)}**"]
    if results.no_conclusion:
        said = ["**No conclusion.**", *map(in_markdown, results.no_conclusion), f"Measured all the same: {said[0]}"]
    listed = "\n".join(f"- {in_markdown(finding)}" for finding in results.findings)
    write_text(folder / "README.md", "\n\n".join([title, *said, listed, fence + command]))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write(Path(name), retabulated(Results.read(Path(name) / "results.json")))
