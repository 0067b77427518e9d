"""Describe an opened checkpoint: its architecture by names and shapes, and what an attacker learns from it."""

import json
import re
from collections import Counter
from dataclasses import replace

from torch import Tensor

from remnant.base.texts import counted, short
from remnant.targets.applicable import attacks_on
from remnant.targets.description import Description
from remnant.targets.known import FAMILIES, Match
from remnant.targets.layers import BUFFERS, layers_of
from remnant.targets.metadata import Plain
from remnant.targets.opening import Opened
from remnant.targets.statistics import (
    fault_of,
    is_blank,
    is_quantised,
    negative_variances,
    not_finite,
    statistics_of,
)

ENOUGH = 0.8  # of the names must fit, or the architecture is another
ALIKE = 0.3  # of the names, or it is not worth a word
PARTS, SMALLEST = 4, 10  # parts that are looked at, and tensors that one must have
# What trainers call the name of the architecture, and those that compute other things with torchvision's tensors.
CALLS = ("arch", "architecture", "model", "model_name", "backbone")
REPARAMETRISED = {
    "weight_mask": ("pruned", "make it permanent by torch.nn.utils.prune.remove"),
    "weight_u": ("under spectral norm", "take it off by torch.nn.utils.remove_spectral_norm"),
    "weight_g": ("under weight norm", "take it off by torch.nn.utils.remove_weight_norm"),
    ".original0": ("parametrised", "take it off by torch.nn.utils.parametrize.remove_parametrizations"),
}
BLURRED = re.compile(r"resnet(?:blur|aa)")
SHOWN = 3
BUILT = "resnet18, resnet34, resnet50, densenet121, ViTs, and Remnant's 3D U-Net and SegNet"


def recognise(opened: Opened) -> Description:
    """Everything that `opened` tells; nothing of it is run. Never raises for weights, however odd: what is odd is a finding."""
    match, nearest = find_match(opened)
    tensors = opened.tensors
    removed = len(match.without_statistics) if match else 0
    fault = fault_of(tensors)
    kind = (
        match.normalisation
        if match
        else ("BatchNorm" if any(_is(name, "running_mean") for name in tensors) else "unknown")
    )
    statistics = statistics_of(tensors, kind, removed)
    parameters = sum(tensor.numel() for name, tensor in tensors.items() if not _is(name, *BUFFERS))
    findings = [*opened.findings, *_values(tensors), *_types(tensors)]
    findings += _reparametrised(tensors)
    if match:
        findings += [*match.hints, *_misfits(match)]
    if statistics.layers and statistics.untouched:
        findings.append(
            f"{statistics.untouched} of {statistics.layers} BatchNorm layers have the statistics that they began with: "
            + (
                "the network was never trained."
                if statistics.untouched == statistics.layers
                else "these never saw an image."
            )
        )
    if removed:
        group = "" if statistics.layers else ", or these are GroupNorm, which has none: names and shapes do not tell"
        findings.append(f"The statistics of {removed} BatchNorm layers are not in the file{group}.")
    return Description(
        file=str(opened.path),
        bytes=opened.path.stat().st_size,
        format=opened.format,
        wrapper=opened.wrapper,
        architecture=match and match.architecture,
        dialect=match and match.dialect,
        task=match and match.task,
        dimensions=match.dimensions if match else _dimensions(tensors),
        channels=match and match.channels,
        classes=match and match.classes,
        arguments=match and match.arguments,
        parameters=parameters,
        buffers=sum(tensor.numel() for tensor in tensors.values()) - parameters,
        dtypes=dict(Counter(str(tensor.dtype).removeprefix("torch.") for tensor in tensors.values())),
        statistics=statistics,
        assumptions=match.assumptions if match else (),
        attacks=attacks_on(match, statistics, fault),
        optimizer=opened.optimizer,
        metadata=opened.metadata,
        findings=tuple(findings),
        layers=layers_of(tensors),
        nearest=nearest,
        advice=None if match else _advice(nearest),
    )


def find_match(opened: Opened) -> tuple[Match | None, str | None]:
    """The architecture that fits, or None and, in words, the one that comes nearest."""
    # An empty tensor fits nothing, and its other sides may be of any size.
    tensors = {name: tensor for name, tensor in opened.tensors.items() if tensor.numel()}
    matches = [match for family in FAMILIES if (match := family(tensors))]
    if not matches:
        return None, _part(tensors)
    best = max(matches, key=lambda match: match.share)
    if best.share < ENOUGH or len(tensors) < len(opened.tensors):
        return None, f"{best.architecture} ({best.share:.0%} of the tensors fit)" if best.share >= ALIKE else _part(
            tensors
        )
    return _described(_declared(best, opened.metadata), opened.header), None


