"""Of how many patients is known what the blind baseline is given: whose age nobody knows is not alike by age."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from remnant.base.texts import enumerated, short
from remnant.measure.intervals import FEWEST_PATIENTS
from remnant.measure.roles import MEMBER, NON_MEMBER

MOST_NAMED = 4  # columns, in a sentence
UNLIKE = 0.05  # two-sided
SHARE = 0.5  # of the patients, of fewer of whom a column counts for nothing
ROWS = "rows"  # of a patient in a table of scores: known of everybody, and no likeness


@dataclass(frozen=True)
class BlindKnowledge:
    """What a blind classifier knew, `images` and columns: those known of `enough` patients, and the `thin`; and of how many
    `members` and `non_members` in the fewest of the former, or of the latter where there are no others. `unlike`: the trait that
    differs most between them by itself, empty where none surely does, and of several targets. `targets`: how many there are, to
    each of which every patient is a member or a non-member."""

    enough: tuple[str, ...]
    thin: tuple[str, ...]
    members: int
    non_members: int
    images: bool = False
    unlike: str = ""
    targets: int = 1

    @property
    def tells(self) -> bool:
        """Whether its silence says that the groups are alike."""
        own = any(name != ROWS for name in self.enough)
        return self.images or (own and min(self.members, self.non_members) >= FEWEST_PATIENTS)

    @property
    def lacking(self) -> str:
        """Why it tells nothing, and what would."""
        named = [name for name in (*self.enough, *self.thin) if name != ROWS]
        if not named:
            return "A number of rows does not tell whether the groups are alike: add columns such as age, sex and site."
        what = words(named)
        verb = "is" if len(set(_columns(named))) == 1 else "are"
        known = f"{self.members:,} members and {self.non_members:,} non-members"
        return f"{what[0].upper()}{what[1:]} {verb} known of {known}, too few to tell whether the groups are alike: fill them in."


def given_of(traits: Mapping[str, np.ndarray], roles: np.ndarray, *, images: bool = False) -> BlindKnowledge:
    """What is known of patients by `traits` (p,), NaN for unknown, and by their `images`; `roles` (p,) or (targets, p)."""
    sides = [np.atleast_2d(roles) == role for role in (MEMBER, NON_MEMBER)]
    sizes = [int(side.sum()) for side in sides]
    known: dict[str, list[int]] = {}
    for name, values in traits.items():
        counts = [int((side & np.isfinite(values)).sum()) for side in sides]
        column = _column(name)
        known[column] = [min(pair) for pair in zip(counts, known.get(column, counts), strict=True)]
    enough = {
        name: counts
        for name, counts in known.items()
        if sum(counts) >= SHARE * sum(sizes)
        and all(count >= min(FEWEST_PATIENTS, size) for count, size in zip(counts, sizes, strict=True))
    }
    thin = {name: counts for name, counts in known.items() if name not in enough}
    told = {name: counts for name, counts in enough.items() if name != ROWS} or ({} if images else thin)
    unlike = _most_unlike(traits, roles) if roles.ndim == 1 else ""
    members, others = (min((counts[side] for counts in told.values()), default=sizes[side]) for side in (0, 1))
    return BlindKnowledge(tuple(enough), tuple(thin), members, others, images, unlike, len(np.atleast_2d(roles)))


def _most_unlike(traits: Mapping[str, np.ndarray], roles: np.ndarray) -> str:
    """The trait with the least p of a Mann-Whitney test, where that is at most `UNLIKE` after Bonferroni; of roles (p,)."""
    found = {}
    for name, values in traits.items():
        sides = [values[(roles == role) & np.isfinite(values)] for role in (MEMBER, NON_MEMBER)]
        if all(map(len, sides)) and len(np.unique(np.concatenate(sides))) > 1:
            found[name] = float(stats.mannwhitneyu(*sides, method="asymptotic").pvalue)
    name = min(found, key=lambda one: found[one], default="")
    return name if name and found[name] * len(found) <= UNLIKE else ""


def words(names: Iterable[str], *, images: bool = False) -> str:
    """What a blind classifier knew, in words: of `images` what `attacks.membership.blind` takes, and columns by their `names`."""
    columns = _columns(names)
    most = 1 if images else MOST_NAMED
    shown = columns if len(columns) <= most else [*columns[: most - 1], f"{len(columns) - most + 1} more"]
    return enumerated([*(["image size", "greys", "sharpness"] if images else []), *shown])


def _columns(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(short(_column(name), 20) for name in names))


def _column(name: str) -> str:
    # A column for each word of a trait is called after the trait.
    return name.split(": ")[0]
