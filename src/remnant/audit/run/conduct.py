"""An audit of a model from its material to results.json, wherever the material is from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material, digests_of
from remnant.audit.run.model import audit_model
from remnant.audit.run.results import Clock, conclude, machine
from remnant.base.findings import AuditResults
from remnant.base.results import Row, Section
from remnant.base.run import Run
from remnant.engine.cells import Workers


@dataclass(frozen=True)
class ExtraResults:
    """What a kind of material adds to the results: `tables` by name, the `sections` that show them, what was `not_tested`."""

    tables: Mapping[str, list[Row]] = field(default_factory=dict)
    sections: Sequence[Section] = ()
    not_tested: Sequence[str] = ()


def conduct(
    material: Material,
    config: AuditConfig,
    out: Path,
    clock: Clock,
    *,
    given: Mapping[str, Any],
    command: str,
    resume: bool,
    quiet: bool,
    workers: Workers = 1,
) -> AuditResults:
    """Audit `material` in the run directory `out` and leave results.json there; `given`: what was handed over, by name.
    `workers`: processes at a time, as `audit_model` takes them.

    Raises `RemnantError` for a directory that is taken, and, with `resume`, for one that was begun with anything else.
    """
    settings = {**config.resolved(), **given, **digests_of(material)}
    with Run.start(out, "audit", settings, resume=resume, changing=("minutes",)) as run:
        return go_on(run, material, config, clock, command=command, quiet=quiet, workers=workers)


def go_on(
    run: Run,
    material: Material,
    config: AuditConfig,
    clock: Clock,
    *,
    command: str,
    quiet: bool,
    workers: Workers = 1,
    beside: ExtraResults | None = None,
) -> AuditResults:
    """The same in a run that was begun, by settings that tell this material from any other."""
    before, more = run.events(), beside or ExtraResults()
    parts = audit_model(run, material, config, workers=workers, quiet=quiet)
    parts["tables"] |= more.tables
    parts["sections"] = [*parts["sections"], *more.sections]
    parts["not_tested"] = [*parts["not_tested"], *more.not_tested]
    results = conclude(config, **parts, **machine(clock, command, before))
    results.write(run.results)
    return results
