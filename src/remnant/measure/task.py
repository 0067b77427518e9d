"""Whether a classifier answers more often rightly than one who answers as often each way, without a look at the image."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from remnant.measure.intervals import numbered

LEVEL = 0.05


@dataclass(frozen=True)
class TaskAccuracy:
    """How many answers are `right` of those `asked`, and the share that chance gives, `by_chance`.

    `design_effect`: so many of them weigh as one, since a patient's images are answered alike (Kish 1965); 1 or more.
    """

    right: int
    asked: int
    by_chance: float
    design_effect: float = 1.0

    @property
    def done(self) -> bool:
        """Whether answers are right more often than chance gives (exact binomial, one-sided `LEVEL`)."""
        return self._p("greater") <= LEVEL

    @property
    def against(self) -> bool:
        """Whether answers are wrong more often than that: classes that were taken for others."""
        return self._p("less") <= LEVEL

    @property
    def clear(self) -> bool:
        """Whether answers are right more, or less, often than chance gives (two-sided `LEVEL`)."""
        return self._p("two-sided") <= LEVEL

    def _p(self, alternative: str) -> float:
        chance, asked = min(1.0, self.by_chance), max(1, int(self.asked / self.design_effect + 1e-9))
        right = self.right * asked / self.asked
        # What is left over is rounded towards chance.
        right = math.floor(right + 1e-9) if right > chance * asked else math.ceil(right - 1e-9)
        return float(stats.binomtest(right, asked, chance, alternative).pvalue)


def task_of(logits: np.ndarray, labels: np.ndarray, patients: Sequence[str]) -> TaskAccuracy:
    """What the `logits` (n, outputs) come to beside the `labels`: (n,) class indices, or (n, outputs) of 0 and 1; `patients` (n,)
    are whose images these are."""
    if logits.shape[1] == 1 or labels.ndim == 2:
        truth = labels.reshape(len(labels), -1)
        answers = logits > 0
        rate, truth_rate = answers.mean(0), truth.mean(0)
        chance = float((rate * truth_rate + (1 - rate) * (1 - truth_rate)).mean())
        right = answers == truth
    else:
        answers, classes = logits.argmax(1), range(logits.shape[1])
        chance = float(sum((answers == one).mean() * (labels == one).mean() for one in classes))
        right = answers == labels
    beyond = right.reshape(len(right), -1) - chance
    own = np.zeros(len(beyond))
    np.add.at(own, numbered(patients)[1], beyond.sum(1))
    alone = float(np.square(beyond).sum())
    effect = float(np.square(own).sum()) / alone if alone else 1.0
    return TaskAccuracy(int(right.sum()), int(right.size), chance, max(1.0, round(effect, 6)))
