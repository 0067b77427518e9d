"""Which defences can be tried on the training of a material: trained anew under them, and audited again."""

import copy
from collections.abc import Sequence

from remnant.audit.materials.material import Material
from remnant.defenses.around import put_around, why_not_around
from remnant.defenses.defense import Defense
from remnant.defenses.registry import all_defenses
from remnant.nets.grouped import group_norms
from remnant.targets.standard import StandardTraining


def why_not_tried(material: Material, defenses: Sequence[Defense], scenario: str) -> str:
    """Why the defences, in the order of `in_order`, cannot be put together around the training of a material that has one; empty
    where they can.

    Raises `RemnantError` where one of several is private and a layer mixes patients, as `group_norms` does.
    """
    assert material.training
    train, network = material.training.train, material.target.module
    for place, defense in enumerate(defenses):
        why = why_not_around(
            defense,
            train,
            network,
            segments=material.target.head.task == "segmentation",
            scenario=scenario,
            public=material.own is not None,
        )
        if why:
            return f"{why} ({defense.words})" if len(defenses) > 1 else why
        if place + 1 < len(defenses):
            # The next is put around what this one makes of the training, and of the network that it trains.
            train = put_around(defense, train, defense.settings())
            if isinstance(train, StandardTraining) and train.recipe.privacy:
                network = group_norms(copy.deepcopy(network))
    return ""


def tried_of(material: Material, scenario: str) -> set[str]:
    """The names of those that `remnant mitigate` tries on an audit of the material: none where it has no training, or where
    nothing reads it again."""
    if material.training is None or material.elsewhere is None:
        return set()
    return {name for name, defense in all_defenses().items() if not why_not_tried(material, [defense], scenario)}
