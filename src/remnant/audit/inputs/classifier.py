"""The audit of a stranger's classifier: from its checkpoint and a cohort of radiographs to the material of an audit."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.checkpoint.feeding import Feeding, keep_feeding, kept_feeding
from remnant.attacks.prior.brought import bring_prior
from remnant.audit.config import AuditConfig
from remnant.audit.inputs.classifier_given import Asked, Given, read_given
from remnant.audit.inputs.classifier_images import Preparing, as_taken, feeding_by
from remnant.audit.inputs.classifier_tables import about, beside, doubted, notes_of
from remnant.audit.materials.material import Material, check_finite, roles_of, twins
from remnant.audit.run.conduct import go_on
from remnant.audit.run.results import Clock
from remnant.base.errors import RemnantError
from remnant.base.findings import AuditResults
from remnant.base.provenance import sha256
from remnant.base.run import Run
from remnant.base.texts import counted, short
from remnant.cohort.case import Case
from remnant.cohort.images import Images, Label, people_in
from remnant.cohort.notes import log_notes
from remnant.cohort.unchanged import require_unchanged
from remnant.measure.task import Task, task_of
from remnant.targets.audited import Audited
from remnant.targets.features import predict_logits
from remnant.targets.head import Head


def audit_classifier(
    asked: Asked,
    config: AuditConfig,
    out: Path,
    *,
    cache: Path | None = None,
    workers: int = 1,
    command: str = "",
    resume: bool = False,
    quiet: bool = False,
) -> AuditResults:
    """Audit the classifier that is `asked` about in the run directory `out` and leave results.json there.

    `cache`: where prepared radiographs are kept, by default the user's. Raises `RemnantError` for what does not serve, before
    there is a run, and for a directory that is taken, or a run that was begun with anything else.
    """
    clock = Clock()
    Run.free(out, "audit", resume=resume)
    given = read_given(asked, config.seed)
    settings = {**config.resolved(), **asked.settings()}
    with Run.start(out, "audit", settings, resume=resume, changing=("minutes",)) as run:
        require_unchanged(run, given.cohorts, quiet=quiet)
        log_notes(run, *given.cohorts.values())
        preparing = Preparing(cache, workers, quiet, run.keep_note_of)
        feeding = kept_feeding(run)
        if not feeding:
            feeding = feeding_by(given, preparing)
            keep_feeding(run, feeding)
        material, more = material_of(given, feeding, preparing), beside(given, feeding)
        return go_on(run, material, config, clock, command=command, quiet=quiet, beside=more)


def material_to_look_at(
    asked: Asked, config: AuditConfig, *, cache: Path | None, workers: int = 1, quiet: bool = False
) -> Material:
    """The material without an audit; without a `cache` nothing of it is kept. Raises as `audit_classifier` does."""
    given = read_given(asked, config.seed)
    with tempfile.TemporaryDirectory() as folder:
        preparing = Preparing(cache or Path(folder), workers, quiet)
        return material_of(given, feeding_by(given, preparing), preparing)


def material_of(given: Given, feeding: Feeding, preparing: Preparing) -> Material:
    """The network, everybody's images as it takes them, and who is who.

    Raises `RemnantError` for an image that is a member's and a non-member's, or the attacker's and one of theirs.
    """
    given = given.in_order(feeding)
    against, labels = given.against, given.answers.labels
    own = preparing.of(against.cohort, against.cases, as_taken(feeding))
    several = labels is not None and labels.ndim == 2
    outputs = given.described.classes or 1
    head = Head("classification", "sigmoid" if several or outputs == 1 else "softmax", outputs, probabilities=False)
    cases, images = list(against.cases), feeding.input_range(own)
    members: list[bool | None] = [i < len(against.groups["members"]) for i in range(len(cases))]
    patients = [f"against {case.patient}" for case in cases]
    if given.public:
        more = given.public.cases
        theirs = feeding.input_range(preparing.of(given.public, more, as_taken(feeding)))
        _require_others(given, images, theirs)
        images = torch.cat([images, theirs])
        cases, members = [*cases, *more], [*members, *[None] * len(more)]
        # Two cohorts may use the same names for different people.
        patients += [f"public {case.patient}" for case in more]
    told = None if labels is None else [*_labels(labels, head), *[_unknown(head)] * (len(cases) - len(labels))]
    table = Images(tuple(images), None if told is None else tuple(told), tuple(patients), _details(cases, labels, head))
    roles = roles_of(table.patients, tuple(members))
    check_finite(table)
    if pairs := twins(table, roles):
        one, other = (short(cases[place].image.name) for place in pairs[0])
        raise RemnantError(
            f"{counted(len(pairs), 'image is', 'images are')} a member's and a non-member's at once, such as {one} and {other}; "
            f"drop one of the two from the table of {against.cohort.root}."
        )
    task = _task(given, feeding, own)
    doubts, asked = doubted(feeding, task), given.asked
    taken = feeding.input_range
    return Material(
        Audited(given.module, head),
        table,
        roles,
        about(given, feeding),
        notes=notes_of(given, doubts, task),
        doubts=tuple(doubts),
        checkpoints={path.name: sha256(path) for path in (asked.checkpoint, asked.prior) if path},
        give_people="give age and sex in the table, their columns called by `--columns age=NAME,sex=NAME`"
        if asked.against.is_file()
        else "give age and sex in the table of the cohort",
        prior=bring_prior(asked.prior, table, taken.mean, taken.std, str(asked.against)) if asked.prior else None,
    )


def _require_others(given: Given, own: Tensor, public: Tensor) -> None:
    """Raise `RemnantError` where the attacker's images are among the owner's: he would be taken to own whom he attacks."""
    known = {image.numpy().tobytes() for image in own}
    if both := sum(image.numpy().tobytes() in known for image in public):
        assert given.public
        raise RemnantError(
            f"{counted(both, 'image is', 'images are')} in {given.public.root} (--public) and among those of --against; take "
            "public images of others."
        )


def _task(given: Given, feeding: Feeding, own: Tensor) -> Task | None:
    """Whether it does its task on the images of those who trained it; None where no answers are known."""
    labels, members = given.answers.labels, given.against.groups["members"]
    if labels is None:
        return None
    logits = predict_logits(given.access.target, own[: len(members)], feeding.input_range)
    return task_of(logits.numpy(), labels[: len(members)], [case.patient for case in members])


def _labels(labels: np.ndarray, head: Head) -> list[Label]:
    if head.kind == "softmax":
        return labels.astype(int).tolist()
    return list(torch.from_numpy(labels.reshape(len(labels), -1)).float())


def _unknown(head: Head) -> Tensor:
    """The label of an image of which nobody knows the answer."""
    return torch.full((head.outputs,) if head.kind == "sigmoid" else (), torch.nan)


def _details(cases: Sequence[Case], labels: np.ndarray | None, head: Head) -> dict[str, np.ndarray]:
    """Age, sex, 1 for a man, and the answers of each of the `cases`, as far as they are known."""
    found = {name: values for name, values in people_in(cases).items() if np.isfinite(values).any()}
    if labels is None:
        return found
    kinds = range(1, max(2, head.outputs))
    columns = labels.T if labels.ndim == 2 else np.stack([labels == kind for kind in kinds]).astype(float)
    unknown = np.full(len(cases) - len(labels), np.nan)
    first = 0 if labels.ndim == 2 else 1
    return found | {
        f"class: {place}": np.concatenate([column, unknown]) for place, column in enumerate(columns, start=first)
    }
