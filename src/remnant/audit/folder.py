"""The audit of a folder with audit.toml and target.py: from the owner's code to the material of the audit."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from remnant.audit.config import AuditConfig
from remnant.audit.material import Material, check_images, roles_of
from remnant.audit.user import calling, function_of, images_of, load_module
from remnant.base.errors import RemnantError
from remnant.base.provenance import sha256
from remnant.base.texts import counted
from remnant.cohort.images import Images, stacked
from remnant.engine.device import place
from remnant.targets.audited import Audited
from remnant.targets.build import build
from remnant.targets.head import Head, head_of, tensor_of
from remnant.targets.weights import load_weights

TARGET, CONFIG = "target.py", "audit.toml"
TRIED = 4  # images by which the answers are read


@dataclass(frozen=True)
class Folder:
    """A folder of an audit: its settings, and `tell(stage)`, called before each part of the owner's code that may take long."""

    path: Path
    config: AuditConfig
    tell: Callable[[str], None] = lambda stage: None

    @property
    def target(self) -> Path:
        """The owner's file."""
        return self.path / TARGET

    def material(self) -> Material:
        """All of it; raises `RemnantError` for the first thing that does not fit."""
        network, notes = self.network()
        images, members = self.images()
        return self.joined(network, notes, images, members)

    def faults(self) -> list[str]:
        """Everything that does not fit, a sentence each, as far as it can be seen without the rest."""
        found: list[str] = []
        network = self._tried(self.network, found)
        table = self._tried(self.images, found)
        if network and table:
            self._tried(lambda: self.joined(*network, *table), found)
        elif table:
            self._tried(lambda: roles_of(table[0].patients, table[1]), found)
        return found

    def _tried(self, work: Callable[[], Any], found: list[str]) -> Any:
        try:
            return work()
        except RemnantError as error:
            found.append(str(error))
            return None

    def network(self) -> tuple[nn.Module, tuple[str, ...]]:
        """The owner's network with its weights, in evaluation mode."""
        settings = self.config.target
        self.tell("build")
        if ":" in settings.build:
            module: Any = build(settings.build, settings.arguments)
        else:
            make = function_of(load_module(self.target), settings.build, needed=True)
            assert make
            with calling(self.target, f"{settings.build}()"):
                module = make(**settings.arguments)
        if not isinstance(module, nn.Module):
            raise RemnantError(
                f"{settings.build}() of {self.target} gives a {type(module).__name__}; return the torch.nn.Module."
            )
        notes = load_weights(module, self.path / settings.checkpoint) if settings.checkpoint else ()
        return place(module).eval().requires_grad_(False), notes

    def images(self) -> tuple[Images, tuple[bool | None, ...]]:
        """The items of data(), and who is a member."""
        self.tell("data")
        give = function_of(load_module(self.target), "data", needed=True)
        assert give
        with calling(self.target, "data()"):
            items = give()
        return images_of(items, self.target)

    def joined(
        self, network: nn.Module, notes: tuple[str, ...], images: Images, members: tuple[bool | None, ...]
    ) -> Material:
        """Network and images tried on each other."""
        roles = roles_of(images.patients, members)
        check_images(images, roles)
        self.tell("answers")
        forward = _windowed(network, self.config.target.window) if self.config.target.window else network
        images = replace(images, images=tuple(image.to(torch.float32) for image in images.images))
        answered = _answers(forward, images, self.target)
        head, labels = head_of(answered, images.labels or (), images.images[0])
        loss = function_of(load_module(self.target), "loss", needed=False) if self.target.is_file() else None
        target = Audited(network, head, forward, _owners(loss, self.target), self.config.target.batch)
        return Material(
            target,
            replace(images, labels=tuple(labels)),
            roles,
            self.about(network) | {"answers": _read_as(head)},
            notes,
            self.hashes(),
        )

    def about(self, network: nn.Module) -> dict[str, Any]:
        """Of the network, for the decision sheet."""
        count = sum(weight.numel() for weight in network.parameters())
        return {
            "name": self.config.about.model or self.path.resolve().name,
            "version": self.config.about.version or None,
            "architecture": self.config.target.build if ":" in self.config.target.build else type(network).__name__,
            "parameters": count,
            "sha256": next(iter(self.hashes().values()), None),
        }

    def hashes(self) -> dict[str, str]:
        """SHA-256 of the checkpoint."""
        checkpoint = self.config.target.checkpoint
        return {checkpoint.name: sha256(self.path / checkpoint)} if checkpoint else {}


def _answers(forward: Callable[[Tensor], object], images: Images, path: Path) -> Tensor:
    """What the network answers about some images, all of one shape, spread over the table."""
    same = [i for i, image in enumerate(images.images) if image.shape == images.images[0].shape]
    taken = np.unique(np.linspace(0, len(same) - 1, min(TRIED, len(same))).astype(int))
    batch = stacked([images.images[same[i]] for i in taken])
    device = next((weight.device for weight in getattr(forward, "parameters", lambda: iter(()))()), torch.device("cpu"))
    try:
        with torch.no_grad():
            return tensor_of(forward(batch.to(device))).float().cpu()
    except RemnantError:
        raise
    except Exception as error:
        raise RemnantError(
            f"The network does not take images of shape {tuple(batch.shape[1:])} ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:160]}); let data() in {path} give them as in training, or set window in [target]."
        ) from error


def _windowed(network: nn.Module, window: tuple[int, ...]) -> Callable[[Tensor], object]:
    from monai.inferers import SlidingWindowInferer

    inferer = SlidingWindowInferer(window, sw_batch_size=2, overlap=0.5, mode="gaussian")
    return lambda batch: inferer(batch, lambda part: tensor_of(network(part)))


def _owners(loss: Callable[..., Tensor] | None, path: Path) -> Callable[[nn.Module, Tensor, object], Tensor] | None:
    if loss is None:
        return None

    def called(module: nn.Module, image: Tensor, label: object) -> Tensor:
        with calling(path, "loss()"):
            found = loss(module, {"image": image, "label": label})
        if not isinstance(found, Tensor) or found.numel() != 1:
            raise RemnantError(f"loss() of {path} must return one number as a tensor; take the mean in it.")
        return found.reshape(())

    return called


def _read_as(head: Head) -> str:
    kinds = {"softmax": "exclusive classes", "sigmoid": "independent outputs"}
    values = "probabilities" if head.probabilities else "logits"
    return f"read as {values} of {counted(head.outputs, 'output')}, {kinds[head.kind]}"
