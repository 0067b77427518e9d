"""What an audit of a model works on: the network, the images with who they are of, and who trained it. Checked here, once."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.attack import Attack
from remnant.attacks.prior.brought import BroughtPrior
from remnant.audit.findings.folds import Folds
from remnant.audit.materials.canaries import Canaries
from remnant.audit.materials.sent import Sent
from remnant.audit.owner.training import Training
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.results import Value
from remnant.base.texts import counted, first_of
from remnant.cohort.images import Images
from remnant.measure.roles import MEMBER, NON_MEMBER, OTHER
from remnant.targets.audited import Audited
from remnant.targets.objective import image_loss

TRIED = 4  # images whose loss says whether it is the same


@dataclass(frozen=True)
class Material:
    """The `target` and all `images`; `roles` by patient. `model`: what is known of the network, for the decision sheet.

    `notes`: what a reader must know of either, a sentence each. `doubts`: why nobody is cleared by silence about it, likewise.
    `folds`: of a cross-validation, who was held out by which of its models. `other_planting`: `planting` of a target that is no
    single network. `training`: the owner's, None where he gave none. `prior`: what the attacker draws images with.
    `further`: images of members that did not train the model, beside those of non-members, None without any; `before`: who
    trained the version before it, too. `sent`: what a client sends in place of images, None without one. `settings` of attacks by
    name, where they are not the attack's own. `give_people`: how the owner says of which age and sex the patients are.
    `defenses`: names of those of the list that are in place. `stronger`: what the owner may add by which attacks see more, a
    sentence; empty where this input takes nothing such. `elsewhere`: reads the same material again, in another process, None
    where nothing can; a pickle holds it in place of the owner's code and images. `canaries`: patients who were set aside, None
    without any.
    """

    target: Audited
    images: Images
    roles: Mapping[str, int]
    model: Mapping[str, Value]
    notes: tuple[str, ...] = ()
    checkpoints: Mapping[str, str] = field(default_factory=dict)
    folds: Folds | None = None
    other_planting: tuple[Audited, tuple[str, ...]] | None = None
    training: Training | None = None
    prior: BroughtPrior | None = None
    doubts: tuple[str, ...] = ()
    sent: Sent | None = None
    further: Images | None = None
    before: frozenset[str] = frozenset()
    settings: Mapping[str, Settings] = field(default_factory=dict)
    give_people: str = "give age and sex with the items"
    defenses: tuple[str, ...] = ()
    stronger: str = ""
    elsewhere: Callable[[], "Material"] | None = None
    canaries: Canaries | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        if self.elsewhere is None:
            raise TypeError("a material that nothing reads again stays in its process")
        return _read_again, (self.elsewhere, self.target.shadows)

    def settings_of(self, attack: Attack) -> Settings:
        """How an attack is run on it."""
        return self.settings.get(attack.name) or attack.settings()

    def group(self, role: int) -> tuple[str, ...]:
        """The patients of a role, in the order of their first image."""
        return tuple(patient for patient in dict.fromkeys(self.images.patients) if self.roles[patient] == role)

    @property
    def planting(self) -> tuple[Audited, tuple[str, ...]]:
        """The network in which the positive control is planted, and the patients whom it has not seen."""
        return self.other_planting or (self.target, self.group(NON_MEMBER))

    @property
    def trainers(self) -> tuple[str, ...]:
        """The patients who trained the network of `planting`."""
        unseen = set(self.planting[1])
        return tuple(patient for patient in (*self.group(MEMBER), *self.group(NON_MEMBER)) if patient not in unseen)

    @property
    def own(self) -> Images | None:
        """The attacker's own images, None where there are none."""
        return self.images.of(self.group(OTHER)) if self.group(OTHER) else None

    @property
    def candidates(self) -> Images:
        """The images of members and non-members."""
        return self.images.of([*self.group(MEMBER), *self.group(NON_MEMBER)])


def _read_again(elsewhere: Callable[[], Material], shadows: int) -> Material:
    material = elsewhere()
    return replace(material, target=replace(material.target, shadows=shadows))


def roles_of(patients: tuple[str, ...], members: tuple[bool | None, ...]) -> dict[str, int]:
    """The role of each patient from who each image says he is: a member, a non-member, or None for the attacker's own.

    Raises `RemnantError` for a patient who is two of these, for an empty group, and for everybody in the training set.
    """
    roles, both = told_roles(patients, members)
    if both:
        # By their places: a name would stay in a notebook that shows the error.
        one, other = next(iter(both.values()))
        raise RemnantError(
            f"{counted(len(both), 'patient has', 'patients have')} images on both sides, such as images {one} and {other}; a "
            "patient either trained the model or did not, with all of his images."
        )
    counts = {role: sum(one == role for one in roles.values()) for role in (MEMBER, NON_MEMBER)}
    if not counts[MEMBER]:
        raise RemnantError("No patient is a member, so membership is not testable; mark those who trained the model.")
    if not counts[NON_MEMBER]:
        raise RemnantError(
            "Everybody is in the training set, so membership is not testable; add patients of the same hospital who were not "
            "in training, or the models of other folds."
        )
    return roles


