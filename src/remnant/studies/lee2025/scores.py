"""What the tables of an audit start from: each patient's nearest candidate, and one method's area held against another's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from remnant.attacks.checkpoint.methods import METHODS
from remnant.audit.compare import difference_columns
from remnant.base.results import Row
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.auc import auc_contrast
from remnant.measure.membership import nearest_so_far
from remnant.studies.lee2025.kept import CROPS, SPACES, Attacked
from remnant.studies.lee2025.settings import CONTROL

ATTACK = "published"
# The attack first: figures draw the first source as the one that is judged.
ORDER = (ATTACK, CONTROL, *(name for name in METHODS if name not in (ATTACK, CONTROL)))

Groups = Mapping[str, Images]
Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Audited:
    """One target: `found`, what each method drew of it, by name in `ORDER`; `groups`, the patients of its source."""

    target: str
    source: str
    found: dict[str, Attacked]
    groups: Groups

    @cached_property
    def places(self) -> list[tuple[str, str]]:
        """The (space, crop) in which candidates were held against patients."""
        has = {key[:2] for attacked in self.found.values() for key in attacked.similarities}
        return [(space, crop) for space in SPACES for crop in CROPS if (space, crop) in has]

    @property
    def spaces(self) -> list[str]:
        """Those of whole images, on which verdicts rest."""
        return [space for space, crop in self.places if crop == "whole"]

    def patients(self, group: str) -> list[str]:
        """The patients of a group, each once, in the order of `best`."""
        return list(dict.fromkeys(self.groups[group].patients))

    def nearest(self, method: str, space: str, crop: str = "whole", order: np.ndarray | None = None) -> Pair:
        """Members' and non-members' `nearest_so_far`, float64 (c, patients), of the candidates in an `order`, or as drawn."""
        chosen = slice(None) if order is None else order
        one, other = (
            nearest_so_far(
                self.found[method].similarities[space, crop, group][chosen].astype(float), self.groups[group].patients
            )[1]
            for group in ("members", "non_members")
        )
        return one, other

    def raw(self, method: str, space: str) -> Pair:
        """Members' and non-members' similarities (c, images) of whole images, candidates as drawn."""
        found = self.found[method].similarities
        return found[space, "whole", "members"], found[space, "whole", "non_members"]

    def best(self, method: str, space: str, crop: str = "whole", among: np.ndarray | None = None) -> Pair:
        """Each patient's score, members' and non-members': similarity of the nearest candidate, of all or of those `among`, mean
        over the patient's images."""
        one, other = self.nearest(method, space, crop, among)
        return one[-1], other[-1]


def audited(attacked: Sequence[Attacked], groups: Mapping[str, Groups], sources: Mapping[str, str]) -> list[Audited]:
    """The targets in the order of `sources` (target to source), each with what was drawn of it."""
    found: dict[str, dict[str, Attacked]] = {}
    for each in sorted(attacked, key=lambda each: ORDER.index(each.method)):
        found.setdefault(each.target, {})[each.method] = each
    return [
        Audited(target, source, found[target], groups.get(source, {}))
        for target, source in sources.items()
        if target in found
    ]


def contrast_columns(first: Pair, second: Pair, seeds: Seeds) -> Row:
    """Area of `first` minus that of `second`, the same patients, and how many these are."""
    numbers: Row = {"members": len(first[0]), "non_members": len(first[1])}
    return numbers | difference_columns(auc_contrast(first, second, seeds.numpy()))
