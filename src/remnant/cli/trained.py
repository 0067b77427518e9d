"""`remnant audit` of a folder that a framework's cross-validation left behind."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from remnant.base.errors import RemnantError
from remnant.cli.folder import checked
from remnant.cli.forecast import print_forecast
from remnant.cli.options import typed

if TYPE_CHECKING:
    from remnant.audit.config import AuditConfig
    from remnant.audit.owner.process import Task


@dataclass(frozen=True)
class FolderOptions:
    """What is said beside the folder: the data, the splits where the folder does not hold them, and the fold that is released."""

    data: Path | None
    splits: Path | None
    fold: int | None

    def refuse(self, subject: Path) -> None:
        """Raise `RemnantError` where any of it is given of another `subject`."""
        for name, value in vars(self).items():
            if value is not None:
                raise RemnantError(f"--{name} is for a folder of trained folds, which {subject} is not; leave it out.")


def are_trained_folds(subject: Path, settings: str) -> bool:
    """Whether it is a framework's folder; one with the owner's `settings` is his."""
    if not subject.is_dir() or (subject / settings).is_file():
        return False
    from remnant.targets.adapters import adapter_of

    return adapter_of(subject) is not None


def audit_folds(
    folder: Path,
    beside: FolderOptions,
    place: Path,
    config: "AuditConfig",
    task: "Task",
    *,
    resume: bool,
    quiet: bool,
) -> None:
    """Audit the folder, or only check it or say how long it takes."""
    from remnant.audit.verdict.scenario import not_attacked
    from remnant.base.run import Run
    from remnant.targets.adapters import adapter_of

    # Before PyTorch is imported and a scan prepared, which takes long: most mistakes are in names and folders.
    if task == "audit":
        Run.free(place, "audit", resume=resume)
    adapter = adapter_of(folder)
    why = not_attacked(config.scenario)
    faults = [*([why] if why else []), *(adapter.faults(folder, **vars(beside)) if adapter else [])]
    if faults and task == "check":
        checked(folder, faults, [])
    for fault in faults:
        raise RemnantError(fault)

    from remnant.audit.inputs.trained import audit_trained, material_of, read_trained, teller
    from remnant.audit.run.doubts import doubts_of
    from remnant.base.seeds import Seeds

    if task == "audit":
        audit_trained(folder, config, place, **vars(beside), command=typed(), resume=resume, quiet=quiet)
        return
    trained = read_trained(folder, beside.data, beside.splits, teller(quiet))
    material, _ = material_of(trained, beside.fold, Seeds(config.seed))
    if task == "check":
        checked(folder, [], doubts_of(material, config), material.notes)
    print_forecast(material, config, quiet=quiet)
