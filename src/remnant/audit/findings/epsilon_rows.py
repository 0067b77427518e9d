"""The table of epsilon: how private the training cannot have been, and how much of that so many patients could show."""

from collections.abc import Sequence

import numpy as np

from remnant.audit.findings.rows import ScoredPatients
from remnant.base.results import Row, Section, TableView
from remnant.measure.epsilon import DELTA, by_guesses, by_rates
from remnant.measure.roles import MEMBER, NON_MEMBER

NAME = "epsilon"
METHODS = {"right guesses": by_guesses, "error rates": by_rates}
SECTION = Section(
    title="Epsilon",
    text=[
        "A training is (ε, δ)-private where one patient more makes no outcome more than e^ε times as likely, beside δ. For an ε "
        "below the bound members are told too well here, with 95% confidence: a guarantee below it, as of DP-SGD, is not kept.",
        "The ceiling is what the bound would be if every patient were told: so many patients can show no larger ε, and "
        "a low bound proves no privacy.",
        "Right guesses hold however the scores of one training hang together. Error rates take patients for independent.",
    ],
    table=TableView(
        name=NAME,
        caption=f"Of the attacks that were named before the run. δ = {DELTA:g}.",
        columns={
            "attack": "Attack",
            "view": "View",
            "method": "By",
            "patients": "Patients",
            "epsilon_low": "ε at least",
            "epsilon_high": "Ceiling",
        },
    ),
)


def epsilon_rows(claims: Sequence[ScoredPatients], seeds: np.random.Generator) -> list[Row]:
    """A row a method of each primary claim about one network: of all claims the highest would be too high, and of several
    networks patients are on both sides."""
    rows: list[Row] = []
    for claim in (one for one in claims if one.primary and one.scores.ndim == 1):
        sides = [claim.scores[claim.roles == role] for role in (MEMBER, NON_MEMBER)]
        for method, bound_of in METHODS.items():
            bound = bound_of(*sides, seeds)
            rows.append(
                {
                    "attack": claim.attack,
                    "view": claim.view,
                    "method": method,
                    "patients": bound.n,
                    "epsilon_low": bound.low,
                    "epsilon_high": bound.ceiling,
                }
            )
    return rows
