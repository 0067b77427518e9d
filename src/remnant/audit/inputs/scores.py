"""A table of scores, `scores.csv`: a membership attack that somebody else ran, to be judged without the model.

One row a patient or an image: `patient`, `member` (1 or 0) and `score`, higher for more member-like, or `loss`, lower. Beside
these, all optional: columns `reference...`, the same score under models that this patient did not train; `planted`, 1 for
members who were made to be remembered, such as canaries with exchanged labels; and any trait of the patients (age, sex, site),
by which the blind baseline asks whether the groups are alike.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from remnant.base.errors import RemnantError
from remnant.base.texts import counted, short
from remnant.cohort.layouts.table import MOST_NAMED, read_table, refuse
from remnant.measure.roles import MEMBER, NON_MEMBER

NEEDED = ("patient", "member")
NAMES = "call them patient, member (1 for who trained the model, 0) and score (higher for members) or loss"
SCORE, LOSS, PLANTED, REFERENCE = "score", "loss", "planted", "reference"
# What says yes and no, small letters.
YES = {"1", "1.0", "true", "yes", "member", "train", "training"}
NO = {"0", "0.0", "false", "no", "non-member", "nonmember", "test", "holdout"}
# What a trait in words says of whom it is not known, small letters.
UNKNOWN = {"na", "n/a", "nan", "none", "null", "unknown", "?"}
# Values of a trait in words, or in whole numbers that may be codes, that have a column each; of more the commonest.
MOST_KINDS = 20
# What says who trained the model, or who somebody is, is no trait by which the groups may be alike.
NO_TRAITS = {
    "split",
    "set",
    "fold",
    "subset",
    "group",
    "role",
    "partition",
    "id",
    "name",
    "image",
    "file",
    "path",
    "case",
}


@dataclass(frozen=True)
class ScoreTable:
    """One row a patient, means over rows: `roles`, `scores` (n,) higher for more member-like, `references` (n, k), NaN where a
    model's is not known, `planted` (n,) boolean, and `traits` by name, (n,) numbers, NaN for unknown; and how many `rows` those
    have who are not planted."""

    patients: tuple[str, ...]
    roles: np.ndarray
    scores: np.ndarray
    references: np.ndarray
    planted: np.ndarray
    traits: dict[str, np.ndarray]
    rows: int


def check_scores(path: Path) -> ScoreTable:
    """The table, if it serves; raises `RemnantError` for what is wrong with it, and for what makes membership untestable."""
    table = read_scores(path)
    genuine = table.roles[~table.planted]
    for role, name in ((MEMBER, "who trained the model (member 1)"), (NON_MEMBER, "who did not (member 0)")):
        if not (genuine == role).any():
            raise RemnantError(
                f"{path} has no patients {name}, so membership is not testable; add some that are like the others."
            )
    return table


def read_scores(path: Path) -> ScoreTable:
    """Read a table of scores; raise one `RemnantError` for all that is wrong with it."""
    table = read_table(path, NEEDED, (SCORE, LOSS, PLANTED), mend=NAMES)
    given = [name for name in (SCORE, LOSS) if name in table.columns]
    faults = []
    if len(given) != 1:
        said = "neither a column 'score' nor 'loss'" if not given else "both columns 'score' and 'loss'"
        has = f" and has {', '.join(map(short, table.columns[:MOST_NAMED]))}" if not given else ""
        raise RemnantError(f"{path} has {said}{has}; keep one, score for higher in members, loss for lower.")
    references = [name for name in table.columns if name.lower().startswith(REFERENCE)]
    values = {name: _numbers(table, name, path, faults) for name in (*given, *references)}
    flags = {name: _flags(table, name, path, faults) for name in ("member", PLANTED) if name in table.columns}
    if blank := int((table["patient"] == "").sum()):
        faults.append(f"{path} has {counted(blank, 'row', 'rows')} without a patient; name him, or drop the row.")
    if (unscored := table.index[table[given[0]] == ""]).size:
        faults.append(
            f"Line {unscored[0]} of {path} has no {given[0]} ({counted(len(unscored), 'row')}); give one, or drop the row."
        )
    if references:
        told = (table[references] != "").any(axis=1).groupby(table["patient"]).transform("any")
        without = table[~told & (table["patient"] != "")]
        if len(without):
            faults.append(
                f"Line {without.index[0]} of {path} has a patient without a score under any reference model "
                f"({counted(without['patient'].nunique(), 'patient')}); score them, or drop the columns."
            )
    table = table.assign(_member=flags["member"])
    sure = table[(table["patient"] != "") & table["member"].str.lower().isin(YES | NO)]
    if len(both := [str(name) for name, own in sure.groupby("patient")["_member"] if own.nunique() > 1]):
        faults.append(
            f"{path} has {counted(len(both), 'patient', 'patients')} in both groups, such as {short(both[0])}; a patient either "
            "trained the model or did not."
        )
    refuse(path, faults)
    sign = 1.0 if given[0] == SCORE else -1.0
    columns = {
        "score": sign * values[given[0]],
        "member": flags["member"],
        **{name: sign * values[name] for name in references},
    }
    columns["planted"] = flags.get(PLANTED, np.zeros(len(table)))
    traits = dict(_traits(table, {*NEEDED, *given, PLANTED, *references, "_member"}))
    means = pd.DataFrame({**columns, **traits}).groupby(table["patient"].to_numpy(), sort=False).mean()
    counts = table.groupby("patient", sort=False).size().reindex(means.index)
    roles = np.where(means["member"] > 0.5, MEMBER, NON_MEMBER)
    planted = means["planted"].to_numpy() > 0
    if (planted & (roles == NON_MEMBER)).any():
        raise RemnantError(f"{path} has planted patients who are no members; planted are members alone.")
    own = {name: means[name].to_numpy(float) for name in traits} | {"rows": counts.to_numpy(float)}
    return ScoreTable(
        tuple(map(str, means.index)),
        roles,
        means["score"].to_numpy(float),
        means[references].to_numpy(float),
        planted,
        {name: column for name, column in own.items() if np.nanstd(column) > 0} if len(means) else {},
        int(counts.to_numpy()[~planted].sum()),
    )


def _numbers(table: pd.DataFrame, name: str, path: Path, faults: list[str]) -> np.ndarray:
    found = pd.to_numeric(
        table[name].str.replace(",", ".") if _decimal_commas(table[name]) else table[name], errors="coerce"
    )
    wrong = table.index[(found.isna() & (table[name] != "")) | ~np.isfinite(found.fillna(0))]
    if len(wrong):
        faults.append(
            f"Line {wrong[0]} of {path} has the {name} {short(table.loc[wrong[0], name])!r}; every {name} must be a finite number"
            + (f" ({len(wrong)} rows)." if len(wrong) > 1 else ".")
        )
    return found.to_numpy(float)


def _decimal_commas(column: pd.Series) -> bool:
    """Whether numbers are written as 0,5: where no cell has a point."""
    return column.str.contains(",").any() and not column.str.contains(".", regex=False).any()


def _flags(table: pd.DataFrame, name: str, path: Path, faults: list[str]) -> np.ndarray:
    words = table[name].str.lower()
    unset = {""} if name == PLANTED else set()
    wrong = table.index[~words.isin(YES | NO | unset)]
    if len(wrong):
        faults.append(
            f"Line {wrong[0]} of {path} has the {name} {short(table.loc[wrong[0], name])!r}; write 1 or 0"
            + (f" ({len(wrong)} rows)." if len(wrong) > 1 else ".")
        )
    return words.isin(YES).to_numpy(float)


def _traits(table: pd.DataFrame, used: set[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Every further column as numbers: a number as it is, and one of words, or of few whole numbers, a column for each of its
    commonest values. Names of anything, in which hardly a value comes twice, are left out."""
    for name in table.columns:
        if name in used or name.lower() in NO_TRAITS:
            continue
        cells = table[name].mask(table[name].str.lower().isin(UNKNOWN), "")
        numbers = pd.to_numeric(cells, errors="coerce")
        numeric = numbers.notna().sum() >= 0.5 * (cells != "").sum() and numbers.notna().any()
        if numeric:
            yield name, np.where(np.isfinite(numbers), numbers, math.nan)
        blank = cells == ""
        if cells[~blank].nunique() == 1:
            # Of a mark that few have, the others are known to lack it.
            blank[:] = False
        kinds = cells[~blank].value_counts()
        # Of two codes the number is a column already, and ages of few people are no codes.
        few = 2 < len(kinds) <= min(MOST_KINDS, len(table) / 5)
        coded = not numeric or (few and bool((numbers.dropna() % 1 == 0).all()))
        if coded and 1 < len(kinds) <= len(table) / 2:
            for word in sorted(kinds.index[:MOST_KINDS]):
                yield f"{name}: {word or 'unknown'}", np.where(blank, math.nan, cells == word)
