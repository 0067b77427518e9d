"""RMIA: how much likelier is an image under the model than under models at large?"""

import numpy as np

from remnant.measure.sides import side_of

OFFLINE = 0.3  # the paper's a, by which what models with an image give it is guessed from those without


def rmia(p: np.ndarray, others: np.ndarray, trained: np.ndarray, *, online: bool, a: float = OFFLINE) -> np.ndarray:
    """log p(image; model) - log p(image), (n,) (Zarifzadeh et al. 2024, equations 6 and 7, appendix B.2.2).

    `p` (n,) in (0, 1] is the probability that the model gives to the truth, `others` (n, k) that by k shadow models, `trained`
    (n, k) which of these trained on the image, with more axes as of `lira.lira`. p(image): the mean of both sides, or, by those
    that did not train on it alone, ((1 + a) p_out + 1 - a) / 2, since their mean with it is about a p_out + 1 - a; with `a` 1
    that is p_out itself.

    The paper's score is the share of a population whose own ratio is `gamma` times smaller (equation 3). For one model it rises
    with the ratio, whatever the population and gamma, so that a curve over images of one model needs neither. Raises
    `RemnantError` for an image without a model on a side that is asked for.
    """
    outside = side_of(others, ~trained).mean
    inside = side_of(others, trained).mean if online else a * outside + 1 - a
    least = np.finfo(float).tiny
    return np.log(np.maximum(p, least)) - np.log(np.maximum((inside + outside) / 2, least))
