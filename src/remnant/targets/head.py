"""What a stranger's network answers, read without being told: logits or probabilities, classes or a segmentation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.base.texts import first_of, short

TINY = 1e-7  # probabilities are kept so far from 0 and 1
SUMS_TO_ONE = 1e-3
# Where libraries put the logits among several things that a network returns.
NAMES = ("logits", "out", "pred", "prediction", "y", "output")


@dataclass(frozen=True)
class OutputHead:
    """`task`; `kind`: exclusive classes ("softmax") or independent outputs ("sigmoid"); number of `outputs`; whether the network
    answers with `probabilities` in place of logits."""

    task: Literal["classification", "segmentation"]
    kind: Literal["softmax", "sigmoid"]
    outputs: int
    probabilities: bool

    def logits(self, answer: Any) -> Tensor:
        """Logits (n, outputs, *spatial), differentiable, of what the network returned."""
        raw = tensor_of(answer).float()
        if not self.probabilities:
            return raw
        sound = raw.clamp(TINY, 1 - TINY)
        return sound.log() if self.kind == "softmax" else torch.logit(sound)


def tensor_of(answer: Any) -> Tensor:
    """The tensor of logits among what a network returned: itself, of a mapping or record the field called so, of a list the
    first (with deep supervision that of the full resolution). Raises `RemnantError` where there is none."""
    if isinstance(answer, Tensor):
        return answer
    if isinstance(answer, Mapping):
        named = [answer[name] for name in NAMES if name in answer]
        return tensor_of(named[0] if named else next(iter(answer.values()), None))
    for name in NAMES:
        if isinstance(getattr(answer, name, None), Tensor):
            return getattr(answer, name)
    if isinstance(answer, Sequence) and not isinstance(answer, str) and len(answer):
        return tensor_of(answer[0])
    raise RemnantError(
        f"The network returns a {type(answer).__name__}; return a tensor (n, outputs, ...) of logits or probabilities."
    )


def head_of(raw: Tensor, labels: Sequence[Any], image: Tensor) -> tuple[OutputHead, list[int] | list[Tensor]]:
    """How to read the answers `raw` (n, outputs, *spatial) about images like `image` (channels, *spatial), and the `labels` in
    that form: class indices, rows of 0 and 1, label maps, or maps of 0 and 1 an output.

    Raises `RemnantError` for answers that are neither, and labels that do not fit them.
    """
    if not torch.isfinite(raw).all():
        raise RemnantError("The network answers with values that are not finite; give it images as in its training.")
    arrays = [np.asarray(label) for label in labels]
    shapes = {array.shape for array in arrays}
    spatial = image.dim() - 1
    if raw.dim() == 1:
        raw = raw[:, None]
    if raw.dim() == 2:
        return _classes(raw, arrays, shapes)
    if raw.dim() != spatial + 2 or raw.shape[2:] != image.shape[1:]:
        raise RemnantError(
            f"The network answers with shape {tuple(raw.shape)} to images of shape {tuple(image.shape)}; a classifier answers "
            f"(n, outputs), a segmenter (n, outputs, {', '.join(map(str, image.shape[1:]))})."
        )
    return _maps(raw, arrays, spatial)


def _classes(raw: Tensor, arrays: list[np.ndarray], shapes: set[tuple[int, ...]]) -> tuple[OutputHead, list]:
    outputs = raw.shape[1]
    if shapes == {(outputs,)} and outputs > 1:
        rows = np.stack(arrays).astype(float)
        if np.isin(rows, (0, 1)).all() and (rows.sum(1) == 1).all():
            return OutputHead("classification", "softmax", outputs, _sums_to_one(raw)), rows.argmax(1).tolist()
        _check_binary(rows[np.isfinite(rows)], outputs)
        return OutputHead("classification", "sigmoid", outputs, _shares(raw)), [
            torch.from_numpy(row).float() for row in rows
        ]
    if not all(array.size == 1 for array in arrays):
        raise RemnantError(
            f"The network has {outputs} outputs, and a label has shape {max(shapes, key=len)}; give a class index, or 0 and 1 "
            "for each output."
        )
    values = np.array([float(array.reshape(-1)[0]) for array in arrays])
    top = 2 if outputs == 1 else outputs
    if not np.isin(values, np.arange(top)).all():
        odd = np.flatnonzero(~np.isin(values, np.arange(top)))
        raise RemnantError(
            f"The network has {outputs} outputs, and a label is {values[odd[0]]:g} ({first_of(odd, 'image')}); labels are class "
            f"indices from 0 to {top - 1}."
        )
    if outputs == 1:
        return OutputHead("classification", "sigmoid", 1, _shares(raw)), [
            torch.tensor([value]).float() for value in values
        ]
    return OutputHead("classification", "softmax", outputs, _sums_to_one(raw)), values.astype(int).tolist()


def _maps(raw: Tensor, arrays: list[np.ndarray], spatial: int) -> tuple[OutputHead, list[Tensor]]:
    outputs, size = raw.shape[1], tuple(raw.shape[2:])
    squeezed = [array[0] if array.ndim == spatial + 1 and array.shape[0] == 1 else array for array in arrays]
    if all(array.ndim == spatial for array in squeezed):
        top = 2 if outputs == 1 else outputs
        odd = [i for i, array in enumerate(squeezed) if not np.isin(np.unique(array), np.arange(top)).all()]
        if odd:
            values = np.unique(squeezed[odd[0]])
            other = values[~np.isin(values, np.arange(top))][0]
            raise RemnantError(
                f"The network has {outputs} outputs, and a label map holds {other:g} ({first_of(odd, 'image')}); its values are "
                f"classes from 0 to {top - 1}."
            )
        if outputs == 1:
            maps = [torch.from_numpy(array.astype(np.float32))[None] for array in squeezed]
            return OutputHead("segmentation", "sigmoid", 1, _shares(raw)), maps
        maps = [torch.from_numpy(array.astype(np.int64)) for array in squeezed]
        return OutputHead("segmentation", "softmax", outputs, _sums_to_one(raw)), maps
    if all(array.ndim == spatial + 1 and array.shape[0] == outputs for array in arrays):
        _check_binary(np.concatenate([np.unique(array) for array in arrays]), outputs)
        maps = [torch.from_numpy(array.astype(np.float32)) for array in arrays]
        return OutputHead("segmentation", "sigmoid", outputs, _shares(raw)), maps
    raise RemnantError(
        f"A label has shape {short(arrays[0].shape)} where the network answers {(outputs, *size)}; give a map of classes {size}, "
        f"or one of 0 and 1 for each output."
    )


def _check_binary(values: np.ndarray, outputs: int) -> None:
    if not np.isin(values, (0, 1)).all():
        odd = values[~np.isin(values, (0, 1))][0]
        raise RemnantError(f"A label for {outputs} independent outputs holds {odd:g}; it is 0, 1 or, unknown, NaN.")


def _shares(raw: Tensor) -> bool:
    """Whether answers are probabilities already: all in [0, 1], which logits of several images hardly are."""
    return bool((raw >= 0).all() and (raw <= 1).all())


def _sums_to_one(raw: Tensor) -> bool:
    return _shares(raw) and bool((raw.float().sum(1) - 1).abs().max() < SUMS_TO_ONE)
