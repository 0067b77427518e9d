"""An audit of a model from its material to results.json, wherever the material is from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remnant.audit.config import AuditConfig
from remnant.audit.material import Material, digests_of
from remnant.audit.model import audit_model
from remnant.audit.results import Clock, conclude, machine
from remnant.base.findings import AuditResults
from remnant.base.run import Run


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
) -> AuditResults:
    """Audit `material` in the run directory `out` and leave results.json there; `given`: what was handed over, by name.

    Raises `RemnantError` for a directory that is taken, and, with `resume`, for one that was begun with anything else.
    """
    settings = {**config.resolved(), **given, **digests_of(material)}
    with Run.start(out, "audit", settings, resume=resume, changing=("minutes",)) as run:
        before = run.events()
        parts = audit_model(run, material, config, quiet=quiet)
        results = conclude(
            config,
            **parts,
            **machine(clock, command, before),
        )
        results.write(run.results)
    return results
