"""Claims kept in RUN/private between their cell and the tables: how member-like somebody looks is patient data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from remnant.attacks.attack import Attributes, PatientScores, Reconstructions
from remnant.audit.findings.gains import Similarities
from remnant.audit.findings.pairs import Paired
from remnant.audit.findings.rows import GROUP, ScoredPatients
from remnant.base.run import Run
from remnant.base.store import keep, kept
from remnant.targets.seen import Shadows

FOLDER = "claims"
ROLES = "roles.npz"
SHADOWS = "shadows"


@dataclass(frozen=True)
class Likely:
    """Of so many `candidates` the likely ones: `images` (k, 1, N, N) in half precision, and the member whom each comes nearest
    to, `nearest` (k). `by_chance`: how many would be likely, if both scores had nothing to do with each other."""

    images: Tensor
    nearest: tuple[str, ...]
    candidates: int
    by_chance: float


@dataclass(frozen=True)
class Dealt:
    """Who of the `patients` is what: `roles` (n,) of `measure.roles`."""

    patients: tuple[str, ...]
    roles: np.ndarray


@dataclass(frozen=True)
class Shadow:
    """One of `Shadows`: what it fits of each image and of shifts of it, by signal (images, queries), and whether the image's
    patient `trained` it."""

    patients: tuple[str, ...]
    queries: Mapping[str, np.ndarray]
    trained: np.ndarray


def keep_roles(run: Run, roles: Mapping[str, int]) -> None:
    """Keep who of the patients is a member, a non-member or the attacker's own, by which audits are held against each other."""
    keep(run.private / ROLES, Dealt(tuple(roles), np.array(list(roles.values()), dtype=int)))


def kept_roles(run: Run) -> dict[str, int]:
    """It again, by patient; nothing of a run that kept none."""
    path = run.private / ROLES
    dealt = kept(path, Dealt) if path.exists() else Dealt((), np.zeros(0, dtype=int))
    return dict(zip(dealt.patients, dealt.roles.tolist(), strict=True))


def keep_scores(run: Run, attack: str, claims: Sequence[PatientScores]) -> None:
    """Keep the claims of a membership attack, and the losses that came with one."""
    keep(claims_path(run, attack), claims)


def kept_claims(run: Run, attack: str) -> list[PatientScores]:
    """They again."""
    return kept(claims_path(run, attack), list[PatientScores])


def kept_scores(
    run: Run, roles: Mapping[str, int], attack: str, *, primary: bool, group: str = GROUP
) -> list[ScoredPatients]:
    """They, with the `roles` by patient, which the attack was not told; `primary`: its first view was named before the run;
    `group`: who is held against whom, in words."""
    return [
        ScoredPatients(
            attack,
            claim.view,
            claim.patients,
            claim.scores,
            np.array([roles[patient] for patient in claim.patients]),
            primary and place == 0,
            group,
        )
        for place, claim in enumerate(kept_claims(run, attack))
    ]


def kept_losses(run: Run, attack: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Patients and their losses (n, 1 + references) under the target and its references."""
    return next((claim.patients, claim.losses) for claim in kept_claims(run, attack) if claim.losses is not None)


def keep_shadow(
    run: Run,
    number: int,
    patients: Sequence[str],
    half: Sequence[str],
    queries: Mapping[str, np.ndarray],
    whose: str = SHADOWS,
) -> None:
    """Keep what a shadow model fits of each image, of `patients` (images), by signal (images, queries), and whether each is of
    the `half` that trained it. `whose` images these are, as the name of their folder."""
    trained = np.isin(np.array(patients, dtype=str), np.array(half, dtype=str))
    keep(shadow_path(run, number, whose), Shadow(tuple(patients), queries, trained))


def shadow_path(run: Run, number: int, whose: str) -> Path:
    """Where it is kept."""
    return run.private / whose / f"{number}.npz"


def kept_shadows(run: Run, count: int, whose: str = SHADOWS) -> Shadows | None:
    """What the first `count` shadow models said of the images of that folder, None without any."""
    if not count:
        return None
    shadows = [kept(shadow_path(run, number, whose), Shadow) for number in range(count)]
    queries = {name: np.stack([shadow.queries[name] for shadow in shadows], axis=1) for name in shadows[0].queries}
    return Shadows(shadows[0].patients, queries, np.stack([shadow.trained for shadow in shadows], axis=1))


def keep_reconstructions(run: Run, attack: str, claims: Sequence[Reconstructions]) -> None:
    """Keep what an attack drew, in half precision."""
    keep(claims_path(run, attack), [replace(claim, images=claim.images.half()) for claim in claims])


def kept_reconstructions(run: Run, attack: str) -> list[Reconstructions]:
    """They again."""
    return [
        replace(claim, images=claim.images.float()) for claim in kept(claims_path(run, attack), list[Reconstructions])
    ]


def keep_attributes(run: Run, attack: str, claims: Sequence[Attributes]) -> None:
    """Keep what an attack read of patients."""
    keep(claims_path(run, attack), claims)


def kept_attributes(run: Run, attack: str) -> list[Attributes]:
    """It again."""
    return kept(claims_path(run, attack), list[Attributes])


def keep_pairs(run: Run, attack: str, found: Sequence[Paired]) -> None:
    """Keep what adversaries make of pairs of patients."""
    keep(claims_path(run, attack), found)


def kept_pairs(run: Run, attack: str) -> list[Paired]:
    """It again."""
    return kept(claims_path(run, attack), list[Paired])


def keep_similarities(run: Run, attack: str, found: Sequence[Similarities]) -> None:
    """Keep how near candidates come to patients, in single precision."""

    def single(one: Similarities) -> Similarities:
        controls = {name: matrix.astype(np.float32) for name, matrix in one.controls.items()}
        return replace(one, attack=one.attack.astype(np.float32), controls=controls)

    keep(claims_path(run, attack), list(map(single, found)))


def kept_similarities(run: Run, attack: str) -> list[Similarities]:
    """It again."""
    return kept(claims_path(run, attack), list[Similarities])


def has_claims(run: Run, attack: str) -> bool:
    """Whether anything of an attack was kept."""
    return claims_path(run, attack).exists()


def keep_likely(run: Run, attack: str, found: Likely) -> None:
    """Keep the likely ones among an attack's candidates."""
    keep(claims_path(run, f"{attack}-likely"), found)


def kept_likely(run: Run, attack: str) -> Likely | None:
    """They again, None where nothing tells which are."""
    path = claims_path(run, f"{attack}-likely")
    return kept(path, Likely) if path.exists() else None


def claims_path(run: Run, attack: str) -> Path:
    """Where claims are kept, by the name of their attack."""
    return run.private / FOLDER / f"{attack}.npz"
