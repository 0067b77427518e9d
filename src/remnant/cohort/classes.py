"""Which output of a classifier is which finding, and so the true answer for each radiograph."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.texts import counted
from remnant.cohort.case import Case

SHOWN = 8


@dataclass(frozen=True)
class Answers:
    """The true answers of a list of cases.

    `labels` as `attacks.membership.signals.signed_margin` takes them: (n,) class indices, NaN for a case of none, or of a
    multi-label classifier (n, outputs) of 0 and 1; None where no answers are known. `words`: how findings became classes, or why
    not, a sentence. `order`: the names of classes 0 and 1 where nobody told which is which, else empty.
    """

    labels: np.ndarray | None
    words: str
    order: tuple[str, ...] = ()

    def reversed(self) -> "Answers":
        """The same with the two classes of `order` the other way round."""
        assert self.labels is not None and len(self.order) == 2
        return _in_order(1 - self.labels, self.order[::-1])


def answers_of(cases: Sequence[Case], outputs: int, findings: Sequence[str] = ()) -> Answers:
    """The answers for `cases` of a classifier with so many `outputs`, given the `findings` in the order of its outputs.

    One finding for one or two outputs is the positive class and all else the negative. As many as outputs are classes that
    exclude each other, or, where a case has several of them, labels of their own. Without `findings`, those of the cases are
    taken in the order of the alphabet, as ImageFolder and scikit-learn number classes, if each case has one and they are as many
    as classes; of two the order stays open, since a single output is as often called after the finding. Raises `RemnantError`
    for findings that no case has, and for another number of them.
    """
    classes = max(2, outputs)
    seen = Counter(finding for case in cases for finding in case.findings)
    if not findings:
        if len(seen) != classes or any(len(case.findings) != 1 for case in cases):
            return Answers(
                None,
                f"What its {counted(outputs, 'output means', 'outputs mean')} was not told: its certainty was taken, "
                "which says less than whether it is right (`--finding` names the findings).",
            )
        names = sorted(seen)
        labels = np.array([names.index(case.findings[0]) for case in cases], dtype=float)
        if classes == 2:
            return _in_order(labels, tuple(names))
        return Answers(labels, f"Classes by the order of the alphabet, which nobody confirmed: {_numbered(names)}.")
    if unknown := [name for name in findings if name not in seen]:
        has = ", ".join(name for name, _ in seen.most_common(SHOWN)) or "no findings at all"
        raise RemnantError(f"No image has the finding '{unknown[0]}'; the table has {has}.")
    if len(findings) == 1 and outputs <= 2:
        positive = [findings[0] in case.findings for case in cases]
        return Answers(np.array(positive, dtype=float), f"Class 1 is '{findings[0]}', class 0 every other image.")
    if len(findings) != outputs:
        raise RemnantError(
            f"The checkpoint has {counted(outputs, 'output')}; name as many findings by --finding, in their order. "
            f"Got {len(findings)} instead."
        )
    held = np.array([[name in case.findings for name in findings] for case in cases], dtype=float)
    if held.sum(axis=1).max() > 1:
        return Answers(held, f"An output for each finding: {_numbered(findings)}.")
    return Answers(
        np.where(held.any(axis=1), held.argmax(axis=1), np.nan),
        f"Classes that exclude each other: {_numbered(findings)}.",
    )


def _in_order(labels: np.ndarray, names: tuple[str, ...]) -> Answers:
    return Answers(
        labels,
        f"Classes in the order that fits the model's answers better, which nobody confirmed: {_numbered(names)}.",
        names,
    )


def _numbered(names: Sequence[str]) -> str:
    return ", ".join(f"{number} is '{name}'" for number, name in enumerate(names))
