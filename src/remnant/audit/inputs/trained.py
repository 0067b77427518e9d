"""The audit of a folder that a framework's cross-validation left behind: its models are each other's references."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from remnant.audit.cells.forecast import forecast
from remnant.audit.cells.piece import Piece
from remnant.audit.config import AuditConfig
from remnant.audit.findings.folds import dealt
from remnant.audit.materials.material import Material, check_images, digests_of
from remnant.audit.run.attacks import attacks_of
from remnant.audit.run.model import audit_model
from remnant.audit.run.results import Clock, conclude, machine
from remnant.base.errors import RemnantError
from remnant.base.findings import AuditResults
from remnant.base.progress import say
from remnant.base.results import Section, TableView
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.texts import counted
from remnant.engine.device import fabric
from remnant.targets.adapters import Trained, adapter_of, no_fold
from remnant.targets.fold_models import fold_models, with_references

TABLES = (
    (
        "Fold rank: p under each null",
        "fold_rank",
        "p of so many patients' own models fitting worst, by what is dealt at random.",
        {"null": "What no leak would mean", "p": "p"},
    ),
    (
        "Power of the fold-rank test",
        "fold_power",
        "How often the test would show a leak of a size, and whose own models would then fit worst.",
        {"leak": "Leak, standard deviations of noise", "share": "Share of patients", "power": "Power"},
    ),
)

ALONE = (
    "Of two folds the other model learned the non-members and no member, so that it is no reference; use more folds."
)


def read_trained(
    folder: Path, data: Path | None, splits: Path | None, tell: Callable[[str], None] = lambda note: None
) -> Trained:
    """The models and cases of a framework's `folder`; raises `RemnantError` for what does not fit, and for nobody's folder."""
    adapter = adapter_of(folder)
    if adapter is None:
        raise RemnantError(f"{folder} has no folds of trained models; give the folder that the training wrote.")
    return adapter.read(folder, data, splits, tell)


def audit_trained(
    folder: Path,
    config: AuditConfig,
    out: Path,
    *,
    data: Path | None = None,
    splits: Path | None = None,
    fold: int | None = None,
    command: str = "",
    resume: bool = False,
    quiet: bool = False,
) -> AuditResults:
    """Audit the models of `folder`, of which all are released or that of one `fold`, and leave results.json in `out`.

    Raises `RemnantError` for a folder, data or a fold that do not fit, and for a directory that is taken.
    """
    clock = Clock()
    Run.free(out, "audit", resume=resume)
    Seeds(config.seed)
    fabric()
    trained = read_trained(folder, data, splits, teller(quiet))
    material, split = material_of(trained, fold, Seeds(config.seed))
    settings = {
        **config.resolved(),
        "folder": str(folder.resolve()),
        "data": str(data and data.resolve()),
        "fold": fold,
        "checkpoints": dict(material.checkpoints),
        **digests_of(material),
    }
    with Run.start(out, "audit", settings, resume=resume, changing=("minutes",)) as run:
        before = run.events()
        parts: dict[str, Any] = audit_model(run, material, config, quiet=quiet)
        parts["cohort"] |= {"folds": len(trained.models), "split over folds": split}
        own = parts.pop("sections")
        sections = [
            Section(title=title, table=TableView(name=name, caption=caption, columns=columns))
            for title, name, caption, columns in TABLES
            if name in parts["tables"]
        ]
        results = conclude(
            config,
            **parts,
            sections=[*own, *sections],
            **machine(clock, command, before),
        )
        results.write(run.results)
    return results


def forecast_trained(
    material: Material, config: AuditConfig, *, quiet: bool = True
) -> tuple[list[Piece], dict[str, str]]:
    """What each attack and control takes, and why others are not run."""
    attacks = attacks_of(material, config)
    pieces = forecast(material, config, [attack for attack, why in attacks if not why], quiet=quiet)
    return pieces, {attack.name: why for attack, why in attacks if why}


def material_of(trained: Trained, fold: int | None, seeds: Seeds) -> tuple[Material, int]:
    """What the audit works on, and how many patients have cases in several folds and are left out: every model saw them.

    Where all models are released, half of each fold's patients are put to the model that did not train on them, and half to
    another one. Of two folds of which one is released, the other model trained on every non-member and on no member, so that
    it is no reference: what it knows of them would show in the released one's calibrated scores and ranks.

    Raises `RemnantError` for a `fold` that there is not, and where nobody is left.
    """
    folds: dict[str, set[int]] = {}
    for patient, place in zip(trained.images.patients, trained.held_out, strict=True):
        folds.setdefault(patient, set()).add(place)
    held_out = {patient: next(iter(own)) for patient, own in folds.items() if len(own) == 1}
    split = len(folds) - len(held_out)
    if len(set(held_out.values())) < 2:
        raise RemnantError(
            "Nearly everybody has cases in several folds, so that every model saw him and membership is not testable; split by "
            "patient, and train again."
        )
    models, released = list(trained.models), None
    if fold is not None:
        if f"fold {fold}" not in trained.names:
            raise RemnantError(no_fold(fold, trained.names))
        released = trained.names.index(f"fold {fold}")
    own = dealt(held_out, len(models), released, seeds)
    surplus = len(held_out) - len(own.held_out)
    held_out = dict(own.held_out)
    images = trained.images.of(tuple(held_out))
    roles = {patient: own.role(patient) for patient in dict.fromkeys(images.patients)}
    check_images(images, roles)
    first = 0 if released is None else released
    target = fold_models(models, own.asked) if released is None else with_references(models, released)
    target = replace(target, passed_over=own.passed_over())
    alone = released is not None and len(models) == 2
    if alone:
        target = replace(target, references=())
    out = f"all {len(models)} folds" if released is None else trained.names[released]
    return Material(
        target,
        images,
        roles,
        {
            **trained.about,
            "released": out,
            # Of several files no one stands for the others; `checkpoints` has them all.
            "sha256": dict(enumerate(trained.checkpoints.values())).get(released),
        },
        (
            *([split_said(split)] if split else []),
            *([surplus_said(surplus)] if surplus else []),
            *([ALONE] if alone else []),
            *trained.notes,
        ),
        trained.checkpoints,
        None if alone else own,
        (target if alone else with_references(models, first), tuple(p for p in roles if held_out[p] == first)),
        give_people="give age and sex in columns of patients.csv beside dataset.json",
    ), split


def surplus_said(surplus: int) -> str:
    """Why patients of a large fold are left out."""
    return (
        f"{counted(surplus, 'patient is', 'patients are')} left out, since one fold holds more than half of all: each model is "
        "asked about as many members as non-members."
    )


def split_said(split: int) -> str:
    """What it means that patients have cases in several folds."""
    return (
        f"{counted(split, 'patient has', 'patients have')} cases in several folds, so that every model trained on some case of "
        "theirs: they are left out here. The validation of these folds is of people that the models know."
    )


def teller(quiet: bool) -> Callable[[str], None]:
    """Says what a folder's reading is at, now and then."""
    last = [0.0]

    def tell(note: str) -> None:
        if not quiet and time.monotonic() - last[0] > 10:
            say(f"Preparing: {note}.")
            last[0] = time.monotonic()

    return tell
