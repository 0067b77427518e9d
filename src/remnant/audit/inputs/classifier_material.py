"""What the audit of a stranger's classifier works on: the network, everybody's images as it takes them, and who is who."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.checkpoint.feeding import Feeding
from remnant.attacks.prior.brought import bring_prior
from remnant.audit.inputs.classifier_given import OpenedClassifier
from remnant.audit.inputs.classifier_images import Preparing, as_taken
from remnant.audit.inputs.classifier_tables import about, doubted, notes_of
from remnant.audit.materials.material import Material, check_finite, roles_of, twins
from remnant.base.errors import RemnantError
from remnant.base.provenance import sha256
from remnant.base.texts import counted, short
from remnant.cohort.case import Case
from remnant.cohort.images import Images, Label, class_columns, people_in
from remnant.measure.task import TaskAccuracy, task_of
from remnant.targets.audited import Audited
from remnant.targets.features import predict_logits
from remnant.targets.head import OutputHead

STRONGER = "With the training, as train() in target.py of `remnant audit --init`, attacks may see more."


def material_of(given: OpenedClassifier, feeding: Feeding, preparing: Preparing) -> Material:
    """The network, everybody's images as it takes them, and who is who.

    Raises `RemnantError` for an image that is a member's and a non-member's, or the attacker's and one of theirs.
    """
    given = given.in_order(feeding)
    against, labels = given.against, given.answers.labels
    own = preparing.of(against.cohort, against.cases, as_taken(feeding))
    several = labels is not None and labels.ndim == 2
    outputs = given.network.described.classes or 1
    head = OutputHead(
        "classification", "sigmoid" if several or outputs == 1 else "softmax", outputs, probabilities=False
    )
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
    table = Images(
        tuple(images),
        None if told is None else tuple(told),
        tuple(patients),
        _details(cases, labels, head, _named(given)),
    )
    roles = roles_of(table.patients, tuple(members))
    check_finite(table)
    if pairs := twins(table, roles):
        one, other = (short(cases[place].image.name) for place in pairs[0])
        raise RemnantError(
            f"{counted(len(pairs), 'image is', 'images are')} a member's and a non-member's at once, such as {one} and {other}; "
            f"drop one of the two from the table of {against.cohort.root}."
        )
    task = _task(given, feeding, own)
    doubts, inputs = doubted(feeding, task), given.inputs
    taken = feeding.input_range
    return Material(
        Audited(given.network.module, head),
        table,
        roles,
        about(given, feeding),
        notes=notes_of(given, doubts, task),
        doubts=tuple(doubts),
        checkpoints={path.name: sha256(path) for path in (inputs.checkpoint, inputs.prior) if path},
        give_people="give age and sex in the table, their columns called by `--columns age=NAME,sex=NAME`"
        if inputs.against.is_file()
        else "give age and sex in the table of the cohort",
        stronger=STRONGER,
        prior=bring_prior(inputs.prior, table, taken.mean, taken.std, str(inputs.against)) if inputs.prior else None,
    )


def _require_others(given: OpenedClassifier, own: Tensor, public: Tensor) -> None:
    """Raise `RemnantError` where the attacker's images are among the owner's: he would be taken to own whom he attacks."""
    known = {image.numpy().tobytes() for image in own}
    if both := sum(image.numpy().tobytes() in known for image in public):
        assert given.public
        raise RemnantError(
            f"{counted(both, 'image is', 'images are')} in {given.public.root} (--public) and among those of --against; take "
            "public images of others."
        )


def _task(given: OpenedClassifier, feeding: Feeding, own: Tensor) -> TaskAccuracy | None:
    """Whether it does its task on the images of those who trained it; None where no answers are known."""
    labels, members = given.answers.labels, given.against.groups["members"]
    if labels is None:
        return None
    logits = predict_logits(given.network.access.target, own[: len(members)], feeding.input_range)
    return task_of(logits.numpy(), labels[: len(members)], [case.patient for case in members])


def _labels(labels: np.ndarray, head: OutputHead) -> list[Label]:
    if head.kind == "softmax":
        return labels.astype(int).tolist()
    return list(torch.from_numpy(labels.reshape(len(labels), -1)).float())


def _unknown(head: OutputHead) -> Tensor:
    """The label of an image of which nobody knows the answer."""
    return torch.full((head.outputs,) if head.kind == "sigmoid" else (), torch.nan)


def _named(given: OpenedClassifier) -> dict[int, str]:
    """What the classes are called, by their number; of one finding alone class 1."""
    told = given.inputs.findings
    if len(told) == 1:
        return {1: told[0]}
    names = told or given.answers.order or sorted({one for case in given.against.cases for one in case.findings})
    return dict(enumerate(names))


def _details(
    cases: Sequence[Case], labels: np.ndarray | None, head: OutputHead, names: Mapping[int, str]
) -> dict[str, np.ndarray]:
    """Age, sex, 1 for a man, and the answers of each of the `cases`, as far as they are known; `names` of classes."""
    found = {name: values for name, values in people_in(cases).items() if np.isfinite(values).any()}
    if labels is None:
        return found
    unknown = np.full(len(cases) - len(labels), np.nan)
    columns = class_columns(labels, head.outputs, names)
    return found | {name: np.concatenate([column, unknown]) for name, column in columns.items()}
