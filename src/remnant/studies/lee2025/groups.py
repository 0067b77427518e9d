"""Who is in which group of patients, kept for the cells: patient data, in RUN/private."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from remnant.base.run import Run
from remnant.base.store import keep, kept
from remnant.cohort.images import AGE, SEX, Images
from remnant.measure.roles import MEMBER, NON_MEMBER

# Those whose patients train targets, whom a report counts.
Source = Literal["private", "public", "planted"]
GROUPS = ("members", "validation", "non_members")
Groups = Mapping[str, Images]
OWN = "attacker"
ROLES = {"members": MEMBER, "non_members": NON_MEMBER}
PAIRED = {"private", "public"}  # sources whose groups `cohort.membership` dealt in pairs


def write_groups(run: Run, source: Source | Literal["attacker"], groups: Mapping[str, Images]) -> None:
    """Keep the groups of a source, by their names in `GROUPS`, atomically; of the attacker `training` and `validation`.

    A group is of patients of one part in the study: images float32 (n, 1, N, N) in [0, 1], patients by pseudonym, labels int64
    (n,) the index of the class, -1 where there is none, and the details `AGE` and `SEX`.
    """
    keep(groups_file(run, source), groups)


def read_groups(run: Run, source: Source | Literal["attacker"]) -> dict[str, Images]:
    """The groups that `write_groups` kept; raises `RemnantError` for a file that is missing or damaged."""
    return kept(groups_file(run, source), dict[str, Images])


def groups_file(run: Run, source: str) -> Path:
    return run.private / "groups" / f"{source}.npz"


def roles_in(groups: Mapping[str, Images]) -> dict[str, int]:
    """The role of each member and non-member."""
    return {patient: role for name, role in ROLES.items() for patient in groups[name].patients}


def matched_by(source: str, groups: Mapping[str, Images]) -> dict[str, int]:
    """By patient a number that he shares with those of whom some were dealt to either group: partners, or one label.

    Partners are neighbours in the order of label, sex, number of images and age, one of them a member, so that the k-th member
    of that order is the partner of the k-th non-member; ties are broken in any way, since they are alike. The planted target's
    groups have as many of either label.
    """
    matched: dict[str, int] = {}
    for name in ROLES:
        group = groups[name]
        rows = pd.DataFrame(
            {
                "patient": group.patients,
                "label": np.asarray(group.labels).reshape(len(group), -1).mean(1),
                # Those of unknown sex first.
                SEX: np.nan_to_num(group.details[SEX], nan=-1),
                AGE: group.details[AGE],
                "one": 1,
            }
        )
        own = rows.groupby("patient").agg({"label": "mean", SEX: "max", "one": "sum", AGE: "mean"})
        own["label"] = own["label"].round()
        if source in PAIRED:
            own["one"] *= -1  # several images first
            order = own.sort_values(["label", SEX, "one", AGE], na_position="last").index
            matched |= {patient: place for place, patient in enumerate(order)}
        else:
            matched |= own["label"].astype(int).to_dict()
    return matched
