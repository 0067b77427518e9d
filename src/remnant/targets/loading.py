"""The network of a stranger's checkpoint, ready to be attacked."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from remnant.base.errors import RemnantError
from remnant.base.texts import short
from remnant.nets.classifiers import build_classifier
from remnant.nets.segmenter import Segmenter
from remnant.targets.known import Match
from remnant.targets.opening import open_checkpoint
from remnant.targets.recognise import find_match
from remnant.targets.statistics import fault_of

BUILDERS: dict[str, Callable[..., nn.Module]] = {"classifier": build_classifier, "segmenter": Segmenter}

OF_CODE = (
    "`remnant inspect` describes its layers, and `remnant audit --init DIR --from FILE` begins an audit of any network"
)


def load_target(path: Path) -> nn.Module:
    """The network in the checkpoint `path`, in evaluation mode, its weights float32 and without gradient.

    A classifier maps (n, channels, h, w) to raw logits (n, classes), a segmenter (n, 1, x, y, z) to (n, classes, x, y, z),
    whatever library's names the file has. Raises `RemnantError` as `open_checkpoint` does, and for an architecture that is
    unknown or that Remnant does not build, for weights that lack, that are too many or misshapen, and for quantised, complex
    and broken ones.
    """
    opened = open_checkpoint(path)
    match, nearest = find_match(opened)
    if match is None:
        like = f"; it is most like {nearest}" if nearest else ""
        raise RemnantError(f"The architecture of {path} is unknown{like}; {OF_CODE}.")
    if match.hints:
        raise RemnantError(f"{path} holds a {match.architecture} that Remnant does not build: {match.hints[0]}")
    _check(path, match)
    model = BUILDERS[match.task](**match.arguments)
    weights = {
        name: tensor.to(torch.float32) if tensor.is_floating_point() else tensor
        for name, tensor in match.tensors.items()
    }
    # Only counters of batches may lack here, which nothing reads in evaluation mode.
    model.load_state_dict(weights, strict=False)
    if match.eps is not None:
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = match.eps
    return model.eval().requires_grad_(False)


def _check(path: Path, match: Match) -> None:
    problems = (
        (match.missing, "lacks tensors that {} needs (e.g. {})"),
        (match.without_statistics, "lacks the statistics of BatchNorm layers of {} (e.g. {})"),
        (match.extra, "holds tensors that are none of {}'s (e.g. {})"),
        (match.misshapen, "holds tensors of shapes that {} has not ({})"),
    )
    for names, text in problems:
        if names:
            problem = text.format(match.architecture, short(names[0], 200))
            raise RemnantError(f"{path} {problem}; give the whole state_dict of one network.")
    if fault := fault_of(match.tensors):
        raise RemnantError(f"The weights in {path} {fault}.")
    if match.classes is None:
        raise RemnantError(
            f"{path} holds a {match.architecture} without its classifying head; give the whole state_dict."
        )
    if match.arguments is None:
        raise RemnantError(
            f"{path} holds a {match.dimensions}D {match.architecture} ({match.dialect}), which Remnant describes but does not "
            "build; a checkpoint is attacked that holds a resnet18, resnet34, resnet50, densenet121 or ViT in 2D; "
            f"{OF_CODE}."
        )
