"""The audit of a folder with audit.toml and target.py: from the owner's code to the material of the audit."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from remnant.attacks.prior.brought import BroughtPrior, bring_prior
from remnant.audit.config import AuditConfig
from remnant.audit.materials.join import Loss, checked_roles, joined, one_number, read_as
from remnant.audit.materials.material import Material, check_apart, check_finite, roles_of, told_roles
from remnant.audit.owner.before import TARGET, faults_before
from remnant.audit.owner.code import digest_of_code
from remnant.audit.owner.item_faults import ItemFaultsError
from remnant.audit.owner.items import numbered, table_of, told_to_train
from remnant.audit.owner.parted import parted, places_trained
from remnant.audit.owner.training import Training, checked_training
from remnant.audit.owner.user import calling, function_of, load_module, seed_libraries
from remnant.audit.run.doubts import doubts_of
from remnant.base.errors import RemnantError
from remnant.base.provenance import sha256
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.engine.device import place
from remnant.measure.roles import OTHER
from remnant.targets.audited import Audited
from remnant.targets.build import build
from remnant.targets.head import tensor_of
from remnant.targets.weights import load_weights

EACH_S = 0.1  # seconds between two words that data() goes on
GIVE_PEOPLE = "give age and sex with the items of data()"


@dataclass(frozen=True)
class Folder:
    """A folder of an audit: its settings, and `tell(stage)`, called before each part of the owner's code that may take long."""

    path: Path
    config: AuditConfig
    tell: Callable[[str], None] = lambda stage: None
    _items: list[dict[str, Any]] = field(default_factory=list)

    @property
    def target(self) -> Path:
        """The owner's file."""
        return self.path / TARGET

    @cached_property
    def module(self) -> ModuleType:
        """The owner's file, run once."""
        self.tell("import")
        return load_module(self.target)

    def material(self) -> Material:
        """All of it; raises `RemnantError` for the first thing that does not fit."""
        network, notes = self.network()
        images, members = self.images()
        roles = checked_roles(images, members)
        target, images = self.audited(network, images)
        training = self.training(target, images)
        target = replace(target, before=self.earlier(target))
        images, further, before = parted(images, roles)
        return Material(
            target,
            images,
            roles,
            self.about(network) | {"answers": read_as(target.head)},
            notes,
            self.hashes(),
            training=training,
            prior=self.prior(images),
            further=further,
            before=before,
            give_people=GIVE_PEOPLE,
            stronger="With train() in target.py attacks may see more.",
        )

    def checked(self) -> tuple[list[str], list[str]]:
        """Everything that does not fit, a sentence each, as far as it can be seen without the rest; and why an audit would clear
        nobody."""
        before = faults_before(self.path, self.config)
        found = list(before.values())
        doubts: list[str] = []
        network = table = roles = None
        module = None if "target" in before else self._tried(lambda: self.module, found)
        if not before.keys() & {"build", "library"} and (module or ":" in self.config.target.build):
            # Without its weights a network still says whether images and labels fit it.
            network = self._tried(self.bare if "checkpoint" in before else self.network, found)
        if module and "data" not in before:
            table = self._tried(self.images, found)
        if table:
            roles = self._grouped(*table, found)
        if network and table:
            images = replace(table[0], images=tuple(image.nan_to_num(0, 0, 0) for image in table[0].images))
            joined = self._tried(lambda: self.audited(network[0], images), found)
            if joined:
                self._tried(lambda: self.training(*joined), found)
            if joined and "version_before" not in before:
                self._tried(lambda: self.earlier(joined[0]), found)
            if joined and roles and (apart := self._tried(lambda: parted(joined[1], roles), found)) and not found:
                doubts += doubts_of(Material(joined[0], apart[0], roles, {}, give_people=GIVE_PEOPLE), self.config)
        if table and "prior" not in before:
            self._tried(lambda: self.prior(table[0]), found)
        return found, doubts

    def _grouped(self, images: Images, members: tuple[bool | None, ...], found: list[str]) -> dict[str, int] | None:
        """The roles, None where anything speaks against them: who is on both sides, what is not finite, what is there twice."""
        before = len(found)
        roles, both = told_roles(images.patients, members)
        self._tried(lambda: roles_of(images.patients, members), found)
        self._tried(lambda: check_finite(images), found)
        # Who is on both sides has been told, and of his images one on each.
        self._tried(lambda: check_apart(images, roles | dict.fromkeys(both, OTHER)), found)
        return roles if len(found) == before else None

    def _tried(self, work: Callable[[], Any], found: list[str]) -> Any:
        try:
            return work()
        except ItemFaultsError as error:
            found.extend(error.sentences)
        except RemnantError as error:
            found.append(str(error))
        return None

    def network(self) -> tuple[nn.Module, tuple[str, ...]]:
        """The owner's network with its weights, in evaluation mode."""
        settings = self.config.target
        module = self.built(Seeds(self.config.seed).child("owner", "build"))
        notes = load_weights(module, self.path / settings.checkpoint) if settings.checkpoint else ()
        return place(module).eval().requires_grad_(False), notes

    def earlier(self, target: Audited) -> Audited | None:
        """The version before the `target`, None where none is named."""
        path = self.config.target.version_before
        if path is None:
            return None
        module = self.built(Seeds(self.config.seed).child("owner", "build"))
        load_weights(module, self.path / path)
        module = place(module).eval().requires_grad_(False)
        window = self.config.target.window
        return replace(target, module=module, forward=_windowed(module, window) if window else module)

    def bare(self) -> tuple[nn.Module, tuple[str, ...]]:
        """The same as build gives it."""
        return place(self.built(Seeds(self.config.seed).child("owner", "build"))).eval().requires_grad_(False), ()

    def built(self, seeds: Seeds) -> nn.Module:
        """The owner's network as build gives it."""
        settings = self.config.target
        seed_libraries(seeds)
        if ":" in settings.build:
            self.tell("build")
            module: Any = build(settings.build, settings.arguments)
        else:
            make = function_of(self.module, settings.build, self.target, needed=True)
            assert make
            self.tell("build")
            with calling(self.target, f"{settings.build}()"):
                module = make(**settings.arguments)
        if not isinstance(module, nn.Module):
            raise RemnantError(
                f"{settings.build}() of {self.target} gives a {type(module).__name__}; return the torch.nn.Module."
            )
        return module

    def images(self) -> tuple[Images, tuple[bool | None, ...]]:
        """The items of data(), and who is a member."""
        give = function_of(self.module, "data", self.target, needed=True)
        assert give
        self.tell("data")
        seed_libraries(Seeds(self.config.seed).child("owner", "data"))
        source = f"data() in {self.target}"
        with calling(self.target, "data()"):
            found = table_of(self._given(give, source), source)
        self.tell("images")
        return found

    def _given(self, give: Callable[[], Any], source: str) -> Iterator[tuple[str, Any]]:
        """The items as the owner's code gives them; what ends it is told beside the faults of those that it gave."""
        with calling(self.target, "data()"):
            yield from self._kept(numbered(give(), source))

    def _kept(self, items: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
        """The items, which are kept as they are where they will train networks."""
        self._items.clear()
        told = time.monotonic()
        trains = self.config.shadows.count and hasattr(self.module, "train")
        for where, item in items:
            # Each item has the time that the first has, however many there are.
            if time.monotonic() - told > EACH_S:
                self.tell("data")
                told = time.monotonic()
            yield where, item
            if trains:
                self._items.append(told_to_train(item))

    def training(self, target: Audited, images: Images) -> Training | None:
        """The owner's training, where he has written one and networks are asked of it."""
        asked = self.config.shadows.count > 0
        train = function_of(self.module, "train", self.target, needed=False) if asked else None
        if train is None:
            return None
        window = self.config.target.window

        def fresh(seeds: Seeds) -> nn.Module:
            module = place(self.built(seeds))
            # What follows may take longer than to build.
            self.tell("audit")
            return module

        trained = places_trained(images)
        training = Training(
            train,
            fresh,
            [self._items[place] for place in trained],
            [images.patients[place] for place in trained],
            self.target,
            sha256(self.target),
            (lambda module: _windowed(module, window)) if window else lambda module: module,
            self.config.shadows.shared and self.path / self.config.shadows.shared,
            self._recipe() if self.config.shadows.shared else "",
            self.config.shadows.precision == "bfloat16",
        )
        return checked_training(training, target)

    def _recipe(self) -> str:
        built = self.config.target
        return digest_of_code(self.path, (built.build, built.arguments, built.window, self.config.shadows.precision))

    def audited(self, network: nn.Module, images: Images) -> tuple[Audited, Images]:
        """Network and images tried on each other; the labels in the form of the answers."""
        self.tell("answers")
        settings = self.config.target
        loss = function_of(self.module, "loss", self.target, needed=False)
        return joined(
            network,
            _windowed(network, settings.window) if settings.window else network,
            images,
            loss=_owners(loss, self.target) if loss else None,
            batch=settings.batch,
            source=f"data() in {self.target}",
        )

    def prior(self, images: Images) -> BroughtPrior | None:
        """The generator of [prior], None without one, and for images that it cannot draw."""
        settings = self.config.prior
        if settings.file is None:
            return None
        return bring_prior(self.path / settings.file, images, settings.mean, settings.std, f"data() in {self.target}")

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
        """SHA-256 of the checkpoint, and of the version before."""
        named = (self.config.target.checkpoint, self.config.target.version_before)
        return {path.name: sha256(self.path / path) for path in named if path}


def _windowed(network: nn.Module, window: tuple[int, ...]) -> Callable[[Tensor], object]:
    from monai.inferers import SlidingWindowInferer

    inferer = SlidingWindowInferer(window, sw_batch_size=2, overlap=0.5, mode="gaussian")
    return lambda batch: inferer(batch, lambda part: tensor_of(network(part)))


def _owners(loss: Callable[..., Tensor], path: Path) -> Loss:
    def called(module: nn.Module, image: Tensor, label: object) -> Tensor:
        with calling(path, "loss()"):
            return one_number(loss(module, {"image": image, "label": label}), f"loss() of {path}")

    return called
