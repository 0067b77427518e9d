"""What a classifier makes of radiographs, a batch at a time: its logits, and the features that its head reads."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from remnant.base.errors import RemnantError
from remnant.engine.device import as_batch, place
from remnant.targets.inputs import InputRange

# Images that pass at a time: memory does not grow with their number but for what is given back.
BATCH = 32


def last_linear(classifier: nn.Module) -> str:
    """Name of the last `Linear`, which gives the logits; raises `RemnantError` when there is none."""
    names = [name for name, module in classifier.named_modules() if isinstance(module, nn.Linear)]
    if not names:
        raise RemnantError(
            f"A {type(classifier).__name__} has no linear head to read features at; give one of nets.classifiers."
        )
    return names[-1]


@torch.no_grad()
def predict_logits(classifier: nn.Module, images: Tensor, input_range: InputRange) -> Tensor:
    """Raw logits (n, classes), float32 on the CPU, of `images` (n, 1, N, N) in [0, 1].

    `classifier` is left on the device and in evaluation mode: in training mode its statistics would move.
    """
    return torch.cat([classifier(inputs).float().cpu() for inputs in _inputs(classifier, images, input_range)])


@torch.no_grad()
def penultimate_features(classifier: nn.Module, images: Tensor, input_range: InputRange) -> Tensor:
    """The input (n, d) of the last `Linear`, float32 on the CPU, of `images` (n, 1, N, N) in [0, 1].

    Of a ResNet or a DenseNet these are its pooled last channels, of a ViT the class token behind the last LayerNorm.
    `classifier` is left as by `predict_logits`. Raises `RemnantError` for a network without a linear head.
    """
    found: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.append(inputs[0].float().cpu())

    handle = classifier.get_submodule(last_linear(classifier)).register_forward_pre_hook(keep)
    try:
        for inputs in _inputs(classifier, images, input_range):
            classifier(inputs)
    finally:
        handle.remove()
    return torch.cat(found)


def _inputs(classifier: nn.Module, images: Tensor, input_range: InputRange) -> Iterator[Tensor]:
    place(classifier).eval()
    for batch in images.split(BATCH):
        yield input_range(as_batch(batch))
