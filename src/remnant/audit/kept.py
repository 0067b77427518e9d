"""Claims kept in RUN/private between their cell and the tables: how member-like somebody looks is patient data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from remnant.attacks.attack import Attributes, Reconstructions, Scores
from remnant.audit.rows import Scored
from remnant.base.files import atomic_path
from remnant.base.run import Run
from remnant.targets.seen import Shadows

FOLDER = "claims"
SHADOWS = "shadows"
SIGNAL = "signal "  # before the name of one


@dataclass(frozen=True)
class Similarities:
    """How near each of the candidates (k, n) comes to each of n images in one `space`, and those of the `controls` by name.

    `patients` (n): whose the images are.
    """

    space: str
    patients: tuple[str, ...]
    attack: np.ndarray
    controls: Mapping[str, np.ndarray]


def keep_scores(run: Run, attack: str, claims: Sequence[Scores]) -> None:
    """Keep the claims of a membership attack, and the losses that came with one."""
    losses = next((claim.losses for claim in claims if claim.losses is not None), None)
    _keep(
        run,
        attack,
        **({} if losses is None else {"losses": losses}),
        views=np.array([claim.view for claim in claims]),
        patients=np.array(claims[0].patients),
        scores=np.stack([claim.scores for claim in claims]),
    )


def kept_scores(run: Run, roles: Mapping[str, int], attack: str, *, primary: bool) -> list[Scored]:
    """They, with the `roles` by patient, which the attack was not told; `primary`: its first view was named before the run."""
    with np.load(_file(run, attack)) as kept:
        patients = tuple(map(str, kept["patients"]))
        whose = np.array([roles[patient] for patient in patients])
        return [
            Scored(attack, str(view), patients, scores, whose, primary and place == 0)
            for place, (view, scores) in enumerate(zip(kept["views"], kept["scores"], strict=True))
        ]


def kept_losses(run: Run, attack: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Patients and their losses (n, 1 + references) under the target and its references."""
    with np.load(_file(run, attack)) as kept:
        return tuple(map(str, kept["patients"])), kept["losses"]


def keep_shadow(
    run: Run, number: int, patients: Sequence[str], half: Sequence[str], signals: Mapping[str, np.ndarray]
) -> None:
    """Keep what a shadow model fits of each image, of `patients` (images), and whether each is of the `half` that trained it."""
    own = set(half)
    _write(
        run.private / SHADOWS / f"{number}.npz",
        patients=np.array(patients),
        trained=np.array([patient in own for patient in patients]),
        **{f"{SIGNAL}{name}": values for name, values in signals.items()},
    )


def kept_shadows(run: Run, count: int) -> Shadows | None:
    """What the first `count` shadow models said, None without any."""
    if not count:
        return None
    signals: dict[str, list[np.ndarray]] = {}
    trained, patients = [], ()
    for number in range(count):
        with np.load(run.private / SHADOWS / f"{number}.npz") as kept:
            patients = tuple(map(str, kept["patients"]))
            trained.append(kept["trained"])
            for name in kept.files:
                if name.startswith(SIGNAL):
                    signals.setdefault(name.removeprefix(SIGNAL), []).append(kept[name])
    return Shadows(
        patients, {name: np.stack(values, axis=1) for name, values in signals.items()}, np.stack(trained, axis=1)
    )


def keep_reconstructions(run: Run, attack: str, claims: Sequence[Reconstructions]) -> None:
    """Keep what an attack drew, in half precision."""
    _keep(
        run,
        attack,
        views=np.array([claim.view for claim in claims]),
        patients=np.array(claims[0].patients),
        images=np.stack([claim.images.half().numpy() for claim in claims]),
        means=np.stack([claim.mean.numpy() for claim in claims]),
    )


def kept_reconstructions(run: Run, attack: str) -> list[Reconstructions]:
    """They again."""
    with np.load(_file(run, attack)) as kept:
        patients = tuple(map(str, kept["patients"]))
        return [
            Reconstructions(str(view), patients, torch.from_numpy(images).float(), torch.from_numpy(mean))
            for view, images, mean in zip(kept["views"], kept["images"], kept["means"], strict=True)
        ]


def keep_attributes(run: Run, attack: str, claims: Sequence[Attributes]) -> None:
    """Keep what an attack read of patients."""
    names = list(claims[0].predicted)
    _keep(
        run,
        attack,
        views=np.array([claim.view for claim in claims]),
        patients=np.array(claims[0].patients),
        attributes=np.array(names),
        predicted=np.stack([np.stack([claim.predicted[name] for name in names]) for claim in claims]),
    )


def kept_attributes(run: Run, attack: str) -> list[Attributes]:
    """It again."""
    with np.load(_file(run, attack)) as kept:
        patients, names = (tuple(map(str, kept[one])) for one in ("patients", "attributes"))
        return [
            Attributes(str(view), patients, dict(zip(names, predicted, strict=True)))
            for view, predicted in zip(kept["views"], kept["predicted"], strict=True)
        ]


def keep_similarities(run: Run, attack: str, found: Sequence[Similarities]) -> None:
    """Keep how near candidates come to patients."""
    matrices = {f"{one.space}/": one.attack.astype(np.float32) for one in found}
    matrices |= {f"{one.space}/{name}": own.astype(np.float32) for one in found for name, own in one.controls.items()}
    _keep(run, attack, patients=np.array(found[0].patients), **matrices)


def kept_similarities(run: Run, attack: str) -> list[Similarities]:
    """It again."""
    with np.load(_file(run, attack)) as kept:
        patients = tuple(map(str, kept["patients"]))
        parts: dict[str, dict[str, np.ndarray]] = {}
        for key in kept.files:
            space, slash, name = key.partition("/")
            if slash:
                parts.setdefault(space, {})[name] = kept[key]
        return [Similarities(space, patients, own.pop(""), own) for space, own in parts.items()]


def _keep(run: Run, attack: str, **arrays: np.ndarray) -> None:
    _write(_file(run, attack), **arrays)


def _write(path: Path, **arrays: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True, mode=0o700)
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)


def _file(run: Run, attack: str) -> Path:
    return run.private / FOLDER / f"{attack}.npz"
