"""The one list of attacks that an audit runs: Remnant's own, and those of other packages."""

import copyreg
from functools import cache

from remnant.attacks.attack import Attack
from remnant.attacks.attributes import ATTRIBUTES
from remnant.attacks.checkpoint.audited import LISTED
from remnant.attacks.code_attributes import CODE_ATTRIBUTES
from remnant.attacks.code_inversion import CODE_INVERSION
from remnant.attacks.inversion import INVERSION
from remnant.attacks.membership.bavaria import BAVARIA
from remnant.attacks.membership.gradient import GRADIENT
from remnant.attacks.membership.hierarchical import HIERARCHICAL
from remnant.attacks.membership.label_only import LABEL_ONLY
from remnant.attacks.membership.lira import LIRA
from remnant.attacks.membership.output import OUTPUT
from remnant.attacks.membership.parts import PARTS
from remnant.attacks.membership.persons import PERSONS
from remnant.attacks.membership.quantile import QUANTILE
from remnant.attacks.membership.references import REFERENCES
from remnant.attacks.membership.rmia import RMIA
from remnant.attacks.membership.versions import VERSIONS
from remnant.attacks.verification import VERIFICATION
from remnant.base.plugins import with_plugins
from remnant.base.texts import enumerated

# A new attack is a file that ends with its `Attack`, and a line here.
ATTACKS: tuple[Attack, ...] = (
    OUTPUT,
    PARTS,
    LABEL_ONLY,
    QUANTILE,
    GRADIENT,
    REFERENCES,
    RMIA,
    LIRA,
    BAVARIA,
    HIERARCHICAL,
    VERSIONS,
    PERSONS,
    INVERSION,
    ATTRIBUTES,
    VERIFICATION,
    CODE_INVERSION,
    CODE_ATTRIBUTES,
    *LISTED,
)
# Other packages add theirs by an entry point of this group, that names an `Attack`.
ENTRY_POINTS = "remnant.attacks"
# What is measured of codes.
OF_CODES = ("pair_scores", "reconstructions", "attributes")


@cache
def all_attacks() -> dict[str, Attack]:
    """Every attack by name, those of other packages behind Remnant's own.

    Raises `RemnantError` for an entry point that cannot be imported, is no `Attack`, claims what no attack
    returns, or has the name of another.
    """
    return with_plugins(ATTACKS, Attack, ENTRY_POINTS, "attack", _unmeasured)


def _unmeasured(attack: Attack) -> str:
    """Why no audit measures what it claims, empty where one does."""
    codes = attack.access == "codes"
    if codes != (attack.claim in OF_CODES) and (codes or attack.claim == "pair_scores"):
        return (
            f"claims {attack.claim} of {attack.access}; pair_scores are of codes, of which an audit measures "
            f"{enumerated(OF_CODES)}"
        )
    return ""


def _named(name: str) -> Attack:
    return all_attacks()[name]


# What an attack is made of need not pass between processes: each has the same list.
copyreg.pickle(Attack, lambda attack: (_named, (attack.name,)))
