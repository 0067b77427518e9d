"""Whether a classifier answers more often rightly than one who answers as often each way, without a look at the image."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.05


@dataclass(frozen=True)
class Task:
    """How many answers are `right` of those `asked`, and the share that chance gives, `by_chance`."""

    right: int
    asked: int
    by_chance: float

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
        return float(stats.binomtest(self.right, self.asked, min(1.0, self.by_chance), alternative).pvalue)


def task_of(logits: np.ndarray, labels: np.ndarray) -> Task:
    """What the `logits` (n, outputs) come to beside the `labels`: (n,) class indices, or (n, outputs) of 0 and 1."""
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
    return Task(int(right.sum()), int(right.size), chance)
