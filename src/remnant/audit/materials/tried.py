"""Which defences can be tried on the training of a material: trained anew under them, and audited again."""

from remnant.audit.materials.material import Material
from remnant.defenses.around import why_not_around
from remnant.defenses.defense import Defense
from remnant.defenses.registry import all_defenses


def why_not_tried(material: Material, defense: Defense, scenario: str) -> str:
    """Why the defence cannot be put around the training of a material that has one, empty where it can."""
    assert material.training
    return why_not_around(
        defense,
        material.training.train,
        material.target.module,
        segments=material.target.head.task == "segmentation",
        scenario=scenario,
        public=material.own is not None,
    )


def tried_of(material: Material, scenario: str) -> set[str]:
    """The names of those that `remnant mitigate` tries on an audit of the material: none where it has no training, or where
    nothing reads it again."""
    if material.training is None or material.elsewhere is None:
        return set()
    return {name for name, defense in all_defenses().items() if not why_not_tried(material, defense, scenario)}
