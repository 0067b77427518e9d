"""A new version of a model, trained on with what was contributed, beside the old one: whether it answers, `promote` decides."""

import fcntl
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from remnant import __version__
from remnant.base.errors import RemnantError
from remnant.base.files import write_json
from remnant.base.progress import Task
from remnant.base.seeds import Seeds
from remnant.defenses.privacynet.networks import SEGMENTER, Server, save_server
from remnant.defenses.privacynet.retraining import RetrainSettings, epochs_of, retrain
from remnant.engine.stitch import stitched
from remnant.measure.overlap import dice
from remnant.serve.server.check import compared
from remnant.serve.server.store import Contribution, Store
from remnant.serve.server.versions import RECORD, Versions


class Contributed(Sequence[tuple[Tensor, Tensor]]):
    """Contributions as codes float32 (1, x, y, z) and labels uint8 (x, y, z), each read from the disk when it is asked for."""

    def __init__(self, store: Store, chosen: Sequence[Contribution]) -> None:
        self._store, self._chosen = store, chosen

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        code, labels = self._store.read(self._chosen[place])
        return torch.from_numpy(code.astype(np.float32)), torch.from_numpy(labels)


def retrain_version(versions: Versions, settings: RetrainSettings, seed: int, *, quiet: bool = False) -> dict[str, Any]:
    """Train the promoted version on with all contributions but the held-out ones, add what comes of it, and return its record.

    The record tells the contributions, the settings, and the Dice of both versions on the held-out scans with the check that
    `promote` asks. Raises `RemnantError` where there is nothing to train on, where another retraining of the store is at work,
    and where a contribution was deleted meanwhile: then nothing is added.
    """
    store, model = versions.store, versions.model
    with _alone(store):
        base, number = versions.promoted, max(versions) + 1
        trained, held = _parted(store.contributions(model), _learned(store, model, base))
        if not trained:
            raise RemnantError(
                f"The store {store.folder} has no contributions to {model} to train on, and {len(held)} that are held out of all "
                "training; have more contributed."
            )
        seeds, old = Seeds(seed).child("retrain", model, number), versions[base]
        with Task(f"retraining {model}", epochs_of(settings) + len(held), quiet=quiet) as task:
            network = retrain(
                old.network, Contributed(store, trained), old.patch, settings, seeds, lambda *_: task.advance("trained")
            )
            new = Server(network, old.classes, old.patch, old.mark, old.shape)
            tables = [_dice(pair, old, new, task) for pair in Contributed(store, held)]
        before, after = (np.array([table[side] for table in tables]).reshape(-1, len(old.classes)) for side in (0, 1))
        # A check without any scan saw none of these.
        looks = sum(bool(versions.record(one).get("check", {}).get("scans")) for one in versions) + 1
        record = {
            "remnant": __version__,
            "model": model,
            "number": number,
            "base": base,
            "mark": old.mark,
            "contributions": len(trained),
            "held_out": len(held),
            "settings": settings.resolved(),
            "seed": seed,
            "check": compared(before, after, old.classes, looks, seeds.child("interval").numpy()),
        }
        ids = {
            side: [[one.tenant, one.id] for one in chosen] for side, chosen in (("trained", trained), ("held", held))
        }
        try:
            with versions.making(number) as folder:
                save_server(folder / SEGMENTER, network, versions.folder(base) / SEGMENTER)
                # Whose they are stays on the server's machine.
                write_json(folder / RECORD, record | ids)
            versions.add(number, record, trained)
        except BaseException:
            if number in versions:  # Ctrl-C came when it had been added
                raise
            shutil.rmtree(versions.folder(number), ignore_errors=True)
            raise
    return record


def _learned(store: Store, model: str, base: int) -> set[str]:
    """Digests of what the version `base` learned from, also of what is deleted by now and may have come again."""
    return {
        one.digest
        for deleted in (False, True)
        for one in store.contributions(model, deleted=deleted)
        if base in one.versions
    }


def _parted(chosen: Sequence[Contribution], learned: set[str]) -> tuple[list[Contribution], list[Contribution]]:
    """What to train on and what is held out, each content once: what is held out under one id trains under no other, and what
    the old version `learned` from under another id judges none.

    In the order of the contents, so that the same ones make the same version whenever each of them came.
    """
    seen: set[str] = set()
    parts: tuple[list[Contribution], list[Contribution]] = ([], [])
    for one in sorted(chosen, key=lambda one: (not one.held_out, one.digest)):
        if one.digest not in seen and not (one.held_out and one.digest in learned):
            seen.add(one.digest)
            parts[one.held_out].append(one)
    return parts


def _dice(pair: tuple[Tensor, Tensor], old: Server, new: Server, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Dice (classes,) of both versions on a code with its labels."""
    code, labels = pair
    found = [
        dice(
            stitched(server.network, code, server.patch).argmax(0).to(torch.uint8).cpu().numpy()[None],
            labels.numpy()[None],
            len(server.classes),
        )[0]
        for server in (old, new)
    ]
    task.advance("compared")
    return found[0], found[1]


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    with (store.folder / "retrain.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RemnantError(
                f"Another retraining is at work in the store {store.folder}; wait for its end."
            ) from None
        yield
