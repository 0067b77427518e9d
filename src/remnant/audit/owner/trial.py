"""A few images through a stranger's network, before anything is audited: whether they belong together, and what it answers."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from remnant.base.errors import RemnantError
from remnant.base.texts import short
from remnant.cohort.images import Images, stacked
from remnant.targets.audited import lacks_memory
from remnant.targets.head import tensor_of

TRIED = 4  # images by which the answers are read
SHAPES = 8  # of images, of which one each is tried


def answers_of(network: nn.Module, forward: Callable[[Tensor], object], images: Images, source: str) -> Tensor:
    """What the network, by `forward`, answers about some images of the first one's shape: (n, outputs, *spatial).

    One image of each other shape is tried as well. Raises `RemnantError` for images of `source`, in words, that the network
    does not take, and where memory does not hold one.
    """
    places: dict[tuple[int, ...], list[int]] = {}
    for place, image in enumerate(images.images):
        places.setdefault(tuple(image.shape), []).append(place)
    same, *others = places.values()
    spread = np.unique(np.linspace(0, len(same) - 1, min(TRIED, len(same))).astype(int))
    answers = _answers(network, forward, images, [same[i] for i in spread], source)
    for one in others[:SHAPES]:
        _answers(network, forward, images, one[:1], source)
    return answers


def _answers(
    network: nn.Module, forward: Callable[[Tensor], object], images: Images, places: Sequence[int], source: str
) -> Tensor:
    batch = stacked([images.images[i] for i in places])
    device = next((weight.device for weight in network.parameters()), torch.device("cpu"))
    shape = tuple(batch.shape[1:])
    try:
        with torch.no_grad():
            found = tensor_of(forward(batch.to(device))).float().cpu()
    except RemnantError:
        raise
    except Exception as error:
        if lacks_memory(error) and len(places) > 1:
            return torch.cat([_answers(network, forward, images, [place], source) for place in places])
        if lacks_memory(error):
            raise RemnantError(
                f"Memory runs out over one image of shape {shape}; give a window in [target], or run on a larger machine."
            ) from None
        mend = f"let {source} give them as in training, or set window in [target]"
        wide = next((weight.dtype for weight in network.parameters() if weight.is_floating_point()), torch.float32)
        if wide != torch.float32:
            mend = f"its weights are {wide} and images float32: give the network in float32, by .float()"
        elif len(shape) == 2:
            mend = f"a picture needs a channel axis, {(1, *shape)}"
        raise RemnantError(
            f"The network does not take images of shape {shape} ({type(error).__name__}: {short(error, 160)}); {mend}."
        ) from error
    if found.dim() and found.shape[0] == len(places):
        return found
    raise RemnantError(
        f"The network answers with shape {tuple(found.shape)} to {len(places)} images; let it answer each, (n, outputs, ...)."
    )
