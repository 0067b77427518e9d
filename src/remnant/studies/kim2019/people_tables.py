"""Rows on age and sex: what is read of them off each view of patients whom no training saw."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from remnant.base.results import Row, number
from remnant.base.seeds import Seeds
from remnant.measure.demographics import age_skill, describe_usable, sex_skill, usable
from remnant.studies.columns import interval_columns
from remnant.studies.kim2019.records import People

AGE = ("mae", "mae_low", "mae_high", "r2", "r2_low", "r2_high", "guess_mae", "age_usable", "age_verdict")
SEX = ("accuracy", "balanced", "balanced_low", "balanced_high", "sex_auc", "sex_auc_low", "sex_auc_high")
SEX_WORDS = ("guess_accuracy", "sex_usable", "sex_verdict")


def people_rows(people: Sequence[People], described: Mapping[str, Row], seeds: Seeds) -> Iterator[Row]:
    """A row a variant and view: skill in age and in sex, a patient counting once, by the mean of what his scans give."""
    for each in people:
        yield {
            **described[each.variant],
            "view": each.view,
            **_age(each, seeds.child(each.variant, each.view)),
            **_sex(each),
        }


def _age(people: People, seeds: Seeds) -> Row:
    if not len(people.ages):
        return {"ages": 0, **dict.fromkeys(AGE)}
    skill = age_skill(
        _a_patient(people.ages, people.patients),
        _a_patient(people.actual_ages, people.patients),
        people.guess,
        seeds.numpy(),
    )
    return {
        "ages": skill.mae.n,
        **interval_columns("mae", skill.mae),
        **interval_columns("r2", skill.r2),
        "guess_mae": number(skill.guess_mae),
        "age_usable": usable(skill),
        "age_verdict": describe_usable(skill),
    }


def _sex(people: People) -> Row:
    if not len(people.male):
        return {"sexes": 0, **dict.fromkeys((*SEX, *SEX_WORDS))}
    skill = sex_skill(
        _a_patient(people.male, people.patients), _a_patient(people.actual_male, people.patients).astype(bool)
    )
    return {
        "sexes": skill.accuracy.n,
        "accuracy": number(skill.accuracy.mean),
        **interval_columns("balanced", skill.balanced),
        **interval_columns("sex_auc", skill.auc),
        "guess_accuracy": number(skill.guess_accuracy),
        "sex_usable": usable(skill),
        "sex_verdict": describe_usable(skill),
    }


def _a_patient(values: np.ndarray, patients: Sequence[str]) -> np.ndarray:
    """Mean a patient (n,), in the order of their first appearance."""
    whose = np.array(patients)
    return np.array([np.mean(values[whose == patient]) for patient in dict.fromkeys(patients)])
