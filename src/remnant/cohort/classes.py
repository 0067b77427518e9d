"""Which output of a classifier is which finding, and so the true answer for each radiograph."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.texts import counted, counted_of, enumerated
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

    One finding for one or two outputs is the positive class and all else the negative; of whom the table is uncertain there,
    nobody knows. As many as outputs are classes that exclude each other, or, where a case has several of them, labels of their
    own. Without `findings`, those of the cases are taken in the order of the alphabet, as ImageFolder and scikit-learn number
    classes, if each case has one and they are as many as classes; of two the order stays open, since a single output is as often
    called after the finding. Raises `RemnantError` for findings that are named twice or that no case has, but for some of many,
    and for another number of them.
    """
    classes = max(2, outputs)
    seen = Counter(finding for case in cases for finding in case.findings)
    if not findings:
        if len(seen) != classes or any(len(case.findings) != 1 for case in cases):
            return Answers(None, _untold(cases, outputs, seen))
        names = sorted(seen)
        labels = np.array([names.index(case.findings[0]) for case in cases], dtype=float)
        if classes == 2:
            return _in_order(labels, tuple(names))
        return Answers(labels, f"Classes by the order of the alphabet, which nobody confirmed: {_numbered(names)}.")
    if twice := [name for name, count in Counter(findings).items() if count > 1]:
        raise RemnantError(f"--finding names '{twice[0]}' twice; name each output's finding once, in their order.")
    one = len(findings) == 1 and outputs <= 2
    if not one and len(findings) != outputs:
        raise RemnantError(
            f"The checkpoint has {counted(outputs, 'output')}; name as many findings by --finding, in their order. "
            f"Got {len(findings)} instead."
        )
    unseen = [name for name in findings if name not in seen]
    # Of many outputs a cohort rarely has all; of what is spelt as in the table but for its capitals it has.
    if unseen and (len(findings) - len(unseen) < 2 or _misspelt(unseen, seen)):
        name = next(iter(_misspelt(unseen, seen)), unseen[0])
        has = ", ".join(name for name, _ in seen.most_common(SHOWN)) or "no findings at all"
        raise RemnantError(f"No image has the finding '{name}'; the table has {has}.")
    if one:
        name = findings[0]
        positive = [1.0 if name in case.findings else np.nan if name in case.uncertain else 0.0 for case in cases]
        nothing = sum(not case.findings for case in cases)
        of_these = f", {counted(nothing, 'image')} without any finding among them" if nothing else ""
        return Answers(np.array(positive), f"Class 1 is '{name}', class 0 every other image{of_these}.")
    held = np.array([[name in case.findings for name in findings] for case in cases], dtype=float)
    nobody = f" No image has {enumerated([repr(name) for name in unseen])}." if unseen else ""
    if held.sum(axis=1).max() > 1:
        doubted = sum(any(name in case.uncertain for name in findings) for case in cases)
        as_no = f" Of {counted(doubted, 'image')} an uncertain finding counts as none." if doubted else ""
        return Answers(held, f"An output for each finding: {_numbered(findings)}.{nobody}{as_no}")
    return Answers(
        np.where(held.any(axis=1), held.argmax(axis=1), np.nan),
        f"Classes that exclude each other: {_numbered(findings)}.{nobody}",
    )


def _untold(cases: Sequence[Case], outputs: int, seen: Counter) -> str:
    """Why no answers are known where nobody named the findings."""
    other = sum(len(case.findings) != 1 for case in cases)
    why = (
        f"{counted_of(other, len(cases), 'image', 'has', 'have')} no finding or several"
        if other
        else f"the table has {counted(len(seen), 'finding')}"
    )
    return (
        f"What its {counted(outputs, 'output means', 'outputs mean')} was not told, and {why}: its certainty was taken, which "
        "says less than whether it is right (`--finding` names the findings)."
    )


def _misspelt(unseen: Sequence[str], seen: Counter) -> list[str]:
    """Those of the `unseen` names that are among those `seen` in other capitals or with other blanks."""
    plain = {_plain(name) for name in seen}
    return [name for name in unseen if _plain(name) in plain]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _in_order(labels: np.ndarray, names: tuple[str, ...]) -> Answers:
    return Answers(
        labels,
        f"Classes in the order that fits the model's answers better, which nobody confirmed: {_numbered(names)}.",
        names,
    )


def _numbered(names: Sequence[str]) -> str:
    return ", ".join(f"{number} is '{name}'" for number, name in enumerate(names))
