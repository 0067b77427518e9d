"""Rows and controls of images of nobody in particular: how much nearer they come to members, beyond what never saw the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from remnant.audit.findings.controls import CONTROL_LEVEL
from remnant.audit.verdict.family import Key
from remnant.base.findings import Control, Finding
from remnant.base.results import number
from remnant.base.seeds import Seeds
from remnant.measure.pull import Gain, gain_beyond
from remnant.measure.roles import MEMBER, NON_MEMBER

# In which candidates are held against patients: where an attack knows most of its target, where people look, and, where there is
# one, in what a network makes of images that never saw the model.
SPACES = {"features": "in the network's features", "ssim": "by SSIM"}
STRANGE = "strange"
VIEWS = {**SPACES, STRANGE: "in features of a network that never saw the model"}


@dataclass(frozen=True)
class Similarities:
    """How near each of the candidates (k, n) comes to each of n images in one `space`, and those of the `controls` by name.

    `patients` (n): whose the images are.
    """

    space: str
    patients: tuple[str, ...]
    attack: np.ndarray
    controls: Mapping[str, np.ndarray]


def gain_keys(attack: str, found: Sequence[Similarities]) -> list[Key]:
    """The tests that are made of an attack's candidates."""
    return [(attack, VIEWS[one.space], "") for one in found]


def gain_rows(
    attack: str,
    found: Sequence[Similarities],
    roles: Mapping[str, int],
    level: Mapping[Key, float],
    seeds: Seeds,
    target: str = "model",
) -> list[Finding]:
    """A finding a space: the members' gain beyond that control which explains most of it.

    In an overfit network's features members lie nearer to the middle of their class than others do, and so to whatever is
    searched by class. Beside no control that is, too, coming nearer there shows who trained the network and singles out nobody.
    """
    rows = []
    for one in found:
        view = VIEWS[one.space]
        by_class = one.space == "features" and len(one.controls) == 1
        share, branch = level[attack, view, ""], seeds.child(attack, one.space)
        name, gain = _weakest(one, roles, branch, share)
        m, n = (len({p for p in one.patients if roles[p] == role}) for role in (MEMBER, NON_MEMBER))
        rows.append(
            Finding(
                target=target,
                attack=attack,
                view=view,
                claim="candidates",
                criterion="inference" if by_class else "singling out",
                statistic="gain",
                group="members against non-members",
                n=m + n,
                value=number(gain.gain),
                low=number(gain.low),
                high=number(gain.high),
                bound_low=number(gain.least),
                null=0.0,
                p=number(gain.p),
                p_bound=gain.p_bound,
                detectable=number(gain.detectable),
                counts=f"{m} members, {n} non-members, {gain.candidates} candidates beside as many of {name}"
                + ("; membership alone may do it" if by_class else ""),
            )
        )
    return rows


def _weakest(found: Similarities, roles: Mapping[str, int], seeds: Seeds, alpha: float) -> tuple[str, Gain]:
    """The control with the largest p, and the gain beyond it; a gain that is not testable is larger than any."""
    gains = {name: _gain(found, control, roles, seeds.child(name), alpha) for name, control in found.controls.items()}
    name = max(gains, key=lambda one: (np.isnan(gains[one].p), gains[one].p))
    return name, gains[name]


def _gain(found: Similarities, control: np.ndarray, roles: Mapping[str, int], seeds: Seeds, alpha: float) -> Gain:
    whose = np.array([roles[patient] for patient in found.patients])
    masks = [whose == role for role in (MEMBER, NON_MEMBER)]
    names = tuple([p for p, one in zip(found.patients, mask, strict=True) if one] for mask in masks)
    sides = [tuple(matrix[:, mask] for mask in masks) for matrix in (found.attack, control)]
    return gain_beyond(*sides, seeds.numpy(), patients=names, alpha=alpha)


def gain_control(
    kind: Literal["null", "planted"], attack: str, found: Similarities, roles: Mapping[str, int], seeds: Seeds
) -> Control:
    """The control that candidates come nearer to members where they are `planted`, as members' own images, and else do not."""
    _, gain = _weakest(found, roles, seeds, CONTROL_LEVEL)
    pulled = gain.p <= CONTROL_LEVEL
    passed = None if np.isnan(gain.p) else bool(pulled == (kind == "planted"))
    what = "Other draws of the generator itself" if kind == "null" else "Members' own images as candidates"
    does = "come nearer to members" if pulled else "come no nearer to members than to others"
    known = f"{what} {does}." if passed is not None else f"{what} are too few to be compared."
    return Control(
        kind=kind,
        attack=attack,
        claim="candidates",
        statistic="gain",
        value=number(gain.gain),
        low=number(gain.low),
        high=number(gain.high),
        p=number(gain.p),
        p_bound=gain.p_bound,
        n=len({patient for patient in found.patients if roles[patient] in (MEMBER, NON_MEMBER)}),
        passed=passed,
        sentence=known,
    )
