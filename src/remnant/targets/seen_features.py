"""What a network makes of images, as one row of numbers an image, whatever its architecture and the images' shapes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional

from remnant.cohort.images import Images
from remnant.targets.audited import Audited
from remnant.targets.layers_run import layers_run, run_to

POOLED = {
    4: (functional.adaptive_avg_pool2d, 8),
    5: (functional.adaptive_avg_pool3d, 4),
}  # by axes: how, and to which sides
SEEN_LAYER = "features of the layer that the recipient sees"
NARROWEST, BEFORE_HEAD = "features of the network's narrowest layer", "features before the network's head"


@dataclass(frozen=True)
class SeenFeatures:
    """Somebody sees what the network makes of the candidates' images, and may put images of his own to it.

    `features` (n, d), float32; `patients` (n): whose each is. `encode` gives those of his images. `view`: what they are, in
    words.
    """

    features: Tensor
    patients: tuple[str, ...]
    encode: Callable[[Images], Tensor]
    view: str


@dataclass(frozen=True)
class Features:
    """`values` (n, d) of all `images`, each of which passes the network once, and `view`, what they are in words. `layer`: the
    module that gives them, or is given them; empty where none is meant."""

    images: Images
    values: Tensor
    view: str
    layer: str = ""
    _places: dict[int, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # By identity: `Images.of` and `Images.take` hand on the very same tensors.
        object.__setattr__(self, "_places", {id(image): i for i, image in enumerate(self.images.images)})

    def of(self, images: Images) -> Tensor:
        """Those of some of the images."""
        return self.values[[self._places[id(image)] for image in images.images]]

    def seen(self, candidates: Images) -> SeenFeatures:
        """The access of somebody who attacks the `candidates`."""
        return SeenFeatures(self.of(candidates), candidates.patients, self.of, self.view)

    def changed(self, values: Tensor) -> "Features":
        """The same images with other values."""
        return replace(self, values=values)


def answers_of(target: Audited, images: Images) -> Features:
    """What is answered about `images`."""
    rows: dict[int, Tensor] = {place: _row(logits[None])[0] for place, logits in target.answers(images)}
    return Features(images, torch.stack([rows[i] for i in range(len(images))]), "the answers")


def features_of(target: Audited, images: Images, module: str | None = None) -> Features:
    """What `module` gives for `images`; without one what a classifier's head is given, and of a segmenter what its narrowest
    layer gives.

    Of a network that answers through a window, whose layers see a part of an image each, the answers. Raises `RemnantError` for
    a module that the network has not, or that does not run.
    """
    if target.forward is not target.module:
        return answers_of(target, images)
    name, before, view = module, False, SEEN_LAYER
    if name is None:
        layers = layers_run(target.module, images.images[0][None].to(target.device))
        head = layers.last_weighed()
        before = target.head.task == "classification" and head is not None
        if not before and len(layers.layers) < 2:
            return answers_of(target, images)
        name, view = (head, BEFORE_HEAD) if before else (layers.narrowest(), NARROWEST)

    def row(batch: Tensor) -> Tensor:
        return _row(run_to(target.module, str(name), batch.to(target.device), before=before).float().cpu())

    asked = ([images.images[i] for i in places] for places in images.batches(target.batch))
    rows = [target.together(part, row) for part in asked]
    return Features(images, torch.cat(rows), view, str(name))


def _row(values: Tensor) -> Tensor:
    """(n, d) of (n, channels, *spatial): maps are reduced and tokens (n, tokens, d) averaged, so that images of all shapes have
    rows of one length."""
    if values.dim() in POOLED:
        pool, side = POOLED[values.dim()]
        return pool(values, side).flatten(1)
    return values.mean(1) if values.dim() == 3 else values.flatten(1)
