"""Does an embedding lead from one image of a patient to the others? Retrieval by distance (Kim 2019, eq. 8)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import distance

from remnant.base.errors import RemnantError
from remnant.measure.auc import RESAMPLES
from remnant.measure.intervals import FEWEST_PATIENTS, Interval, numbered


@dataclass(frozen=True)
class Retrieval:
    """Mean average precision, beside its chance, and share of queries whose nearest image is of the same patient.

    The intervals' n counts patients with a query, `queries` their images; all `images` are searched. `left_out` of them are no
    queries, since their patient has no other image.
    """

    mean_average_precision: Interval
    chance: float
    rank1: Interval
    queries: int
    left_out: int
    images: int


def retrieval(
    embeddings: np.ndarray,
    patients: Sequence[str],
    seeds: np.random.Generator,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Retrieval:
    """Search for every one of `embeddings` (n, f), of `patients` (n,), among all others, by Euclidean distance.

    Relevant are the images of the same patient; `average_precision` is averaged over the queries. At rank 1 stands a query
    whose nearest image, with all that are equally near, is of the same patient: as in `identity`, a tie with somebody
    else's is no identification. The intervals are the percentile bootstrap over patients, who bring all their queries, and
    hold the searched images fixed; where all queries score alike they have no width. Without a query the values are NaN,
    with those of one patient there is no interval. Raises `RemnantError` for embeddings that are not finite or not one
    an image.
    """
    embeddings, patients = np.asarray(embeddings, dtype=float), np.asarray(patients)
    if embeddings.ndim != 2 or patients.shape != embeddings.shape[:1] or not np.isfinite(embeddings).all():
        raise RemnantError(
            "Retrieval needs a finite embedding (n, f) and a patient (n,) an image. Got shapes "
            f"{embeddings.shape} and {patients.shape} with {int((~np.isfinite(embeddings)).sum())} values not finite instead."
        )
    n = len(embeddings)
    rows, owners = [], []
    for query in range(n):
        others = np.arange(n) != query
        relevant = patients[others] == patients[query]
        if not relevant.any():
            continue
        away = distance.cdist(embeddings[query : query + 1], embeddings[others])[0]
        owners.append(patients[query])
        rows.append(
            (
                average_precision(away, relevant),
                chance_average_precision(int(relevant.sum()), n - 1),
                relevant[away == away.min()].all(),
            )
        )
    precision, chance, first = np.array(rows, dtype=float).reshape(-1, 3).T
    return Retrieval(
        _over_patients(precision, owners, seeds, level, resamples),
        _mean(chance),
        _over_patients(first, owners, seeds, level, resamples),
        len(rows),
        n - len(rows),
        n,
    )


def average_precision(distances: np.ndarray, relevant: np.ndarray) -> float:
    """Mean, over the relevant images, of the share of relevant ones down to it in the ranking, nearest first (eq. 8).

    `distances` (g,) and `relevant` (g,), bool, of the images that are searched, at least one relevant. Equally near images
    count as the mean over all their orders, so that an embedding that tells nobody from anybody scores
    `chance_average_precision`.
    """
    _, tie = np.unique(distances, return_inverse=True)
    size, hits = np.bincount(tie), np.bincount(tie, weights=relevant)
    before, hits_before = size.cumsum() - size, hits.cumsum() - hits
    rank = np.arange(1, len(tie) + 1)
    tie = np.repeat(np.arange(len(size)), size)
    # Where a place of a tie holds a relevant image, each place before it in the tie holds another by this chance.
    another = np.divide(hits - 1, size - 1, out=np.zeros(len(size)), where=size > 1)
    found = hits_before[tie] + 1 + (rank - 1 - before[tie]) * another[tie]
    return float((hits[tie] / size[tie] * found / rank).sum() / hits.sum())


def chance_average_precision(relevant: int, images: int) -> float:
    """Mean average precision over all orders of `images` of which `relevant` are relevant.

    With R of N, the image at place k is relevant by the chance R / N, and each of the k - 1 before it is then by
    (R - 1) / (N - 1). The mean of (1 + (k - 1) (R - 1) / (N - 1)) / k over the places is more than R / N: 0.29 for 1 of 10.
    """
    if not 1 <= relevant <= images:
        raise RemnantError(f"The relevant images must be 1 to {images}, those searched. Got {relevant} instead.")
    places = np.arange(1, images + 1)
    another = (relevant - 1) / max(images - 1, 1)
    return float(((1 + (places - 1) * another) / places).mean())


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan


def _over_patients(
    values: np.ndarray, patients: Sequence[str], seeds: np.random.Generator, level: float, resamples: int
) -> Interval:
    """Mean over queries (q,) with its interval over their `patients` (q,)."""
    n, place = numbered(patients)
    mean = _mean(values)
    if n < FEWEST_PATIENTS:
        return Interval(mean, math.nan, math.nan, n)
    times = seeds.multinomial(n, np.full(n, 1 / n), resamples)
    drawn = times @ np.bincount(place, weights=values) / (times @ np.bincount(place))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high), n)
