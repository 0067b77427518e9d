"""Which attacks an audit runs, and why not the others."""

from remnant.attacks.attack import Attack
from remnant.attacks.attributes import UNKNOWN
from remnant.attacks.listed import SEES
from remnant.attacks.registry import all_attacks
from remnant.audit.cells.model_cells import sides
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.audit.verdict.scenario import SEEN
from remnant.base.terms import ELSEWHERE

NO_PRIOR = "no prior was given; `remnant prior train` makes one"


def attacks_of(material: Material, config: AuditConfig) -> list[tuple[Attack, str]]:
    """Every known attack with why it is not run, empty where it is."""
    found = []
    for attack in all_attacks().values():
        scenarios = [name for name, seen in SEEN.items() if attack.access in seen]
        why = f"{ELSEWHERE} {' or '.join(scenarios)} does the recipient see {SEES[attack.access]}"
        if attack.access in SEEN[config.scenario]:
            own, asked = sides(material, attack)
            why = attack.applies(material.target, asked, own)
            if attack.claim == "candidates" and not why and material.prior is None:
                why = NO_PRIOR
            if why == UNKNOWN:
                why = f"{why}: {material.give_people}"
        found.append((attack, why))
    return found
