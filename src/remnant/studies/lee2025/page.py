"""What the report says beside its findings: threat model, what was attacked, measures, words, most of it in `chapters.toml`."""

import tomllib
from typing import Any

from remnant.attacks.membership.output import OUTPUT
from remnant.base.texts import counted
from remnant.measure.anonymity import Population
from remnant.measure.similarity import MATRICES
from remnant.report.words import label
from remnant.studies.lee2025.exposure import Exposure
from remnant.studies.lee2025.findings import Tables, findings, headline, highlights
from remnant.studies.lee2025.sections import CHAPTERS, sections_of
from remnant.studies.lee2025.settings import ATTACKS


def words(
    exposure: Exposure, tables: Tables, *, side: int, prior: str, population: tuple[Population, str]
) -> dict[str, Any]:
    """The fields of `Results` that are prose or say what is shown.

    `side` of the images in pixels; `prior`: a sentence on the generator and the public images that it learned from; `population`
    with where it is from.
    """
    told = tomllib.loads(CHAPTERS.read_text("utf-8"))["page"]
    ssim = MATRICES["ssim"].describe((side, side)).replace("voxels", "pixels")
    values = {"ssim": ssim, "people": population[0].people, "source": population[1]}
    return {
        **told,
        "headline": headline(exposure),
        "highlights": highlights(exposure),
        "findings": findings(exposure, tables),
        "attacked": _attacked(tables, prior, side),
        "measures": {name: text.format(**values) for name, text in told["measures"].items()},
        "sections": sections_of(tables),
    }


def _attacked(tables: Tables, prior: str, side: int) -> list[str]:
    targets = "; ".join(
        f"{label(row['target'])} ({row['network']}, {label(row['source'])} patients)" for row in tables["targets"]
    )
    drawn = [ATTACKS[str(name)].words for name in dict.fromkeys(row["method"] for row in tables["likely"])]
    words_of = [OUTPUT.words, *drawn]
    said = [
        f"{counted(len(tables['targets']), 'target')}, trained here: {targets}.",
        f"Images of {side} x {side} pixels, one channel.",
        prior,
        "Attacks: " + "; ".join(words_of) + ".",
    ]
    groups = {(row["source"], row["group"]): row for row in tables["patients"]}
    for source in dict.fromkeys(row["source"] for row in tables["patients"]):
        parts = [
            counted(row["patients"], *words)
            for name, words in (
                ("members", ("member",)),
                ("validation", ("patient for validation", "patients for validation")),
                ("non_members", ("non-member",)),
            )
            if (row := groups.get((source, name)))
        ]
        said.append(f"Patients ({label(source)}): {', '.join(parts)}.")
    return said
