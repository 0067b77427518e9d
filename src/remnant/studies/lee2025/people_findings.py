"""Age, sex and the size of the crowd in plain words: what is read off drawn images, and whom that would lead to."""

from collections.abc import Mapping

from remnant.base.results import Row, matching
from remnant.base.texts import counted
from remnant.measure.demographics import AGE_SKILL, SEX_SKILL
from remnant.report.words import label
from remnant.report.words import number as written
from remnant.studies.lee2025.targets import CONTROLS, HELPERS

Tables = Mapping[str, list[Row]]


def people(tables: Tables) -> list[str]:
    row = next(row for row in tables["demographics"] if row["set"] == "validation_patients")
    said = []
    for what, usable, numbers in (
        (
            "age",
            row["age_usable"],
            f"it is {row['mae']:.1f} years off on average, where one guess for all is {row['guess_mae']:.1f} off (R2 "
            f"{_bracketed(row, 'r2')}; asked: {AGE_SKILL:g})",
        ),
        (
            "sex",
            row["sex_usable"],
            f"it is right for {row['accuracy']:.0%}, where the majority guess is for {row['guess_accuracy']:.0%} "
            f"(balanced accuracy {_bracketed(row, 'balanced')}; asked: {SEX_SKILL:g})",
        ),
    ):
        verdict = "can be used" if usable else "is not usable, so that none is shown for what was drawn"
        said.append(f"its {what} {verdict}: on {counted(row['n'], 'patient')} that it never saw {numbers}")
    text = f"What a model reads off radiographs of strangers: {'; '.join(said)}."
    drawn = [
        one
        for one in tables["demographics"]
        if one["set"] == "likely_samples" and one["target"] not in CONTROLS + HELPERS
    ]
    told = [_told(one) for one in drawn if one["mae"] is not None or one["accuracy"] is not None]
    if told:
        text += (
            f" On the likely samples, held against the patients of the nearest training images: {'; '.join(told)}. "
            "Few images that share their neighbours: read these as cases, not as rates."
        )
    return [text]


def _told(row: Row) -> str:
    parts = []
    if row["mae"] is not None:
        parts.append(f"{row['mae']:.1f} years off (one guess: {row['guess_mae']:.1f})")
    if row["accuracy"] is not None:
        parts.append(f"sex right for {row['accuracy']:.0%} (the majority: {row['guess_accuracy']:.0%})")
    return f"{label(row['target'])} {', '.join(parts)}, n = {row['n']}"


def anonymity(tables: Tables) -> list[str]:
    rows = [row for row in tables["anonymity"] if row["target"] not in CONTROLS]
    if not rows:
        return []
    said = []
    for site, words in (("unknown", "in the population"), ("known", "at the site, if that is known")):
        fits = [row for row in matching(rows, {"site": site}) if row["size"] is not None]
        if not fits:
            return [
                "How many people would fit what was read cannot be said: the model of age and sex was validated on "
                "too few patients."
            ]
        least = min(fits, key=lambda row: row["size"])
        said.append(
            f"{least['size']:,.0f} of {least['people']:,.0f} people {words} [{least['low']:,.0f}, {least['high']:,.0f}]"
        )
    best = "" if rows[0]["usable"] else " (by a model that is not usable, which makes the crowd large)"
    return [
        "Would age and sex alone lead to anybody? Of all drawn images, the one that the fewest people fit leaves "
        f"{' and '.join(said)}{best}. That is the attacker's best case, in which images are read as well as real "
        "radiographs."
    ]


def _bracketed(row: Row, name: str) -> str:
    if row[f"{name}_low"] is None:
        return written(row[name])
    return f"{written(row[name])} [{written(row[f'{name}_low'])}, {written(row[f'{name}_high'])}]"
