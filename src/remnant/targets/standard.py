"""A training that an owner need not write, and that defences may look into: `train = standard_training(epochs=30)` in
target.py."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.engine.device import as_batch
from remnant.engine.loop import FitSettings, fit
from remnant.nets.grouped import group_norms
from remnant.targets.head import tensor_of
from remnant.targets.recipes import Batch, Recipe

WATCHING = 0.2  # of the patients, who choose the epoch of a training that stops early, and train nothing


@dataclass(frozen=True)
class StandardTraining:
    """`train(model, items, seed)`: cross-entropy by AdamW under one cycle of the learning rate, in steps of about `batch` images.

    For networks that answer (n, classes, *spatial) logits of exclusive classes, or (n, 1) of two. `recipe`: what defences change.
    """

    recipe: Recipe
    batch: int = 8

    def under(self, recipe: Recipe) -> "StandardTraining":
        """The same by what defences made of its recipe."""
        return replace(self, recipe=recipe)

    def __call__(self, model: nn.Module, items: Sequence[Mapping[str, Any]], seed: int) -> nn.Module:
        """Train the `model` in place on all `items`: `image` (channels, *spatial), all of one shape, `label` a class or a map of
        classes (*spatial), and `patient`. Where the recipe is private, GroupNorm takes the place of BatchNorm.

        Raises `RemnantError` for items that do not fit, and as `group_norms` and the recipe's defences do.
        """
        seeds, recipe = Seeds(seed), self.recipe
        model = group_norms(model) if recipe.privacy else model
        images, labels, patients = _stacked(items)
        outputs = _outputs(model, images[:1])
        inside, watching = _parted(patients, seeds.child("watching")) if recipe.stopping else (range(len(patients)), [])
        stopping = recipe.stopping() if recipe.stopping else None
        images_in, labels_in = images[list(inside)], labels[list(inside)]
        order, change = seeds.child("order").numpy(), recipe.change_of_batches(seeds)
        steps = -(-len(images_in) // self.batch)
        private, own = recipe.private_steps([patients[i] for i in inside], self.batch, seeds) or (None, [])

        def batch_of(chosen: np.ndarray) -> Batch:
            batch = as_batch(images_in[chosen])
            return change(Batch(batch, _truth(labels_in[chosen], outputs).to(batch.device)))

        def draw_epoch(epoch: int) -> Iterator[Any]:
            if private:
                for _ in range(steps):
                    yield [batch_of(own[place]) for place in private.draw()]
                return
            for chosen in np.array_split(order.permutation(len(images_in)), steps):
                yield batch_of(chosen)

        def after_epoch(epoch: int, mean: float, value: float | None) -> None:
            if stopping:
                stopping.look(model, _loss_of(model, images[watching], labels[watching], outputs))

        fit(
            model,
            draw_epoch,
            steps,
            lambda network, batch: _cross_entropy(tensor_of(network(batch.images)), batch.truth),
            recipe.fit,
            learn=private.learn if private else None,
            report=after_epoch,
            stop=lambda losses: bool(stopping and stopping.due()),
        )
        if stopping:
            stopping.restore(model)
        return model


def standard_training(
    epochs: int = 30, learning_rate: float = 1e-3, batch: int = 8, weight_decay: float = 0.0
) -> StandardTraining:
    """A training of so many epochs; raises `RemnantError` for numbers that are none of a training."""
    fitted = FitSettings.checked(epochs=epochs, learning_rate=learning_rate, weight_decay=weight_decay)
    if batch < 1 or not fitted.epochs:
        raise RemnantError(f"A training has an epoch and an image a step at least. Got {epochs} and {batch} instead.")
    return StandardTraining(Recipe("classifier", {}, fitted), batch)


def _stacked(items: Sequence[Mapping[str, Any]]) -> tuple[Tensor, Tensor, list[str]]:
    images = [torch.as_tensor(np.asarray(item["image"])).float() for item in items]
    labels = [torch.as_tensor(np.asarray(item["label"])) for item in items]
    if any(len({tuple(one.shape) for one in own}) > 1 for own in (images, labels)):
        raise RemnantError(
            "The standard training takes images and labels of one shape; let data() crop or pad them, or write train()."
        )
    classes = torch.stack(labels).long()
    if classes.dim() > 1 and classes.shape[1] == 1:
        # A class in an array of its own, or a map with an axis of channels.
        classes = classes.squeeze(1)
    return torch.stack(images), classes, [str(item["patient"]) for item in items]


@torch.no_grad()
def _outputs(model: nn.Module, image: Tensor) -> int:
    """How many values the network answers with, one a class."""
    was = model.training
    found = tensor_of(model.eval()(as_batch(image).to(next(model.parameters()).device))).shape[1]
    model.train(was)
    return found


def _parted(patients: Sequence[str], seeds: Seeds) -> tuple[list[int], list[int]]:
    """The places of those who train, and of the patients who watch."""
    names = list(dict.fromkeys(patients))
    drawn = seeds.numpy().permutation(len(names))[: max(1, round(WATCHING * len(names)))]
    watching = {names[place] for place in drawn}
    places = range(len(patients))
    return [i for i in places if patients[i] not in watching], [i for i in places if patients[i] in watching]


def _truth(labels: Tensor, outputs: int) -> Tensor:
    """Labels as probabilities, float32: of class 1 (n,) where there is one output, else (n, outputs, *spatial)."""
    if outputs == 1:
        return labels.float()
    if labels.min() < 0 or labels.max() >= outputs:
        raise RemnantError(
            f"A label is {int(labels.min() if labels.min() < 0 else labels.max())}, and the network has {outputs} outputs; give "
            "classes from 0."
        )
    return functional.one_hot(labels, outputs).movedim(-1, 1).float()


def _cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    if truth.dim() == 1:
        return functional.binary_cross_entropy_with_logits(logits.float().flatten(), truth)
    return -(truth * functional.log_softmax(logits.float(), 1)).sum(1).mean()


@torch.no_grad()
def _loss_of(model: nn.Module, images: Tensor, labels: Tensor, outputs: int) -> float:
    model.eval()
    losses = []
    for image, label in zip(images, labels, strict=True):
        batch = as_batch(image[None])
        losses.append(float(_cross_entropy(tensor_of(model(batch)), _truth(label[None], outputs).to(batch.device))))
    return float(np.mean(losses))
