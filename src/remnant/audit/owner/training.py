"""The owner's `train(model, items, seed)`: a fresh network, trained on some patients as the audited one was."""

import contextlib
import inspect
import signal
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from remnant.audit.owner.steps import StepsDoneError, counted_steps
from remnant.audit.owner.trial import answers_of
from remnant.audit.owner.user import calling, seed_libraries
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.engine.device import place
from remnant.engine.fused import fused_steps
from remnant.engine.precision import fast_products
from remnant.targets.audited import Audited

SEEDS = 2**31  # below which every library takes a seed


@dataclass(frozen=True)
class TrainingDose:
    """How much of a training: train() is called so many `times`, each time with the network as the last left it, and ended after
    so many `steps` of its optimiser, None for as many as it takes."""

    times: int = 1
    steps: int | None = None


ONCE = TrainingDose()


class TimeUpError(BaseException):
    """The time is up: no error of the owner's code, which it therefore does not catch."""


@dataclass(frozen=True)
class Training:
    """`train` of the file `path`; `fresh(seeds)` gives a network that has not learned, on the device.

    `items` (n): what was given, without who is a member, of `patients` (n). `answering(module)`: how such a network answers a
    batch. `code`: SHA-256 of the file: networks of two versions are not of one recipe. Without a `path` the function is called by
    its own process, and what it raises is its owner's to see. `shared`: where audits share networks of one `recipe`, a digest of
    all that it is written in. `bfloat16`: whether it computes in that by autocast, where that pays.
    """

    train: Callable[..., Any]
    fresh: Callable[[Seeds], nn.Module]
    items: Sequence[Mapping[str, Any]]
    patients: Sequence[str]
    path: Path | None
    code: str
    answering: Callable[[nn.Module], Callable[[Tensor], object]] = lambda module: module
    shared: Path | None = None
    recipe: str = ""
    bfloat16: bool = False

    @property
    def source(self) -> str:
        """Where the images are from, in words."""
        return f"data() in {self.path}" if self.path else "members and non_members"

    @property
    def words(self) -> str:
        """What an error calls it."""
        return f"train() of {self.path}" if self.path else "train()"

    def __call__(
        self,
        target: Audited,
        images: Images,
        patients: Collection[str],
        seeds: Seeds,
        label_of: Mapping[int, int] = MappingProxyType({}),
        dose: TrainingDose = ONCE,
    ) -> Audited:
        """The `target` with a network that these `patients` trained; `images`: some on which it is tried. `label_of`: by the
        place of an item that of the item whose label it is given. `dose`: how often, or how long.

        Raises `RemnantError` for whatever train() does that a training does not.
        """
        module = self.fresh(seeds.child("fresh")).train()
        before = _weights(module)
        own = [
            {**item, "label": self.items[label_of.get(place, place)]["label"]}
            for place, item in enumerate(self.items)
            if self.patients[place] in patients
        ]
        found = module
        for time in range(dose.times):
            found = self._trained(found.train() if time else found, own, seeds, time, dose.steps)
        self._require_learned(before, _weights(found))
        found = place(found).eval().requires_grad_(False)
        trained = replace(target, module=found, forward=self.answering(found), references=(), shadows=0)
        tried = images.take([0])
        answers = [tuple(answers_of(one.module, one.forward, tried, self.source).shape) for one in (trained, target)]
        if answers[0] != answers[1]:
            raise RemnantError(
                f"The network of {self.words} answers with shape {answers[0]}, and the audited one with {answers[1]}; "
                "let it train the model that it is given."
            )
        return trained

    def _trained(
        self, module: nn.Module, own: list[dict[str, Any]], seeds: Seeds, time: int, steps: int | None
    ) -> nn.Module:
        """What train() makes of the module, for this time, and of no more than so many `steps`."""
        seeds = seeds.child("again", time) if time else seeds
        seed_libraries(seeds)
        found: object = None
        told = calling(self.path, "train()") if self.path else contextlib.nullcontext()
        fast = fast_products(bfloat16=self.bfloat16)
        with told, contextlib.suppress(StepsDoneError), counted_steps(steps), fused_steps(), fast:
            found = self.train(module, own, seeds.integer % SEEDS)
        found = module if found is None else found
        if not isinstance(found, nn.Module):
            raise RemnantError(
                f"{self.words} gives a {type(found).__name__}; train the model in place and return nothing, or return "
                "the torch.nn.Module."
            )
        return found

    def _require_learned(self, before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> None:
        if not all(bool(tensor.isfinite().all()) for tensor in after.values()):
            raise RemnantError(
                f"{self.words} leaves weights that are not finite; mend its rate or its loss, or what it divides by."
            )
        if same(before, after):
            raise RemnantError(
                f"{self.words} left every weight as it was; train the model that it is given, or return the one that "
                "it trains."
            )


def checked_training(training: Training, target: Audited) -> Training:
    """It, if it can be called as it has to be, and its fresh network is not the audited one; raises `RemnantError` otherwise."""
    try:
        inspect.signature(training.train).bind(None, [], 0)
    except TypeError as error:
        raise RemnantError(f"{training.words} must take (model, items, seed) ({error}); mend its arguments.") from None
    if same(_weights(training.fresh(Seeds(0).child("owner", "fresh"))), _weights(target.module)):
        mend = "leave them out, and name their file as checkpoint in [target]" if training.path else "leave them out"
        raise RemnantError(
            f"{training.words} cannot begin anew, since the network is built with the audited weights in it; {mend}."
        )
    return training


def same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    """Whether two networks have the very same weights."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def unlike(found: nn.Module, audited: nn.Module) -> str:
    """How the architecture of a network differs from that of the audited one, in words; empty where kernels and matrices have the
    same shapes, whatever they are called. Other weights are left out: normalisation may have been folded into these."""
    own, other = (
        Counter(tuple(weight.shape) for weight in module.parameters() if weight.dim() > 1)
        for module in (found, audited)
    )
    if own == other:
        return ""
    shapes = [*(own - other), *(other - own)]
    return f"{own.total()} layers against {other.total()}, and of shape {shapes[0]} not as many"


def _weights(module: nn.Module) -> dict[str, Tensor]:
    """A copy of all that is learned by a gradient."""
    return {name: weight.detach().cpu().clone() for name, weight in module.named_parameters()}


@contextlib.contextmanager
def at_most(seconds: float | None) -> Iterator[None]:
    """Raise `TimeUpError` in the body after so many seconds, None for never. In the main thread alone."""
    if seconds is None:
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise TimeUpError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
