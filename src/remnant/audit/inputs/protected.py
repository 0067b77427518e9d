"""`remnant protect evaluate`: the audit of a Privacy-Net that Remnant trained, by what its client sends."""

from pathlib import Path
from typing import Any

from remnant.audit.config import AuditConfig
from remnant.audit.inputs.protected_material import ProtectedInputs, read_protected
from remnant.audit.run.conduct import conduct
from remnant.audit.run.results import Clock
from remnant.base.findings import AuditResults
from remnant.base.run import Run


def audit_protected(
    inputs: ProtectedInputs,
    config: AuditConfig,
    out: Path,
    *,
    command: str = "",
    resume: bool = False,
    quiet: bool = False,
    **how: Any,
) -> AuditResults:
    """Audit what the client of a run of `remnant protect train` sends, and leave results.json in `out`; `how`: `read_protected`.

    Raises `RemnantError` for input that does not serve, before there is a run, and as `Run.start` does.
    """
    clock = Clock()
    Run.free(out, "audit", resume=resume)
    material = read_protected(inputs, config, quiet=quiet, **how)
    given = {
        "trained": dict(material.checkpoints),
        "data": str(inputs.data.resolve()),
        "second": [str(path.resolve()) for path in inputs.second],
        "revisits": inputs.revisits,
        "preset": inputs.preset,
    }
    return conduct(material, config, out, clock, given=given, command=command, resume=resume, quiet=quiet)
