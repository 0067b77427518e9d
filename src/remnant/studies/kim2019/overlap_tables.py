"""Rows on what the segmentation is still worth: on the test patients, on a second cohort, and on disturbed scans."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from remnant.audit.findings.compare import of_patients
from remnant.audit.findings.rows import interval_columns
from remnant.base.results import Row, Value, number
from remnant.base.seeds import Seeds
from remnant.measure.intervals import bootstrap_mean
from remnant.measure.overlaps import CLEAN, OVERALL, PerPatient, first_scans, per_class
from remnant.studies import published
from remnant.studies.kim2019.subjects import AuditedVariant
from remnant.studies.kim2019.variants import COLUMNS, control_of

OF_PAPER = ("published-1", "kim2019-1")  # of the lambda whose robustness the paper measured
RESAMPLES = 2000  # of the interval of each Dice: there are hundreds


def segmentation_rows(subjects: Sequence[AuditedVariant], described: Mapping[str, Row], seeds: Seeds) -> Iterator[Row]:
    """Dice by variant and class on the test scans as they are; `loss`: what the same patients lose against raw scans that were
    segmented by a network of the same recipe.
    """
    for each in subjects:
        control = control_of(described, each.variant)
        raw = next((other for other in subjects if other.variant == control and other is not each), None)
        against = per_class(raw.worth.conditions[CLEAN]) if raw else {}
        for name, values in per_class(each.worth.conditions[CLEAN]).items():
            branch = seeds.child(each.variant, name)
            paper = published.KIM2019_DICE.get(each.variant, {}).get(name)
            yield {
                **described[each.variant],
                "class": name,
                **_dice(values, branch),
                **_loss(against.get(name), values, branch),
                "published": paper,
            }


def transfer_rows(subjects: Sequence[AuditedVariant], described: Mapping[str, Row], seeds: Seeds) -> Iterator[Row]:
    """Dice by variant, second cohort, training of the segmenter ("as_trained" or "retrained" on codes) and class."""
    for each in subjects:
        for condition, overlap in each.worth.cohorts.items():
            cohort, _, trained = condition.rpartition("-")
            paper = published.KIM2019_TRANSFER.get((each.variant, trained == "retrained"), {})
            for name, values in per_class(overlap).items():
                yield {
                    **described[each.variant],
                    "cohort": cohort,
                    "trained": trained,
                    "class": name,
                    **_dice(values, seeds.child(each.variant, condition, name)),
                    "published": paper.get(name),
                }


def robustness_rows(subjects: Sequence[AuditedVariant], described: Mapping[str, Row], seeds: Seeds) -> Iterator[Row]:
    """Dice by variant, condition and class of the scans that were spoilt, as they are before; `loss`: what it costs overall."""
    for each in subjects:
        conditions = each.worth.conditions
        spoilt = {patient for name, overlap in conditions.items() if name != CLEAN for patient in overlap.patients}
        clean = per_class(first_scans(conditions[CLEAN], spoilt))
        for condition, overlap in conditions.items() if spoilt else ():
            paper = (
                published.KIM2019_ROBUSTNESS | {CLEAN: published.KIM2019_DICE[each.variant]}
                if each.variant in OF_PAPER
                else {}
            )
            for name, values in (clean if condition == CLEAN else per_class(overlap)).items():
                branch = seeds.child(each.variant, condition, name)
                yield {
                    **described[each.variant],
                    "condition": condition,
                    "class": name,
                    **_dice(values, branch),
                    **_loss(clean[name] if condition != CLEAN and name == OVERALL else None, values, branch),
                    "published": paper.get(condition, {}).get(name),
                }


def by_class(rows: Sequence[Row]) -> list[Row]:
    """The same as the paper prints it: a row a variant and condition, a column a class with its published number.

    Each class gives `<class>` and `published_<class>`; `overall` its interval and `loss` too. Classes that only some rows have
    are None in the others.
    """
    classes = list(dict.fromkeys(str(row["class"]) for row in rows))
    blank = dict.fromkeys(name for each in classes for name in (each, f"published_{each}"))
    wide: dict[tuple[Value, ...], Row] = {}
    for row in rows:
        which = {name: row[name] for name in (*COLUMNS, "cohort", "trained", "condition") if name in row}
        own = wide.setdefault(tuple(which.values()), which | blank)
        own |= {row["class"]: row["dice"], f"published_{row['class']}": row["published"]}
        if row["class"] == OVERALL:
            own |= {"n": row["n"], "overall_low": row["dice_low"], "overall_high": row["dice_high"]}
            own |= {name: row[name] for name in ("loss", "loss_low", "loss_high", "loss_p") if name in row}
    return list(wide.values())


def _dice(values: PerPatient, seeds: Seeds) -> Row:
    found = bootstrap_mean(np.array(list(values.values())), seeds.child("mean").numpy(), resamples=RESAMPLES)
    return {"n": found.n, **interval_columns("dice", found)}


def _loss(against: PerPatient | None, values: PerPatient, seeds: Seeds) -> Row:
    """Dice of the reference less these, over patients that have both."""
    found = of_patients(against or {}, values, seeds.child("loss"))
    return {
        "loss": number(found.difference),
        "loss_low": number(found.low),
        "loss_high": number(found.high),
        "loss_p": number(found.p),
    }
