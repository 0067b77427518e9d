"""Defences put around a training that its owner wrote: by what it is given, and by what it leaves; into Remnant's own, they
go."""

from collections.abc import Callable, Iterable, Sequence

from torch import Tensor, nn

from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.defenses.defense import Defense, OwnersTraining
from remnant.targets.standard import StandardTraining

# Batches (n, channels, *spatial) of images of nobody who trained a network, drawn anew each time; None without any.
Public = Callable[[], Sequence[Tensor]] | None


def in_order(defenses: Iterable[Defense]) -> list[Defense]:
    """Several as they are put around one training: first those that go into it, then those around it, and last what changes the
    network that it leaves."""
    return sorted(defenses, key=lambda one: (one.kind != "training", one.around is not None))


def why_not_around(
    defense: Defense, train: OwnersTraining, network: nn.Module, *, segments: bool, scenario: str, public: bool
) -> str:
    """Why the defence cannot be put around `train`, which makes networks such as `network`; empty where it can.

    `segments`: whether the truth of an item is a label map; `public`: whether there are images of nobody who trained it.
    """
    if defense.scenarios and scenario not in defense.scenarios:
        return f"in the scenario {scenario} nothing is sent that it changes"
    if why := defense.applies(network):
        return why
    if defense.kind == "file":
        return "it changes the file, and not what the network has learned; `remnant inspect --strip` does"
    if defense.kind == "sent":
        return "it is of what a client sends, and this network is released; `remnant protect train` does"
    if defense.kind == "network":
        return "it needs images that the attacker owns, and data() gives none" if defense.public and not public else ""
    if defense.around is None and isinstance(train, StandardTraining):
        return defense.applies(train.recipe)
    if defense.around is None:
        return defense.inside or "it changes a recipe of Remnant's own, which train() is not"
    return "label maps would have to move with the images" if segments and defense.of_classes else ""


def put_around(defense: Defense, train: OwnersTraining, settings: Settings, public: Public = None) -> OwnersTraining:
    """The training with the defence around it: what it is given is changed before, or what it leaves after."""
    if defense.around:
        return defense.around(train, settings)
    if isinstance(train, StandardTraining) and defense.kind == "training":
        return train.under(defense.defend(train.recipe, settings))

    def after(model, items, seed):
        found = train(model, items, seed)
        network = model if found is None else found
        if not isinstance(network, nn.Module):
            # Told where the training is called.
            return network
        batches = public() if public else None
        return defense.defend(network.eval(), settings, seeds=Seeds(seed).child(defense.name), public=batches)

    return after
