"""Signals of a model and of shadow models, of people who differ in all: what they fit, how noisily, and what training adds."""

import numpy as np

from remnant.measure.swaps import dealt_halves


def world(seed, patients=60, swaps=4, leak=1.0, spread=0.4, own_leak=None, better=0.0, queries=None):
    """The fits (n,) of a model and of shadow models (n, k), who trained these (n, k), and who the model (n,).

    `leak`: what training adds, in standard deviations of a patient's noise, whose logarithms have the `spread`; `own_leak`:
    what it adds to the model's own, where that is otherwise; `better`: by what everybody is fit better by the model.
    """
    draw = np.random.default_rng(seed)
    base, noise = draw.normal(0, 2, patients), np.exp(draw.normal(0, spread, patients))
    trained, own = dealt_halves(patients, swaps, draw), dealt_halves(patients, 1, draw)[:, 0]
    added = noise * np.abs(draw.normal(leak, leak / 2, patients))
    fits = base[:, None] + noise[:, None] * draw.normal(size=trained.shape) + added[:, None] * trained
    gained = added if own_leak is None else own_leak * noise
    fit = base + noise * (draw.normal(size=patients) + better) + gained * own
    if queries is None:
        return fit, fits, trained, own
    near = 0.3 * noise[:, None]
    return (
        fit[:, None] + near * draw.normal(size=(patients, queries)),
        fits[:, :, None] + near[:, None] * draw.normal(size=(*fits.shape, queries)),
        trained,
        own,
    )
