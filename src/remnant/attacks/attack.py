"""An attack, as the audit, `inspect`, help and reports meet it: what it needs, what it claims, what it costs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from torch import Tensor

from remnant.attacks.prior.brought import BroughtPrior
from remnant.base.config import NoSettings, Settings
from remnant.base.findings import Claim
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.engine.loop import EpochReport
from remnant.targets.audited import Audited
from remnant.targets.description import Description

# Scores (n,) of n images from the model's fit (n,), that of k shadow models (n, k), and which of these trained on each (n, k). Of
# several ways to deal the images to the models, (..., n, k), come (..., n).
Calibrated = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
# What the recipient sees of the model: `targets.seen` has a class for each.
Access = Literal["outputs", "weights", "features", "latents", "codes"]
# What a membership attack asks of a patient: whether he trained the model, whether he was added since the version before it, or,
# of other images of him, whether he trained it at all.
Question = Literal["trained", "added", "person"]


def without_labels(candidates: Images) -> str:
    """Why an attack that needs the truth does not apply, empty where it is known."""
    return "" if candidates.labels is not None else "no labels were handed over"


def classifies_or_segments(described: Description) -> str:
    """Why a network is none that an audit asks, empty where it is, or nobody can tell."""
    if described.task in (None, "classifier", "segmenter"):
        return ""
    return f"an audit is of classifiers and segmenters, and this is a {described.task}"


def of_a_client(described: Description) -> str:
    """Why an attack on codes does not suit a file: it needs client and server, whom no checkpoint holds together."""
    return classifies_or_segments(described) or "codes are of a client, whom `remnant protect evaluate` attacks"


class Calibration(NamedTuple):
    """How an attack weighs the model's fit of an image against that of shadow models.

    `words` of the view, with {} for the signal; the `score`, higher for more member-like; the signals that it is `of`, all where
    none are named. With `queries` it takes what each model says of all shifts of an image, (n, q) and (n, k, q).
    """

    words: str
    score: Calibrated
    of: tuple[str, ...] = ()
    queries: bool = False

    def suits(self, signal: str) -> bool:
        """Whether it is of this signal."""
        return not self.of or signal in self.of

    def view(self, signal: str) -> str:
        """Of this signal, in words."""
        return self.words.format(signal)

    def taken(self, queries: np.ndarray) -> np.ndarray:
        """What it takes of `queries` (..., q) of one signal, the first of which is the image as it is."""
        return queries if self.queries else queries[..., 0]


@dataclass(frozen=True)
class PatientScores:
    """How member-like each of the candidates' patients looks in one `view`, in words: `scores` (n,), higher for more so.

    `losses` (n, 1 + references): what was seen of each patient under the target and under each reference, where that is of use
    beside the scores.
    """

    view: str
    patients: tuple[str, ...]
    scores: np.ndarray
    losses: np.ndarray | None = None


@dataclass(frozen=True)
class Work:
    """What an attack may use beside what it is handed: its branch of the seeds, its folder, where to tell what it is at,
    and the prior that the attacker brings. `hear`: who hears of every epoch, by default who is told of all else.

    `step(part, step, loss, terms)` hears of every step of a search, from 0, with each term of its loss without its weight;
    `tuned(images, levelled_off)` of a generator that was tuned: what it drew of the same latents (k, 1, N, N), by the number of
    steps, and whether its loss had levelled off, None where a fixed number of steps was asked for. `controls`: what other attacks
    on the same target drew as controls, by name, which is not drawn again.
    """

    seeds: Seeds
    folder: Path
    tell: Callable[[str], None] = lambda note: None
    prior: BroughtPrior | None = None
    hear: EpochReport | None = None
    step: Callable[[str, int, float, dict[str, float]], None] = lambda part, step, loss, terms: None
    tuned: Callable[[Mapping[int, Tensor], bool | None], None] = lambda images, levelled_off: None
    controls: Mapping[str, Tensor] = field(default_factory=dict)

    def epoch(self, number: int, loss: float, validation: float | None) -> None:
        """Tell of an epoch of a training, as `engine.loop.fit` reports it."""
        if self.hear:
            self.hear(number, loss, validation)
        else:
            self.tell(f"epoch {number + 1}, loss {loss:.3g}")


@dataclass(frozen=True)
class Reconstructions:
    """An image (channels, *spatial) for each latent, drawn without seeing whose it is: `images` (n), `patients` (n) as claimed.

    `mean`: the best guess without any latent, of the same shape. `view`: from what they were drawn, in words.
    """

    view: str
    patients: tuple[str, ...]
    images: Tensor
    mean: Tensor


@dataclass(frozen=True)
class Attributes:
    """What is read of each of the `patients`, each once, in one `view`: `predicted` by attribute, (n,), NaN where nothing is.

    "age" is in years, of "sex" 0.5 or more is a man. Known attributes are `details` of the attacker's own images, 1 for a man.
    """

    view: str
    patients: tuple[str, ...]
    predicted: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class PairScores:
    """How like one patient's the two scans of each asked pair look to one `adversary`, in one `view`: `scores` (p,), higher for
    more so.

    `pairs` (p, 2): the names of whose codes they are, as they were handed over, in the order in which they were asked. From the
    `threshold` on, which was chosen on other patients, the adversary calls a pair the same. `embeddings` (n, f) of all codes that
    were handed over, of an adversary that has them: near to each other where it takes codes for one patient's.
    """

    view: str
    pairs: np.ndarray
    scores: np.ndarray
    adversary: str = ""
    threshold: float = 0.0
    embeddings: np.ndarray | None = None


@dataclass(frozen=True)
class Candidates:
    """Images of nobody in particular, float32 (k, 1, N, N) in [0, 1], that are like those who trained the model, as `view` says.

    `controls` by name: what was drawn without that which the attack uses of the model.
    """

    view: str
    images: Tensor
    controls: Mapping[str, Tensor]


@dataclass(frozen=True)
class Attack:
    """`run(access, own, settings, work)` returns claims about the candidates, of whom it is not told who is a member.

    `access` is what `targets.seen` hands over for the kind of access; `own` are the attacker's images, None where he has none.
    `words`: what the attack does, a noun phrase. `applies(target, candidates, own)`: why it does not apply, empty where it does.
    `cost(access, own, settings, work)`: how many seconds it takes here; None where it takes as long for each candidate, of whom
    some are then tried. `source`: who described it. `primary`: the first of its views is named before the run and shares half
    of the level with no other attack's, unless a later attack of the list is primary too and applies. `needs`: what has to be
    handed over beside the model and patients with their labels, in words. `suits(described)`: as `applies`, of what the file of
    a checkpoint tells alone. `shadows`: it reads what shadow models say, where there are any, and runs when they are
    trained. `calibrations`: by which of their signals it does, so that it can be run on each of them, too. `asks`: what a
    membership attack asks of a patient; what is not who trained the model is asked of no network of the same training.
    """

    name: str
    words: str
    access: Access
    claim: Claim
    run: Callable[..., Sequence[PatientScores | Reconstructions | Attributes | PairScores | Candidates]]
    source: str
    applies: Callable[[Audited, Images, Images | None], str] = lambda target, candidates, own: ""
    settings: type[Settings] = NoSettings
    cost: Callable[..., float] | None = None
    primary: bool = False
    needs: str = ""
    suits: Callable[[Description], str] = classifies_or_segments
    shadows: bool = False
    calibrations: tuple[Calibration, ...] = ()
    asks: Question = "trained"
