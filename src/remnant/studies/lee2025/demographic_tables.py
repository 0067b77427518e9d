"""Rows on age and sex: what the model is worth, what it reads off likely samples, and how many people would fit that."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from remnant.attacks.demographics import Reader
from remnant.base.results import Row, number
from remnant.measure.anonymity import Population, anonymity_set
from remnant.measure.demographics import describe_usable
from remnant.studies import published
from remnant.studies.columns import interval_columns
from remnant.studies.lee2025.matches import SETS, Truth, age_errors, match, read, sexes_right, truth_of
from remnant.studies.lee2025.scores import ATTACK, Audited


def demographic_tables(audits: Sequence[Audited], reader: Reader) -> dict[str, list[Row]]:
    """The tables `demographics`, `ages` and `sexes`: the model's own validation first, then each target's likely samples and
    nearest training images under the published attack. What the model has no skill for is left out but for the validation."""
    people = reader.model.people()
    demographics = [_skill_row(reader)]
    ages = [
        {"target": None, "set": "validation_patients", "actual": float(age), "predicted": float(predicted)}
        for age, predicted in zip(people["age"], people["predicted_age"], strict=True)
    ]
    called = (people["probability"] >= 0.5).to_numpy()
    sexes = list(_confusion(None, "validation_patients", people["male"].to_numpy(), called))
    for audit in audits:
        attacked = audit.found.get(ATTACK)
        found = match(audit, attacked) if attacked else None
        if not found or not len(found.chosen):
            continue
        truth = truth_of(audit.groups["members"], found)
        for name in SETS:
            age, male = read(audit, attacked, found, reader, name)
            demographics.append(_set_row(audit.target, name, age, male, truth, reader))
            known = np.isfinite(truth.ages)
            if reader.reads_age:
                ages += [
                    {"target": audit.target, "set": name, "actual": float(actual), "predicted": float(predicted)}
                    for actual, predicted in zip(truth.ages[known], age[known], strict=True)
                ]
            known = np.isfinite(truth.sexes)
            if reader.reads_sex and known.any():
                sexes += _confusion(audit.target, name, truth.sexes[known] == 1, male[known] >= 0.5)
    return {"demographics": demographics, "ages": ages, "sexes": sexes}


def _skill_row(reader: Reader) -> Row:
    age, sex = reader.age, reader.sex
    row: Row = {"target": None, "set": "validation_patients", "n": age.mae.n}
    for name, found in {
        "mae": age.mae,
        "rmse": age.rmse,
        "r2": age.r2,
        "accuracy": sex.accuracy,
        "balanced": sex.balanced,
        "sex_auc": sex.auc,
    }.items():
        row |= interval_columns(name, found) | {f"published_{name}": published.LEE2025_DEMOGRAPHICS.get(name)}
    return row | {
        "guess_mae": number(age.guess_mae),
        "guess_accuracy": number(sex.guess_accuracy),
        "age_usable": reader.reads_age,
        "sex_usable": reader.reads_sex,
        "age_verdict": describe_usable(age),
        "sex_verdict": describe_usable(sex),
        "trained_on": reader.model.training_patients,
    }


def _set_row(target: str, name: str, ages: np.ndarray, males: np.ndarray, truth: Truth, reader: Reader) -> Row:
    """Means without intervals: likely samples share their neighbours, and are no sample of patients."""
    row: Row = dict.fromkeys(_skill_row(reader)) | {"target": target, "set": name, "n": len(ages)}
    errors, right = age_errors(ages, truth), sexes_right(males, truth)
    if reader.reads_age and len(errors):
        guess = np.abs(reader.age.guess - truth.ages[np.isfinite(truth.ages)])
        row |= {
            "mae": float(errors.mean()),
            "rmse": float(np.sqrt((errors**2).mean())),
            "guess_mae": float(guess.mean()),
        }
    if reader.reads_sex and len(right):
        men = float((truth.sexes[np.isfinite(truth.sexes)] == 1).mean())
        row |= {"accuracy": float(right.mean()), "guess_accuracy": max(men, 1 - men)}
    return row | {"age_usable": reader.reads_age, "sex_usable": reader.reads_sex}


def _confusion(target: str | None, name: str, actual: np.ndarray, called: np.ndarray) -> Iterator[Row]:
    for sex, male in (("F", False), ("M", True)):
        for guess, guessed in (("F", False), ("M", True)):
            count = int(((actual == male) & (called == guessed)).sum())
            yield {"target": target, "set": name, "actual": sex, "predicted": guess, "count": count}


def anonymity_rows(audit: Audited, reader: Reader, population: Population, site: float) -> Iterator[Row]:
    """How many people would fit what is read off the likely candidates, or off the first of the list where none is likely.

    Without and with knowing the `site`, which draws from so many people; the reconstruction that the fewest people fit, with
    the interval that the validation's number of patients leaves, and the median over all of them. A size None: so few
    validation patients cannot support the confidence.
    """
    attacked = audit.found.get(ATTACK)
    if attacked is None:
        return
    chosen = np.flatnonzero(attacked.likely)
    which = "likely_samples" if len(chosen) else "first_of_the_list"
    chosen = chosen if len(chosen) else attacked.order[:1]
    for place, people in (("unknown", None), ("known", site)):
        found = [
            anonymity_set(
                float(attacked.age[one]),
                "M" if attacked.male[one] >= 0.5 else "F",
                reader.errors,
                population,
                site=people,
            )
            for one in chosen
        ]
        smallest = min(found, key=lambda each: (math.isnan(each.size), each.size))
        yield {
            "target": audit.target,
            "set": which,
            "n": len(found),
            "site": place,
            "people": smallest.people,
            "size": number(smallest.size),
            "low": number(smallest.low),
            "high": number(smallest.high),
            "median": number(float(np.median([each.size for each in found]))),
            "years": number(smallest.years),
            "sexes": "both" if smallest.both_sexes else "the predicted one",
            "alone": number(smallest.alone),
            "confidence": smallest.confidence,
            "usable": reader.reads_age and reader.reads_sex,
        }
