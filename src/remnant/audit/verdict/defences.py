"""Which defences of the list suit the network under audit: what its report advises."""

from collections.abc import Collection

from torch import nn

from remnant.base.results import Row
from remnant.base.texts import printable
from remnant.defenses.registry import all_defenses, listed

TABLE = "defences"


def defence_rows(
    network: nn.Module, in_place: Collection[str] = (), *, scenario: str, tried: Collection[str] = ()
) -> list[Row]:
    """Every defence with whether it applies to the `network` in the `scenario`, and why not; `in_place`: names of those that it
    has already; `tried`: of those that `remnant mitigate` tries on its training.

    Of its training nothing else is known but the network, so that its owner may find that another one does not suit either.
    """
    rows: list[Row] = []
    for defense, told in zip(all_defenses().values(), listed(), strict=True):
        why = "it is in place" if defense.name in in_place else printable(defense.applies(network))
        if defense.scenarios and scenario not in defense.scenarios:
            why = f"in the scenario {scenario} nothing is sent that it changes"
        rows.append({**told, "applies": not why, "why": why, "tried": not why and defense.name in tried})
    return rows
