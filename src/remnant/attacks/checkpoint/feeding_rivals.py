"""Whether another way to give a target its images fits it as well and makes another model of it."""

from collections.abc import Mapping, Sequence

from scipy import stats
from torch import Tensor

from remnant.attacks.checkpoint.input_check import CLEARLY, InputFit
from remnant.attacks.membership.signals import signed_margin
from remnant.cohort.classes import Answers
from remnant.targets.access import Weights
from remnant.targets.features import predict_logits

LEVEL = 0.05
# Share of the images up to which other answers are those of nearly the same input, such as 224 and 256 pixels a side.
SAME = 0.1
DOUBT = (
    "With {size} pixels a side and {words}, {view}, {why}: which of both is as in its training cannot be told; give {options} as "
    "in training."
)


def doubt_of(
    access: Weights, fits: Sequence[InputFit], views: Mapping[str, Tensor], answers: Answers, options: str
) -> str | None:
    """Why the first of the `fits` may be the wrong way to give it the images of `views`; None where nothing says so.

    Either another fits about as well and changes more than a few of its answers, or another that fits makes significantly more
    of the known `answers` right (exact McNemar test). `options`: what the owner can give to decide, in words.
    """
    best, *others = fits
    logits = _logits(access, best, views)
    for other in others:
        if not other.fits:
            continue
        found = _logits(access, other, views)
        changed = int((_told(found) != _told(logits)).sum())
        why = None
        if gain := _more_right(logits, found, answers):
            why = f"which fit too, it answers more of {len(logits)} images right ({gain[1]}, and {gain[0]} so)"
        elif best.misfit > CLEARLY * other.misfit and changed > SAME * len(logits):
            why = f"which fit about as well, it answers {changed} of {len(logits)} images otherwise"
        if why:
            return DOUBT.format(
                size=other.input_range.size, words=other.words, view=other.view, why=why, options=options
            )
    return None


def _logits(access: Weights, fit: InputFit, views: Mapping[str, Tensor]) -> Tensor:
    return predict_logits(access.target, views[fit.view], fit.input_range)


def _told(logits: Tensor) -> Tensor:
    """The answers (n,) that logits (n, outputs) come to."""
    return logits.argmax(1) if logits.shape[1] > 1 else (logits[:, 0] > 0).long()


def _more_right(before: Tensor, after: Tensor, answers: Answers) -> tuple[int, int] | None:
    """How many answers are right by each of two logits, where those `after` are so significantly more often."""
    if answers.labels is None:
        return None
    first, second = (signed_margin(logits, answers.labels) > 0 for logits in (before, after))
    if answers.order:
        # Two classes whose order nobody told are right in the order that fits.
        first, second = (right if 2 * right.sum() >= len(right) else ~right for right in (first, second))
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    if gained <= lost or stats.binomtest(gained, gained + lost).pvalue > LEVEL:
        return None
    return int(first.sum()), int(second.sum())
