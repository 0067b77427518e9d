"""The tables of a matrix, made of those of the mitigations of its networks."""

from collections.abc import Mapping, Sequence

from remnant.audit.mitigation.conclusion import NOT_TRIED, UNDER
from remnant.audit.mitigation.trade import TABLE, WITHHELD, judged_together
from remnant.audit.several.side_by_side import ASKED
from remnant.base.results import Results, Row
from remnant.base.terms import CLAIMS, STATISTICS

MATRIX, UTILITY, COST = "matrix", "utility", "cost"
NOT_RUN = "not run"
# Columns of one row of `TABLE` that the two others show, behind network and defence.
PARTS = {
    UTILITY: ("non_members", "measure", "utility", "change", "withheld"),
    COST: ("seconds", "times", "whole_seconds", "cpu_seconds"),
}
INTERVALS = ("utility", "change")
# Of what an attack found, in a row of the matrix.
FOUND = ("attack", "view", "where", "statistic", "n", "value", "low", "high", "adjusted_p", "outcome")


def matrix_tables(found: Mapping[str, Results]) -> dict[str, list[Row]]:
    """`found`: the mitigation of each network by its name. p is for the trainings of all networks together."""
    trades = judged_together(_below(found, TABLE))
    under = _below(found, UNDER)
    return {
        TABLE: trades,
        MATRIX: matrix_rows(trades, under),
        **{name: [_part(row, columns) for row in trades] for name, columns in PARTS.items()},
        UNDER: under,
        NOT_TRIED: _below(found, NOT_TRIED),
    }


def _below(found: Mapping[str, Results], table: str) -> list[Row]:
    """The rows of a table of each, below each other."""
    return [{"target": name, **row} for name, results in found.items() for row in results.tables[table]]


def matrix_rows(trades: Sequence[Row], under: Sequence[Row]) -> list[Row]:
    """A row for each network, defence and kind of claim that is made of the network: the strongest of the `attacks` that make it,
    with the outcome in its own audit. Of a network that is of too little use they are withheld."""
    rows: list[Row] = []
    for trade in trades:
        of_target = [row for row in under if row["target"] == trade["target"]]
        own = [row for row in of_target if row["run"] == trade["words"]]
        claims = [claim for claim in CLAIMS.values() if any(row["claim"] == claim for row in of_target)]
        # Where every training is of too little use, it is known no less that each was asked who trained it.
        for claim in claims or [CLAIMS["patient_scores"]]:
            made = [row for row in own if row["claim"] == claim and row["value"] is not None]
            best = strongest(made)
            silent = WITHHELD if trade["withheld"] else NOT_RUN
            rows.append(
                {
                    **{name: trade[name] for name in ("target", "defence", "words", "patients")},
                    "claim": claim,
                    "attacks": len({row["attack"] for row in made}),
                    **{name: best[name] if best else silent if name == "outcome" else None for name in FOUND},
                }
            )
    return rows


def strongest(rows: Sequence[Row]) -> Row | None:
    """The row of the highest value, among those of the statistic that says most of the claim that all of them make."""
    statistic = next((one for one in map(STATISTICS.get, ASKED) if any(row["statistic"] == one for row in rows)), None)
    own = [row for row in rows if row["statistic"] == statistic]
    return max(own, key=lambda row: float(row["value"] or 0.0), default=None)


def _part(row: Row, columns: Sequence[str]) -> Row:
    names = [
        end for name in columns for end in ((name, f"{name}_low", f"{name}_high") if name in INTERVALS else (name,))
    ]
    return {name: row[name] for name in ("target", "defence", "words", *names)}
