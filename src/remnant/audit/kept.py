"""Claims kept in RUN/private between their cell and the tables: how member-like somebody looks is patient data."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from remnant.attacks.attack import Attributes, Reconstructions, Scores
from remnant.audit.rows import Scored
from remnant.base.files import atomic_path
from remnant.base.run import Run

FOLDER = "claims"


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


def _keep(run: Run, attack: str, **arrays: np.ndarray) -> None:
    _file(run, attack).parent.mkdir(exist_ok=True, mode=0o700)
    with atomic_path(_file(run, attack)) as temporary:
        np.savez(temporary, **arrays)


def _file(run: Run, attack: str) -> Path:
    return run.private / FOLDER / f"{attack}.npz"
