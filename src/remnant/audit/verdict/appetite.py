"""The risk appetite: how much exposure the model's owner accepts, set before the audit and held against it."""

from typing import Annotated, Any, Literal

import pydantic

from remnant.audit.verdict.scenario import ASKS, attribute_statistic
from remnant.base.config import Settings
from remnant.base.findings import Limit, Statistic


def _share(value: Any) -> Any:
    # A truth is no share, and no share is not a truth: Python takes 1 for true and 0 for false.
    if value is True:
        raise ValueError("must be a share from 0 to 1, or false where it is not asked")
    return float(value) if isinstance(value, int) and value is not False else value


Share = Annotated[
    Annotated[float, pydantic.Field(ge=0, le=1)] | Literal[False] | None, pydantic.BeforeValidator(_share)
]
Release = Literal["public", "controlled", "trusted"]

# The maximum risk that regulators and data custodians accept for data under such terms: one over a smallest group of 11, 5 and 3
# (EMA, policy 0070, external guidance 2018, and Health Canada, public release of clinical information 2019, for the first;
# El Emam and Arbuckle, Anonymizing Health Data 2013, for the others).
REIDENTIFICATION: dict[str, tuple[float, str]] = {
    "public": (0.09, "0.09 for public release: EMA policy 0070 and Health Canada"),
    "controlled": (0.2, "0.2 for controlled access: a smallest group of five"),
    "trusted": (0.33, "0.33 for trusted recipients under contract: a smallest group of three"),
}
ADVANTAGE = 0.05
ADVANTAGE_ORIGIN = "0.05, Remnant's own: one patient in twenty beyond chance"
MINIMUM_CELL = 10
OWNER = "set by the model's owner"


class Appetite(Settings):
    """`[appetite]` of audit.toml. A share is beyond chance; None is the default of the `release`, and `False` is not asked.

    `identification`: patients whose reconstruction is identified at rank 1. `membership_advantage`: TPR - FPR of a membership
    attack. `membership_tpr`: its TPR beyond 10%, at 10% FPR. `attribute`: patients whose age or sex is read beyond the base
    rate; where the recipient has the images, beyond what is read of non-members. `minimum_cell`: the fewest patients that a
    published number may speak of.
    """

    release: Release = "public"
    identification: Share = None
    membership_advantage: Share = None
    membership_tpr: Share = None
    attribute: Share = None
    minimum_cell: int = pydantic.Field(MINIMUM_CELL, ge=1)

    def limits(self, scenario: str) -> list[Limit]:
        """Every limit with its origin; not asked is what the owner left out, and what the `scenario` does not bear on."""
        return [
            limit if limit.statistic in ASKS[scenario] else limit.model_copy(update={"asked": False})
            for limit in self._all(scenario)
        ]

    def _all(self, scenario: str) -> list[Limit]:
        share, origin = REIDENTIFICATION[self.release]
        return [
            self._limit("identification", "rank1", share, origin),
            self._limit("membership_advantage", "advantage", ADVANTAGE, ADVANTAGE_ORIGIN),
            self._limit("membership_tpr", "tpr_at_10_fpr", ADVANTAGE, ADVANTAGE_ORIGIN),
            self._limit("attribute", attribute_statistic(scenario), share, origin),
        ]

    def _limit(self, name: str, statistic: Statistic, value: float, origin: str) -> Limit:
        own = getattr(self, name)
        if own is False:
            return Limit(name=name, statistic=statistic, value=value, origin=OWNER, asked=False)
        if own is None:
            return Limit(name=name, statistic=statistic, value=value, origin=origin)
        return Limit(name=name, statistic=statistic, value=own, origin=OWNER)
