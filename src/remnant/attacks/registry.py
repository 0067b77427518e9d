"""The one list of attacks that an audit runs: Remnant's own, and those of other packages."""

import importlib.metadata
from functools import cache

from remnant.attacks.attack import Attack
from remnant.attacks.attributes import ATTRIBUTES
from remnant.attacks.checkpoint.audited import LISTED
from remnant.attacks.inversion import INVERSION
from remnant.attacks.membership.bavaria import BAVARIA
from remnant.attacks.membership.gradient import GRADIENT
from remnant.attacks.membership.hierarchical import HIERARCHICAL
from remnant.attacks.membership.lira import LIRA
from remnant.attacks.membership.output import OUTPUT
from remnant.attacks.membership.references import REFERENCES
from remnant.attacks.membership.rmia import RMIA
from remnant.attacks.people import PEOPLE
from remnant.attacks.redraw import REDRAW
from remnant.attacks.verification import VERIFICATION
from remnant.base.errors import RemnantError
from remnant.base.texts import enumerated

# A new attack is a file that ends with its `Attack`, and a line here.
ATTACKS: tuple[Attack, ...] = (
    OUTPUT,
    GRADIENT,
    REFERENCES,
    RMIA,
    LIRA,
    BAVARIA,
    HIERARCHICAL,
    INVERSION,
    ATTRIBUTES,
    VERIFICATION,
    REDRAW,
    PEOPLE,
    *LISTED,
)
# Other packages add theirs by an entry point of this group, that names an `Attack`.
GROUP = "remnant.attacks"
# What is measured of codes.
OF_CODES = ("pair_scores", "reconstructions", "attributes")


@cache
def all_attacks() -> dict[str, Attack]:
    """Every attack by name, those of other packages behind Remnant's own.

    Raises `RemnantError` for an entry point that cannot be imported, is no `Attack`, claims what no attack
    returns, or has the name of another.
    """
    found = {attack.name: attack for attack in ATTACKS}
    for point in importlib.metadata.entry_points(group=GROUP):
        package = point.dist.name if point.dist else point.value
        try:
            attack = point.load()
        except Exception as error:
            raise RemnantError(
                f"The attack {point.name!r} of {package} cannot be imported ({type(error).__name__}: {error}); mend or uninstall "
                "it."
            ) from error
        if not isinstance(attack, Attack):
            raise RemnantError(f"{point.value} of {package} is no remnant.attacks.attack.Attack; mend or uninstall it.")
        codes = attack.access == "codes"
        if codes != (attack.claim in OF_CODES) and (codes or attack.claim == "pair_scores"):
            raise RemnantError(
                f"The attack {attack.name!r} of {package} claims {attack.claim} of {attack.access}; pair_scores are of codes, of "
                f"which an audit measures {enumerated(OF_CODES)}."
            )
        if attack.name in found:
            raise RemnantError(f"{package} has an attack called {attack.name!r}, which there is already; rename it.")
        found[attack.name] = attack
    return found
