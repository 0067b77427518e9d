"""A reader of age and sex for what attacks draw, which learns from the attacker's own people and is judged on some of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from remnant.attacks.attack import Attack
from remnant.attacks.demographics import (
    OLDEST,
    DemographicSettings,
    Reader,
    load_demographics,
    save_demographics,
    train_demographics,
    training_seconds,
)
from remnant.audit.cells.piece import Piece
from remnant.audit.findings.rows import interval_columns
from remnant.audit.materials.material import Material
from remnant.base.results import Row, Section, TableView, number
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import AGE, SEX, Images
from remnant.engine.loop import epoch_log
from remnant.measure.demographics import describe_usable

READER = "reader"  # the cell, and its table
WORDS = "a reader of age and sex for what attacks draw, which learns from the attacker's own people"
EACH = 4  # of so many of the attacker's people one tells what the reader is worth
FEWEST = 8  # of them
SETTINGS = DemographicSettings()
SECTION = Section(
    title="What is a reader of age and sex worth?",
    text=[
        "It learned from the attacker's own people, and these are others of them. What it has no skill for is not shown of what "
        "attacks draw.",
    ],
    table=TableView(
        name=READER,
        caption="Means over people with 95% CI. One guess: the mean age, or the commoner sex, for everybody.",
        columns={
            "trained_on": "Learned from",
            "n": "Judged on",
            "{mae:.1f} [{mae_low:.1f}, {mae_high:.1f}]": "Years off",
            "{guess_mae:.1f}": "One guess",
            "{r2:.2f} [{r2_low:.2f}, {r2_high:.2f}]": "R2",
            "age_verdict": "Age",
            "{balanced:.2f} [{balanced_low:.2f}, {balanced_high:.2f}]": "Balanced accuracy",
            "sex_verdict": "Sex",
        },
    ),
)


def taught_by(material: Material) -> Images | None:
    """The attacker's own images with known age in years and sex; None without a prior, and where nobody could learn from them."""
    own = material.own
    if own is None or material.prior is None or not {AGE, SEX} <= own.details.keys():
        return None
    ages, men = (np.asarray(own.details[name], float) for name in (AGE, SEX))
    known = own.take(np.flatnonzero((ages >= 0) & (ages <= OLDEST) & np.isin(men, (0, 1))))
    if len(set(known.patients)) < FEWEST:
        return None
    learns, _ = _apart(known)
    return known if all(len(set(learns.details[name].tolist())) > 1 for name in (AGE, SEX)) else None


def is_asked(material: Material, attacks: Sequence[Attack]) -> bool:
    """Whether any of the `attacks` draws what could be read, and somebody teaches the reader."""
    return any(attack.claim == "candidates" for attack in attacks) and taught_by(material) is not None


def _apart(known: Images) -> tuple[Images, Images]:
    """Those from whom it learns, and those who tell what it learned: of everybody, by sex and age, each fourth."""
    sexes, ages = known.details[SEX], known.details[AGE]
    traits = {patient: (sexes[i], ages[i]) for i, patient in enumerate(known.patients)}
    order = sorted(traits, key=lambda patient: (*traits[patient], patient))
    judges = set(order[EACH // 2 :: EACH])
    return known.of([one for one in order if one not in judges]), known.of(list(judges))


def reader_cell(run: Run, material: Material, seed: int) -> dict[str, Any]:
    """Train the reader and keep it; `rows`: what it is worth on people whom it never saw."""
    known, prior = taught_by(material), material.prior
    assert known and prior
    learns, judges = (
        Images(prior.grey(one), None, one.patients, {name: one.details[name] for name in (AGE, SEX)})
        for one in _apart(known)
    )
    train_reader(run, learns, judges, SETTINGS, seed)
    reader = kept_reader(run, seed)
    assert reader
    return {"rows": [skill_row(reader)]}


def train_reader(run: Run, learns: Images, judges: Images, settings: DemographicSettings, seed: int) -> Path:
    """Train the reader on greys (n, 1, N, N) in [0, 1], judge it on others, and keep it; the path of its file."""
    seeds = Seeds(seed).child("audit", READER)
    model = train_demographics(learns, judges, settings, seeds, epoch_log(run, READER))
    save_demographics(reader_file(run), model)
    return reader_file(run)


def kept_reader(run: Run, seed: int) -> Reader | None:
    """The reader with its skill, None where none was trained."""
    if not reader_file(run).exists():
        return None
    return Reader.of(load_demographics(reader_file(run)), Seeds(seed).child("audit", READER, "skill"))


def reader_piece(material: Material) -> Piece:
    """The piece of the reader's training."""
    known = taught_by(material)
    assert known
    return Piece(READER, WORDS, training_seconds(SETTINGS, len(_apart(known)[0])))


def skill_row(reader: Reader) -> Row:
    """What a reader is worth on the people who judged it."""
    row: Row = {"trained_on": reader.model.training_patients, "n": reader.age.mae.n}
    skills = {
        "mae": reader.age.mae,
        "rmse": reader.age.rmse,
        "r2": reader.age.r2,
        "accuracy": reader.sex.accuracy,
        "balanced": reader.sex.balanced,
        "sex_auc": reader.sex.auc,
    }
    for name, found in skills.items():
        row |= interval_columns(name, found)
    return row | {
        "guess_mae": number(reader.age.guess_mae),
        "guess_accuracy": number(reader.sex.guess_accuracy),
        "age_verdict": describe_usable(reader.age),
        "sex_verdict": describe_usable(reader.sex),
    }


def reader_file(run: Run) -> Path:
    """Where the reader lies: beside it stand the exact ages of those who judged it."""
    return run.private / READER / f"{READER}.safetensors"
