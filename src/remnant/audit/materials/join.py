"""Network and images joined: what the network answers is read, and the labels are brought into the form of the answers."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from torch import Tensor, nn

from remnant.audit.materials.material import check_images, check_maps, roles_of
from remnant.audit.owner.trial import answers_of
from remnant.base.errors import RemnantError
from remnant.base.texts import counted
from remnant.cohort.images import Images, class_columns
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead, head_of

Loss = Callable[[nn.Module, Tensor, object], Tensor]


def checked_roles(images: Images, members: tuple[bool | None, ...]) -> dict[str, int]:
    """The role of each patient; raises `RemnantError` where groups overlap or are empty, and for images that are damaged."""
    roles = roles_of(images.patients, members)
    check_images(images, roles)
    return roles


def joined(
    network: nn.Module,
    forward: Callable[[Tensor], object],
    images: Images,
    *,
    loss: Loss | None,
    batch: int,
    source: str,
) -> tuple[Audited, Images]:
    """The network, which answers by `forward`, tried on the images of `source`, in words; of a classifier the class of each is
    among their details, since groups of other classes differ by themselves.

    Raises `RemnantError` where it does not take them, and for labels that do not fit its answers.
    """
    answered = answers_of(network, forward, images, source)
    head, labels = head_of(answered, images.labels or (), images.images[0])
    if head.task == "segmentation":
        check_maps(images.images, labels)
        classes = {}
    else:
        classes = class_columns(np.stack([np.asarray(label, float) for label in labels]), head.outputs)
    table = replace(images, labels=tuple(labels), details={**images.details, **classes})
    return Audited(network, head, forward, loss, batch), table


def one_number(found: object, what: str) -> Tensor:
    """What an owner's loss returned, `what` it is in words, as a scalar; raises `RemnantError` for anything else."""
    if not isinstance(found, Tensor) or found.numel() != 1:
        raise RemnantError(f"{what} must return one number as a tensor; take the mean in it.")
    return found.reshape(())


def read_as(head: OutputHead) -> str:
    """How answers were read, for who knows the network."""
    kinds = {"softmax": "exclusive classes", "sigmoid": "independent outputs"}
    values = "probabilities" if head.probabilities else "logits"
    return f"read as {values} of {counted(head.outputs, 'output')}, {kinds[head.kind]}"
