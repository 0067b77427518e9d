"""The likely ones among what an attack draws, and the age and sex that they show (Lee 2025, stage 2)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.attack import Attack
from remnant.attacks.checkpoint.ranked import Ranked
from remnant.attacks.demographics import Reader
from remnant.audit.cells.kept import Likely, keep_likely, kept_likely
from remnant.audit.cells.reader import kept_reader
from remnant.audit.findings.gains import Similarities
from remnant.audit.materials.material import Material
from remnant.base.results import Row, Section, TableView, number
from remnant.base.run import Run
from remnant.cohort.images import AGE, SEX, Images
from remnant.measure.neighbours import distinct_neighbours
from remnant.measure.roles import MEMBER

LIKELY = "likely"
SECTION = Section(
    title="Which drawn images are likely, and who is in them?",
    text=[
        "Likely is what both excites the model as its training images did and lies near to the statistics that it stores.",
        "Age and sex are read off likely images, and held against the member that each comes nearest to in the network's "
        "features. Few images that share their neighbours: read these as cases, not as rates.",
    ],
    table=TableView(
        name=LIKELY,
        caption="By chance: likely, if both had nothing to do with each other. One guess: the mean age, or the commoner sex, for "
        "everybody.",
        columns={
            "attack": "Attack",
            "candidates": "Drawn",
            "likely": "Likely",
            "{chance:.1f}": "By chance",
            "{neighbours} ({neighbours_expected:.1f})": "Members nearest (by chance)",
            "{age_low:.0f} to {age_high:.0f}": "Age as read",
            "{members_age:.0f} ± {members_age_sd:.0f}": "Members' age",
            "{age_off:.1f} ({age_guess_off:.1f})": "Years off (one guess)",
            "predicted_men": "Men as read",
            "{members_men:.0%}": "Men of members",
            "{sex_right}/{sex_known} ({sex_guess:.0%})": "Sex right (one guess)",
        },
    ),
)


def keep_likely_of(
    run: Run,
    material: Material,
    attack: Attack,
    images: Tensor,
    ranked: Ranked,
    near: Sequence[Similarities],
) -> None:
    """Keep which of the `images` (k, 1, N, N) that an attack drew are likely, each with the member whom it comes nearest to in
    the network's features."""
    (features,) = (one for one in near if one.space == "features")
    chosen = np.flatnonzero(ranked.ranking.likely)
    members = np.flatnonzero([material.roles[patient] == MEMBER for patient in features.patients])
    nearest = members[features.attack[np.ix_(chosen, members)].argmax(1)]
    names = tuple(features.patients[place] for place in nearest)
    keep_likely(run, attack.name, Likely(images[torch.from_numpy(chosen)].half(), names, len(images), ranked.by_chance))


def likely_tables(run: Run, material: Material, attacks: Sequence[Attack], seed: int) -> dict[str, list[Row]]:
    """The table of what the `attacks` drew, if they drew anything."""
    kept = {attack.name: one for attack in attacks if (one := kept_likely(run, attack.name))}
    if not kept:
        return {}
    reader, members = kept_reader(run, seed), material.images.of(material.group(MEMBER))
    return {LIKELY: [{"attack": name, **likely_row(one, members, reader)} for name, one in kept.items()]}


def likely_row(found: Likely, members: Images, reader: Reader | None) -> Row:
    """How many are likely and what is read off them; of the members whom they come nearest to, beside one guess for all."""
    count = len(set(members.patients))
    distinct = distinct_neighbours(np.array(found.nearest), count)
    row: Row = {
        "members": count,
        "candidates": found.candidates,
        "likely": len(found.images),
        "chance": number(found.by_chance),
        "neighbours": distinct.distinct,
        "neighbours_expected": number(distinct.expected),
    }
    ages, men = reader.model.predict(found.images.float()) if reader and len(found.images) else (np.zeros(0),) * 2
    row |= _of_age(ages if reader and reader.reads_age else np.zeros(0), found, members, reader)
    return row | _of_sex(men if reader and reader.reads_sex else np.zeros(0), found, members)


def _of_age(ages: np.ndarray, found: Likely, members: Images, reader: Reader | None) -> Row:
    row: Row = dict.fromkeys(("age_low", "age_high", "members_age", "members_age_sd", "age_off", "age_guess_off"))
    truth = _truth(members, AGE)
    known = np.array([value for value in truth.values() if np.isfinite(value)])
    if len(known):
        # No ends, which are the ages of two patients.
        row |= {"members_age": float(known.mean()), "members_age_sd": float(known.std())}
    if reader and len(ages):
        row |= {"age_low": float(ages.min()), "age_high": float(ages.max())}
        actual = np.array([truth[name] for name in found.nearest])
        told = np.isfinite(actual)
        if told.any():
            row["age_off"] = float(np.abs(ages - actual)[told].mean())
            row["age_guess_off"] = float(np.abs(reader.age.guess - actual)[told].mean())
    return row


def _of_sex(men: np.ndarray, found: Likely, members: Images) -> Row:
    row: Row = dict.fromkeys(("predicted_men", "members_men", "sex_right", "sex_known", "sex_guess"))
    truth = _truth(members, SEX)
    if known := [value for value in truth.values() if np.isfinite(value)]:
        row["members_men"] = float(np.mean(known))
    if len(men):
        row["predicted_men"] = int((men >= 0.5).sum())
        actual = np.array([truth[name] for name in found.nearest])
        told = np.isfinite(actual)
        if told.any():
            share = float(actual[told].mean())
            row["sex_right"] = int(((men >= 0.5) == actual)[told].sum())
            row |= {"sex_known": int(told.sum()), "sex_guess": max(share, 1 - share)}
    return row


def _truth(members: Images, name: str) -> dict[str, float]:
    """What is known of each member by his last image, NaN where nothing is."""
    values = members.details.get(name, np.full(len(members), np.nan))
    return dict(zip(members.patients, map(float, values), strict=True))
