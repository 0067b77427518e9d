"""Age, sex and the size of the crowd in plain words: what is read off drawn images, and whom that would lead to."""

from collections.abc import Iterator, Mapping

from remnant.base.results import Row, matching
from remnant.report.words import label
from remnant.studies.lee2025.targets import CONTROLS, HELPERS

Tables = Mapping[str, list[Row]]


def people(tables: Tables) -> Iterator[str]:
    """What the reader of age and sex is worth, and what it reads off likely samples."""
    (row,) = matching(tables["demographics"], {"set": "validation_patients"})
    yield (
        f"Age read off radiographs of strangers is {row['age_verdict']}. Sex is {row['sex_verdict']}. What is not usable is not "
        "shown of what was drawn."
    )
    likely = matching(tables["demographics"], {"set": "likely_samples"})
    told = [
        _told(one)
        for one in likely
        if one["target"] not in (*CONTROLS, *HELPERS) and (one["mae"] is not None or one["accuracy"] is not None)
    ]
    if told:
        yield (
            f"On likely samples, held against the patients of the nearest training images: {'; '.join(told)}. Few images that "
            "share their neighbours: read these as cases, not as rates."
        )


def _told(row: Row) -> str:
    parts = []
    if row["mae"] is not None:
        parts.append(f"{row['mae']:.1f} years off (one guess: {row['guess_mae']:.1f})")
    if row["accuracy"] is not None:
        parts.append(f"sex right for {row['accuracy']:.0%} (the majority: {row['guess_accuracy']:.0%})")
    return f"{label(row['target'])} {', '.join(parts)}, n = {row['n']}"


def anonymity(tables: Tables) -> Iterator[str]:
    """How many people would fit what is read of the drawn image that the fewest fit."""
    rows = [row for row in tables["anonymity"] if row["target"] not in CONTROLS]
    fits = [row for row in rows if row["size"] is not None]
    if rows and not fits:
        yield "How many people would fit cannot be said: the model of age and sex was validated on too few patients."
    for site, words in (("unknown", "in the population"), ("known", "at the site, if that is known")):
        if own := matching(fits, {"site": site}):
            least = min(own, key=lambda row: row["size"])
            yield (
                f"Age and sex of the drawn image that the fewest people fit leave {least['size']:,.0f} of {least['people']:,.0f} "
                f"people {words} [{least['low']:,.0f}, {least['high']:,.0f}], at best for the attacker."
            )
