"""`remnant.audit(...)`: an audit from Python, of a module in this process."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from remnant.attacks.prior.brought import bring_prior
from remnant.audit.config import AuditConfig, PriorConfig
from remnant.audit.materials.join import Loss, checked_roles, joined, one_number, read_as
from remnant.audit.materials.material import Material
from remnant.audit.owner.groups import images_of_groups
from remnant.audit.owner.module import digest_of, left_as_it_was, module_of, training_of
from remnant.audit.owner.parted import parted, places_trained
from remnant.audit.run.conduct import conduct
from remnant.audit.run.results import Clock
from remnant.audit.verdict.appetite import Appetite
from remnant.audit.verdict.scenario import not_attacked
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

    def __repr__(self) -> str:
        return repr(NotebookView(self.results))

    def _repr_html_(self) -> str:
        return NotebookView(self.results)._repr_html_()


def audit(
    model: nn.Module,
    members: Any,
    non_members: Any,
    *,
    attacker: Any = None,
    loss: Callable[[nn.Module, dict[str, Any]], Tensor] | None = None,
    train: Callable[[nn.Module, list[dict[str, Any]], int], nn.Module | None] | None = None,
    build: Callable[[], nn.Module] | None = None,
    shadows: int = 8,
    prior: PriorConfig | Mapping[str, Any] | None = None,
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
    cross-entropy without it.

    `train(model, items, seed)`: the training of the audited model. It is called in this process, once for each of so many
    `shadows` (even, from 4), with a fresh network of `build()` in training mode, which it trains in place or returns trained, and
    with some patients' items as they were given, each as a mapping.

    `prior`: the generator with which images are drawn from the weights: `file`, and `mean` and `std` by which the images are
    normalised. `seed`: the root of every random number. `appetite`: the limits. `scenario`: what the recipient sees. `out`: the
    run directory, in which the same audit goes on where it was stopped.

    Raises `RemnantError` for whatever does not fit, in one sentence. What `loss`, `train` and `build` raise is raised.
    """
    model = module_of(model)
    if (train is None) != (build is None):
        raise RemnantError(
            "train and build go together; give build(), a network that has not learned, for train() to begin with."
        )
    config = AuditConfig.checked(
        seed=seed, scenario=scenario, appetite=_table(appetite), prior=_table(prior), shadows={"count": shadows}
    )
    if why := not_attacked(config.scenario):
        raise RemnantError(why)
    if prior is not None and config.prior.file is None:
        raise RemnantError("prior has no file; give the one that `remnant prior train` or `remnant prior import` made.")
    clock = Clock()
    items: list[dict[str, Any]] = []
    images, who = images_of_groups(members, non_members, attacker, items if train and shadows else None)
    roles = checked_roles(images, who)
    held = None if out else tempfile.TemporaryDirectory(prefix="remnant-audit-")
    # As it was called, without what only this process knows.
    options = {"attacker": attacker, "loss": loss, "train": train, "build": build, "prior": prior}
    given = "".join(f", {name}={name}" for name, value in options.items() if value is not None)
    given += f", shadows={shadows}" if train else ""
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
            "sha256": digest_of(model),
            "answers": read_as(target.head),
        }
        training = None
        if train and build and shadows:
            taught = places_trained(images)
            own = [items[place] for place in taught]
            training = training_of(train, build, own, target, [images.patients[place] for place in taught])
        images, further, before = parted(images, roles)
        brought = config.prior
        results = conduct(
            Material(
                target,
                images,
                roles,
                about,
                training=training,
                further=further,
                before=before,
                prior=bring_prior(brought.file, images, brought.mean, brought.std, SOURCE) if brought.file else None,
                stronger="With `train` and `build` attacks may see more.",
            ),
            config,
            path,
            clock,
            given={},
            command=f"remnant.audit(model, members, non_members{given}, seed={seed}, scenario={scenario!r})",
            resume=(path / "run.json").exists(),
            quiet=False,
        )
    return Audit(results, path, held)


def _called(loss: Callable[[nn.Module, dict[str, Any]], Tensor]) -> Loss:
    return lambda module, image, label: one_number(loss(module, {"image": image, "label": label}), "loss()")


def _table(given: object) -> object:
    """A table of settings, however it was given; what is none is told by the settings."""
    return {} if given is None else dict(given) if isinstance(given, Mapping) else given