def told_roles(
    patients: tuple[str, ...], members: tuple[bool | None, ...]
) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """The role of each patient by his first image, and of those whom another image contradicts the places of the two."""
    roles: dict[str, int] = {}
    first: dict[str, int] = {}
    both: dict[str, tuple[int, int]] = {}
    for place, (patient, member) in enumerate(zip(patients, members, strict=True)):
        role = OTHER if member is None else MEMBER if member else NON_MEMBER
        first.setdefault(patient, place)
        if roles.setdefault(patient, role) != role:
            both.setdefault(patient, (first[patient], place))
    return roles, both


def check_images(images: Images, roles: Mapping[str, int]) -> None:
    """Raise `RemnantError` for values that are not finite, and for one image in both groups: it trained the model or did not."""
    check_finite(images)
    check_apart(images, roles)


def check_finite(images: Images) -> None:
    """Raise `RemnantError` for values that are not finite."""
    if odd := [place for place, image in enumerate(images.images) if not image.isfinite().all()]:
        where, verb = first_of(odd, "Image"), "holds" if len(odd) == 1 else "hold"
        raise RemnantError(
            f"{where} {verb} values that are not finite; mend how data() reads {'it' if len(odd) == 1 else 'them'}."
        )


def check_apart(images: Images, roles: Mapping[str, int]) -> None:
    """Raise `RemnantError` for one image in both groups: it trained the model or did not."""
    if pairs := twins(images, roles):
        one, other = pairs[0]
        more = f" So are {counted(len(pairs) - 1, 'more pair')}." if len(pairs) > 1 else ""
        raise RemnantError(
            f"Images {one} and {other} are the same, and one is a member's and the other is not; drop one of the two.{more}"
        )


def twins(images: Images, roles: Mapping[str, int]) -> list[tuple[int, int]]:
    """The places of images that are the same, pixel by pixel, and of which one is a member's and the other a non-member's."""
    seen: dict[str, int] = {}
    pairs = []
    for place, (image, patient) in enumerate(zip(images.images, images.patients, strict=True)):
        digest = hashlib.sha256(np.ascontiguousarray(image.numpy()).tobytes()).hexdigest()
        other = seen.setdefault(digest, place)
        if roles[images.patients[other]] * roles[patient] == MEMBER * NON_MEMBER:
            pairs.append((other, place))
    return pairs


def check_maps(images: Sequence[Tensor], maps: Sequence[Any]) -> None:
    """Raise `RemnantError` for a label map whose sides are not those of its image."""
    sides = [tuple(image.shape[1:]) for image in images]
    odd = [i for i, label in enumerate(maps) if tuple(label.shape[-len(sides[i]) :]) != sides[i]]
    if odd:
        one, more = odd[0], f" So it is with {counted(len(odd) - 1, 'more image')}." if len(odd) > 1 else ""
        raise RemnantError(
            f"Image {one} has sides {sides[one]} and its label map {tuple(maps[one].shape)}; give a map of the very same "
            f"grid.{more}"
        )


def digests_of(material: Material) -> dict[str, Any]:
    """What the numbers of an audit depend on beside its settings: SHA-256 of images, labels and weights, and the owner's loss of
    some images. A run goes on with the very same alone."""
    data, weights = hashlib.sha256(), hashlib.sha256()
    images = material.images
    for table in (images, material.further) if material.further else (images,):
        for patient, image, label in zip(table.patients, table.images, table.labels or (), strict=True):
            data.update(f"{patient} {material.roles[patient]} {tuple(image.shape)}".encode())
            for array in (image.numpy(), np.asarray(label)):
                data.update(np.ascontiguousarray(array).tobytes())
    for name, values in sorted(images.details.items()):
        data.update(name.encode() + np.ascontiguousarray(values).tobytes())
    data.update("".join(sorted(material.before)).encode())
    before = material.target.before
    for module in (material.target.module, before.module) if before else (material.target.module,):
        for name, tensor in module.state_dict().items():
            flat = tensor.detach().cpu().contiguous().flatten()
            weights.update(name.encode() + flat.view(torch.uint8).numpy().tobytes())
    found: dict[str, Any] = {"data": data.hexdigest(), "weights": weights.hexdigest()}
    if material.prior:
        found["prior"] = material.prior.digest
    if material.target.loss:
        with torch.no_grad():
            pairs = list(zip(images.images, images.labels or (), strict=True))[:TRIED]
            found["loss"] = [float(f"{image_loss(material.target, *pair):.5g}") for pair in pairs]
    return found
