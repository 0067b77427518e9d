"""Age and sex, as an attacker reads them from what the server sees of one variant."""

from pathlib import Path
from typing import Any

import numpy as np

from remnant.attacks.people import read_people, train_people
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.scans import Scans, tensor
from remnant.defenses.privacynet.view import View
from remnant.engine.loop import epoch_log
from remnant.studies.kim2019.access import access_of
from remnant.studies.kim2019.kept import keep, kept
from remnant.studies.kim2019.records import STUDY, VIEWS, People
from remnant.studies.kim2019.settings import AttackSettings
from remnant.studies.kim2019.training import cell_name

PEOPLE = "people"


def people_cell(run: Run, variant: str, folder: Path, attack: AttackSettings, seed: int) -> dict[str, Any]:
    """Age and sex as read from either view, of test scans whose both are known."""
    scans, seeds = kept(run, Scans, STUDY), Seeds(seed).child(PEOPLE)
    own = scans.where("training")
    learnt = people_known(scans)
    test = [
        i
        for i in scans.where("test")
        if not (learnt[0] and np.isnan(scans.ages[i])) and not (learnt[1] and not scans.sexes[i])
    ]
    loaded = View.load(folder)
    for view in VIEWS:
        access = access_of(run, view, loaded, test, variant, seeds)
        model = train_people(
            access,
            tensor(scans, own),
            scans.ages[own],
            [{"M": True, "F": False}.get(scans.sexes[i]) for i in own],
            [scans.patients[i] for i in own],
            attack.people,
            seeds.child("reader"),
            epoch_log(run, cell_name(PEOPLE, variant)),
            attack.looks if loaded.secret else 1,
        )
        ages, male = read_people(model, access.codes)
        actual = np.array([scans.sexes[i] == "M" for i in test], bool)
        keep(
            run,
            People(
                variant,
                view,
                tuple(scans.patients[i] for i in test),
                ages if learnt[0] else np.empty(0),
                scans.ages[test] if learnt[0] else np.empty(0),
                male if learnt[1] else np.empty(0),
                actual if learnt[1] else np.empty(0, bool),
                float(model.age_mean),
            ),
        )
    return {}


def people_known(scans: Scans) -> tuple[bool, bool]:
    """Whether age and sex can be learnt: two different ages, and both sexes, among the training patients."""
    own = scans.where("training")
    ages = scans.ages[own]
    return len(np.unique(ages[np.isfinite(ages)])) > 1, {"F", "M"} <= {scans.sexes[i] for i in own}
