"""Images of an audit by what they did in the training: those that trained the model, and further ones of the same people."""

from collections.abc import Mapping
from dataclasses import replace

from remnant.base.errors import RemnantError
from remnant.cohort.images import Images
from remnant.measure.roles import MEMBER, NON_MEMBER

# In `Images.roles`: an image of a member that did not train, and one of somebody who trained the version before as well; of all
# other images the role is empty.
UNTRAINED, BEFORE = "untrained", "before"


def places_trained(images: Images) -> list[int]:
    """The places of all images but those of members that did not train the model."""
    return [place for place in range(len(images)) if not images.roles or images.roles[place] != UNTRAINED]


def parted(images: Images, roles: Mapping[str, int]) -> tuple[Images, Images | None, frozenset[str]]:
    """The images that the attacks are on; further ones, None without any; and the patients who trained the version before.

    Further are images of members that did not train the model, and beside them all of non-members. Raises `RemnantError` where
    no image of a member trained it.
    """
    if not images.roles:
        return images, None, frozenset()
    bare = replace(images, roles=())
    before = frozenset(patient for patient, role in zip(images.patients, images.roles, strict=True) if role == BEFORE)
    kept = places_trained(images)
    if len(kept) == len(images):
        return bare, None, before
    if not any(roles[images.patients[place]] == MEMBER for place in kept):
        raise RemnantError("No image of a member trained the model; give those that did without trained=False.")
    apart = {*range(len(images))} - {*kept}
    further = [place for place, name in enumerate(images.patients) if place in apart or roles[name] == NON_MEMBER]
    return bare.take(kept), bare.take(further), before