def _part(tensors: dict[str, Tensor]) -> str | None:
    """The architecture of a part, as where a backbone and its head stand side by side."""
    parts = Counter(name.partition(".")[0] for name in tensors)
    for part, size in parts.most_common(PARTS):
        within = {name.partition(".")[2]: tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}
        matches = [match for family in FAMILIES if size >= SMALLEST and (match := family(within))]
        best = max(matches, key=lambda match: match.share, default=None)
        if best and best.share >= ENOUGH:
            return f"{best.architecture}, under `{short(part)}.` ({best.share:.0%} of its tensors fit)"
    return None


def _declared(match: Match, metadata: dict[str, Plain]) -> Match:
    """With what the file itself calls its network, where names and shapes do not tell it from another."""
    for name, value in metadata.items():
        if name.rpartition(".")[2] in CALLS and isinstance(value, str) and BLURRED.match(value):
            hint = f"The file calls its network {short(value)}, which has {match.architecture}'s tensors, but is another network."
            return replace(match, arguments=None, hints=(*match.hints, hint))
    return match


def _described(match: Match, header: str | None) -> Match:
    """With the head count that Remnant's own header tells."""
    try:
        heads = int(json.loads(header)["arguments"]["heads"]) if header else 0
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        heads = 0
    arguments = match.arguments or {}
    if heads < 1 or "heads" not in arguments or arguments["width"] % heads:
        return match
    told = tuple(text for text in match.assumptions if "attention heads" not in text)
    return replace(match, arguments=arguments | {"heads": heads}, assumptions=told)


def _is(name: str, *leaves: str) -> bool:
    return name.rpartition(".")[2] in leaves


def _dimensions(tensors: dict[str, Tensor]) -> int | None:
    ranks = Counter(tensor.ndim - 2 for tensor in tensors.values() if tensor.ndim in (4, 5))
    return ranks.most_common(1)[0][0] if ranks else None


def _values(tensors: dict[str, Tensor]) -> list[str]:
    found = []
    if broken := not_finite(tensors):
        what = counted(len(broken), "tensor holds", "tensors hold")
        found.append(f"{what} NaN or infinity (e.g. {_some(broken)}): the training broke down.")
    if empty := [name for name, tensor in tensors.items() if not tensor.numel()]:
        found.append(f"{counted(len(empty), 'tensor is', 'tensors are')} empty (e.g. {_some(empty)}).")
    if negative := negative_variances(tensors):
        found.append(
            f"{counted(len(negative), 'running variance is', 'running variances are')} negative (e.g. {_some(negative)}), which "
            "no training leaves: the file is damaged or edited."
        )
    if is_blank(tensors):
        found.append("Every weight is zero: the network was never trained, or the weights were blanked.")
    return found


def _types(tensors: dict[str, Tensor]) -> list[str]:
    if any(tensor.is_complex() for tensor in tensors.values()):
        return ["Weights are complex numbers, which no attack takes: save real ones."]
    if is_quantised(tensors):
        return ["The weights are quantised to integers: dequantise them and save the state_dict again to attack it."]
    small = {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point() and tensor.dtype.itemsize < 4}
    names = ", ".join(sorted(str(kind).removeprefix("torch.") for kind in small))
    return [f"Weights are stored as {names}: they are read as float32."] if small else []


def _reparametrised(tensors: dict[str, Tensor]) -> list[str]:
    """Weights that stand as several tensors each, which their own function makes one again."""
    for leaf, (what, mend) in REPARAMETRISED.items():
        if names := [name for name in tensors if name.endswith(leaf)]:
            return [
                f"{counted(len(names), 'weight is', 'weights are')} {what} (e.g. {_some(names[:1])}): {mend}, and save the "
                "state_dict again."
            ]
    return []


def _misfits(match: Match) -> list[str]:
    found = []
    if match.missing:
        found.append(
            f"{counted(len(match.missing), 'tensor is', 'tensors are')} missing that {match.architecture} needs "
            f"(e.g. {_some(match.missing)})."
        )
    if match.extra:
        found.append(
            f"{counted(len(match.extra), 'tensor is', 'tensors are')} none of {match.architecture}'s (e.g. {_some(match.extra)})."
        )
    if match.misshapen:
        text = "; ".join(match.misshapen[:SHOWN])
        found.append(
            f"{counted(len(match.misshapen), 'tensor has a shape', 'tensors have shapes')} that {match.architecture} has not "
            f"({text})."
        )
    return found


def _some(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(map(short, names[:SHOWN]))


def _advice(nearest: str | None) -> str:
    like = f"It is most like {nearest}. " if nearest else ""
    return (
        f"{like}`remnant audit` takes any network: `remnant audit --init DIR --from FILE` writes the file in which you build it. "
        f"`remnant attack checkpoint` and the studies attack what Remnant builds: {BUILT}. If it is one of these under other "
        "names, rename its keys as torchvision has them (a ResNet's head `fc`, no `backbone.` before the rest); of several "
        "networks, save one."
    )
