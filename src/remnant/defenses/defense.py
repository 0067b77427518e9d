"""A defence, as studies, audits, help and reports meet it: what it changes, what it costs, and where it does not apply."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from torch import nn

from remnant.base.config import NoSettings, Settings
from remnant.base.errors import RemnantError
from remnant.targets.recipes import Recipe

# A training that its owner wrote: `train(model, items, seed)` trains the model in place, or returns what it trained.
OwnersTraining = Callable[[nn.Module, Sequence[Mapping[str, Any]], int], nn.Module | None]
# What a defence changes; `KINDS` has its words.
Kind = Literal["training", "network", "file", "sent"]
KINDS: dict[Kind, str] = {
    "training": "the training",
    "network": "the finished network",
    "file": "the file",
    "sent": "what is sent",
}
assert set(KINDS) == set(get_args(Kind))


@dataclass(frozen=True)
class Defense:
    """One defence. `words`: what it is, a noun phrase. `does`: what it does and what it costs, one sentence.

    What `change` takes and returns depends on the `kind`; nothing that it is given is changed in place:

    - "training": `change(recipe, settings)`, from a `targets.recipes.Recipe` to that of the defended training.
    - "network": `change(network, settings, seeds, public)`, from a trained `nn.Module` to another, in evaluation mode; `public`:
      batches (n, channels, *spatial) of images of nobody who trained it, as the network takes them, None where there are none.
    - "file": `change(path, settings, out)` writes to `out` what leaves in place of the file or folder `path`.
    - "sent": `change(pair, settings)`, from the `PrivacyNetSettings` by which a client and its server are trained to others.

    `applies(subject)`: why it does not apply, empty where it does; the subject is what `change` takes, or a network of somebody
    whom a report advises, of whose training nothing is known. `source`: who described it.
    `scenarios`: those in which the recipient is sent what it changes; empty where it is not of what is sent. `public`: it needs
    public images. `around(train, settings)`: of a defence of the training, the same put around an `OwnersTraining`, into which
    nobody looks; None where that cannot be, and `inside` says why. `promises(settings)`: what
    they guarantee, one sentence, empty where nothing is guaranteed. `of_classes`: put so it suits labels of whole images alone.
    """

    name: str
    words: str
    does: str
    kind: Kind
    change: Callable[..., Any]
    source: str
    settings: type[Settings] = NoSettings
    applies: Callable[[Any], str] = lambda subject: ""
    scenarios: tuple[str, ...] = ()
    public: bool = False
    around: Callable[[OwnersTraining, Any], OwnersTraining] | None = None
    inside: str = ""
    promises: Callable[[Any], str] = lambda settings: ""
    of_classes: bool = False

    def defend(self, subject: Any, settings: Settings | None = None, **given: Any) -> Any:
        """What `change` makes of the `subject`, by the `settings` or by default ones; a recipe keeps note of it.

        `given`: what the kind's `change` takes besides. Raises `RemnantError` where the defence does not apply.
        """
        if why := self.applies(subject):
            raise RemnantError(f"The defence '{self.name}' does not apply: {why}.")
        own = settings or self.settings()
        changed = self.change(subject, own, **given)
        if isinstance(changed, Recipe):
            return replace(changed, defenses={**subject.defenses, self.name: own})
        return changed


def of_a_network(subject: Any) -> str:
    """Why a defence of finished networks does not suit a subject, empty for an `nn.Module`."""
    return "" if isinstance(subject, nn.Module) else "it changes a network that was trained already"
