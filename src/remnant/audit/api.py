"""`remnant.audit(...)`: an audit from Python, of a module in this process."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from remnant.audit.appetite import Appetite
from remnant.audit.conduct import conduct
from remnant.audit.config import AuditConfig
from remnant.audit.groups import images_of_groups
from remnant.audit.join import Loss, checked_roles, joined, one_number, read_as
from remnant.audit.material import Material
from remnant.audit.results import Clock
from remnant.base.errors import RemnantError
from remnant.base.findings import AuditResults, Verdict
from remnant.report.audit import make_audit_report
from remnant.report.notebook import NotebookView, findings_frame

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "members and non_members"


@dataclass(frozen=True)
class Audit:
    """A finished audit: its `results`, and the run directory `path` that they lie in.

    Without `out` the directory is a temporary one, and goes with the last reference to this object.
    """

    results: AuditResults
    path: Path
    _held: Any = None

    @property
    def verdict(self) -> Verdict:
        """`ruling` ("within", "outside" or "cannot tell"), `sentence` and `reasons`."""
        return self.results.verdict

    @cached_property
    def findings(self) -> "pd.DataFrame":
        """One row a finding: attack, view, statistic, value with its interval, p, outcome."""
        return findings_frame(self.results)

    def report(self) -> Path:
        """Write the report, a decision sheet with its evidence, and return its path."""
        return make_audit_report(self.path)

    def _repr_html_(self) -> str:
        return NotebookView(self.results)._repr_html_()


def audit(
    model: nn.Module,
    members: Any,
    non_members: Any,
    *,
    attacker: Any = None,
    loss: Callable[[nn.Module, dict[str, Any]], Tensor] | None = None,
    seed: int = 0,
    appetite: Appetite | Mapping[str, Any] | None = None,
    scenario: str = "checkpoint",
    out: str | Path | None = None,
) -> Audit:
    """Audit `model`, in this process and where it is; it is left as it was.

    `members` trained it, `non_members` are people like them who did not, and `attacker` those whose images the attacker owns.
    Each is a Dataset or iterable of (image, label, patient) or of mappings with these names (and age, sex, site where known), or
    arrays: (images, labels, patients). Images are (channels, *spatial) as the model takes them.

    `loss(model, item)`: the loss of the training as one number, of `item["image"]` (1, channels, *spatial) and `item["label"]`;
    cross-entropy without it. `appetite`: the limits. `scenario`: what the recipient sees. `out`: the run directory, in which the
    same audit goes on where it was stopped.

    Raises `RemnantError` for whatever does not fit, in one sentence.
    """
    if not isinstance(model, nn.Module):
        raise RemnantError(f"The model is a {type(model).__name__}; give the torch.nn.Module.")
    config = AuditConfig.checked(
        seed=seed, scenario=scenario, appetite=appetite if isinstance(appetite, Appetite) else dict(appetite or {})
    )
    clock = Clock()
    images, who = images_of_groups(members, non_members, attacker)
    roles = checked_roles(images, who)
    held = None if out else tempfile.TemporaryDirectory(prefix="remnant-audit-")
    path = Path(out) if out else Path(held.name) / "run"
    with left_as_it_was(model):
        target, images = joined(
            model, model, images, loss=_called(loss) if loss else None, batch=config.target.batch, source=SOURCE
        )
        about = {
            "name": type(model).__name__,
            "version": None,
            "architecture": type(model).__name__,
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "sha256": None,
            "answers": read_as(target.head),
        }
        results = conduct(
            Material(target, images, roles, about),
            config,
            path,
            clock,
            given={},
            command=f"remnant.audit(model, members, non_members, seed={seed}, scenario={scenario!r})",
            resume=(path / "run.json").exists(),
            quiet=False,
        )
    return Audit(results, path, held)


@contextlib.contextmanager
def left_as_it_was(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode and without gradients; afterwards each of its modules and weights as it was."""
    training = {module: module.training for module in model.modules()}
    gradients = {weight: weight.requires_grad for weight in model.parameters()}
    try:
        model.eval().requires_grad_(False)
        yield
    finally:
        for module, was in training.items():
            module.training = was
        for weight, was in gradients.items():
            weight.requires_grad_(was)


def _called(loss: Callable[[nn.Module, dict[str, Any]], Tensor]) -> Loss:
    return lambda module, image, label: one_number(loss(module, {"image": image, "label": label}), "loss()")
