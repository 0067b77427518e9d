"""Stage 2 (Lee 2025): which of many candidates match the target's parameters best and lie closest to its statistics."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pydantic
import torch
from scipy.stats import rankdata
from torch import Tensor

from remnant.attacks.checkpoint.goals import BATCH, Goals
from remnant.attacks.checkpoint.terms import TermWeights
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.engine.device import as_batch, fabric


class LikelySettings(Settings):
    """`q`: the share of each list that counts as best; the likely candidates are among the best of both.

    `mahalanobis` of a ViT, whose checkpoint stores no statistics: `published` takes mean 0 and covariance I, `public`
    estimates both through the target from the attacker's images. A CNN's come from BatchNorm either way.
    """

    q: float = pydantic.Field(default=0.05, gt=0, le=1)
    mahalanobis: Literal["published", "public"] = "published"
    weights: TermWeights = TermWeights()


@dataclass(frozen=True)
class LikelyScores:
    """Two scores of each of k images, lower is likelier, float64 (k,): `excitation` and Mahalanobis `distance`.

    `terms` are those that `excitation` weighs and adds up, by name.
    """

    excitation: np.ndarray
    distance: np.ndarray
    terms: dict[str, np.ndarray]


@dataclass(frozen=True)
class Ranking:
    """Candidates by both scores together.

    `order` (k,): their indices, the likeliest first, by the sum of the two ranks. `likely` (k,): which are among the best share
    q by either score, up to and with the two cut-offs.
    """

    order: np.ndarray
    likely: np.ndarray
    excitation_cutoff: float
    distance_cutoff: float


@torch.no_grad()
def score(images: Tensor, goals: Goals, settings: LikelySettings) -> LikelyScores:
    """Score candidates `images` (k, 1, N, N) in [0, 1] by `goals`, a batch at a time.

    `excitation` is the weighted sum of the stage-1 terms but for total variation, each of the one image, for the class that
    the target finds likeliest. `distance` is D(x) = sqrt((x - mu)^T C^-1 (x - mu)) with a diagonal C, x being the image's
    mean of each channel that enters a normalisation layer:

    - CNN: mu is the running mean. C of layer l is r_l times the running variance, which is over pixels *and* images and so
      an upper bound of the variance of such means; r_l in (0, 1] is the spread of the candidates' own means as a share of it,
      one number a layer, which keeps layers of many pixels from counting for nothing.
    - ViT: before the LayerNorm, where means differ between images. mu = 0, C = I, or of the public images (`mahalanobis`).

    Raises `RemnantError` when public statistics are asked for and `goals` has none, or a score is not finite.
    """
    if settings.mahalanobis == "public" and not goals.batch_norms and goals.public is None:
        raise RemnantError(
            "The Mahalanobis distance 'public' of a ViT needs the attacker's own images; give some, or use 'published'."
        )
    places = _centres_and_spreads(goals, settings)
    found: dict[str, list[Tensor]] = {}
    squares, sums, square_sums = [], [0.0] * len(places), [0.0] * len(places)
    for batch in images.split(BATCH):
        with fabric().autocast():
            terms, means = goals.image_terms_and_means(as_batch(batch))
        for name, values in terms.items():
            found.setdefault(name, []).append(values.double().cpu())
        scaled = [(mean.double() - centre) / spread for mean, (centre, spread) in zip(means, places, strict=True)]
        squares.append(torch.stack([layer.square().sum(1) for layer in scaled], 1).cpu())
        sums = [total + layer.sum(0) for total, layer in zip(sums, scaled, strict=True)]
        square_sums = [total + layer.square().sum(0) for total, layer in zip(square_sums, scaled, strict=True)]
    by_layer = torch.cat(squares)
    if goals.batch_norms:
        shares = [(s / len(images) - (m / len(images)).square()).mean() for s, m in zip(square_sums, sums, strict=True)]
        by_layer = by_layer / torch.stack(shares).clamp(1e-6, 1).cpu()
    values = {name: torch.cat(parts) for name, parts in found.items()}
    excitation, distance = settings.weights.total(values).numpy(), by_layer.sum(1).sqrt().numpy()
    if not (np.isfinite(excitation).all() and np.isfinite(distance).all()):
        raise RemnantError("A candidate's score is not finite; check the target's statistics for NaN and infinity.")
    return LikelyScores(excitation, distance, {name: value.numpy() for name, value in values.items()})


def rank(scores: LikelyScores, q: float) -> Ranking:
    """The candidates in order of the sum of their two ranks, ties by their place, and those in the best share `q` of both."""
    best = max(1, round(q * len(scores.excitation)))
    cutoffs = [float(np.sort(values)[best - 1]) for values in (scores.excitation, scores.distance)]
    likely = (scores.excitation <= cutoffs[0]) & (scores.distance <= cutoffs[1])
    order = np.argsort(rankdata(scores.excitation) + rankdata(scores.distance), kind="stable")
    return Ranking(order, likely, *cutoffs)


def _centres_and_spreads(goals: Goals, settings: LikelySettings) -> list[tuple[Tensor, Tensor]]:
    """mu and the root of the diagonal of C, (channels,) or a number, per layer; of a CNN before its r_l is known."""
    if goals.batch_norms:
        return [
            (stored.mean.double(), (stored.variance.double() + epsilon).sqrt())
            for stored, epsilon in zip(goals.stored, goals.epsilons, strict=True)
        ]
    if settings.mahalanobis == "public":
        # A channel that hardly varies among few images would otherwise decide alone.
        return [
            (layer.images.mean.double(), (layer.images.variance + 0.01 * layer.images.variance.mean()).double().sqrt())
            for layer in goals.public
        ]
    return [(torch.zeros((), device=goals.device).double(), torch.ones((), device=goals.device).double())] * len(
        goals.layer_norms
    )
