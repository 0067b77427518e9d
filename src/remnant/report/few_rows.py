"""Rows of tables without what tells of few patients."""

import re
from collections.abc import Collection
from decimal import Decimal

from remnant.base.results import Row, Value
from remnant.report.few import bound, counts_few, percentages_few, share_small, small
from remnant.report.words import split

GROUP_COUNTS = {
    "patients",
    "members",
    "non_members",
    "n",
    "ages",
    "sexes",
    "people",
    "strangers",
}  # how many patients a row speaks of
RANK1 = "rank1_count"
OF_OTHERS = "_patients"  # of columns whose value is of other patients than the row's
# Counts of patients with a trait, and which of a row's columns say of how many.
TRAITS = {"women": "patients", "men": "patients", "sex_right": "sex_known", "nearest_sex_right": "nearest_sex_known"}
# Counts of patients without a column of their own for their share: of which column they are a part, and what gives them back.
PARTS = {
    "nearer": (("members", "people"), ("nearer_p", "share", "share_low", "share_high")),
    "neighbours": (("members",), ()),
    "flagged": (("patients",), ()),
    "told": (("members",), ("told_share", "told_share_low", "told_share_high")),
    "false_alarms": (("non_members",), ("false_alarms_share", "false_alarms_share_low", "false_alarms_share_high")),
}
TOTALS = re.compile(r"patients|members|non_members|people|images|scans|(?:.*_)?n|.*_known")
# Numbers between 0 and 1 that count nobody, though they may happen to be a share: settings, similarities, means of rates, AUC, p,
# and the ends of intervals, which go with their share.
NO_SHARE = re.compile(
    r"(?:(?:goal_)?value|paper|code|map|queried|(?:least_|networks_)?fpr|base_rate)$|published|chance|level|at_|lambda|(?:.*_)?(?:auc|exposure|power|balanced|best|detectable|p|dice|ssim|ncc|mcc|loss|low|high)(?:_|$)"
)
# Shares whose ties are broken at random, so that they need not be whole counts; other numbers of such a size are no shares.
BROKEN = re.compile(r"(?:.*_)?true_positives")
CELLS = {"actual", "predicted"}  # what parts a table of counts into cells


def without_few(row: Row, smallest: int, where: set[str]) -> Row:
    """The row with None or a bound for what tells of fewer than `smallest` patients; the same object where nothing does.

    `where`: columns by which a page chooses its rows, which are kept. A row about fewer keeps these and its words.
    """
    totals = {int(total) for total in _totals(row).values()}
    gone = {
        name
        for name, value in row.items()
        if isinstance(value, str)
        and not name.startswith("published")
        and (counts_few(value, smallest, totals) or percentages_few(value, smallest, totals))
    }
    bounds: dict[str, Value] = {}
    if any(is_count(row.get(name)) and 0 < row[name] < smallest for name in GROUP_COUNTS):
        kept = where | {name for name, value in row.items() if isinstance(value, str) or name.startswith("published")}
        gone |= row.keys() - kept
    for name, value in row.items():
        if name.endswith(RANK1):
            before = name.removesuffix(RANK1)
            total = row.get(f"{before}n")
            if value is not None and small(value, smallest, total):
                if total is not None and total >= smallest:
                    bounds[name] = bound(value, smallest, total)
                # The p-value and the interval follow from the count, and the count from each of them.
                gone |= {other for other in row if other.startswith(f"{before}rank1")} | {"p", "holm_p"} & row.keys()
        elif name.endswith(OF_OTHERS) and is_count(value) and 0 < value < smallest:
            before = name.removesuffix(OF_OTHERS)
            gone |= {other for other in row if other == before or other.startswith(f"{before}_")}
        elif name in PARTS and is_count(value):
            wholes, back = PARTS[name]
            total = next((row[whole] for whole in wholes if is_count(row.get(whole))), None)
            if small(value, smallest, total):
                if total is not None and total >= smallest:
                    bounds[name] = bound(value, smallest, total)
                gone |= {name, *back} & row.keys()
        elif name in TRAITS and value is not None and small(value, smallest, None):
            gone |= TRAITS.keys() & row.keys()
        elif isinstance(value, float) and 0 < value < 1 and not NO_SHARE.match(name):
            digits = -int(Decimal(repr(value)).as_tuple().exponent)
            half = 0.5 * 10**-digits if digits < 6 else 0.0
            between = bool(BROKEN.fullmatch(name))
            if any(share_small(value, half, total, smallest, between=between) for total in _totals_of(name, row)):
                # Its interval gives it back.
                ends = set() if f"{name}_low" in row else {"low", "high"}
                gone |= {other for other in row if other.startswith(name) or other in ends}
    return {name: bounds.get(name) if name in gone else value for name, value in row.items()} if gone else row


def without_small_cells(rows: list[Row], smallest: int) -> list[Row]:
    """Of a table of counts the parts that have no small cell: one that is withheld alone could be found from the total."""
    if not any("count" in row for row in rows):
        return rows
    words = sorted({name for row in rows for name, value in row.items() if isinstance(value, str)} - CELLS)
    parts = split(rows, *words).values()
    return [row for part in parts if not any(small(one["count"] or 0, smallest, None) for one in part) for row in part]


def is_count(value: Value) -> bool:
    """Whether a value of a row can be a number of patients."""
    return isinstance(value, int) and not isinstance(value, bool)


def _totals(row: Row) -> dict[str, int]:
    """The columns that say of how many patients or images a row speaks."""
    return {name: int(value) for name, value in row.items() if TOTALS.fullmatch(name) and is_count(value)}


def _totals_of(name: str, row: Row) -> Collection[int]:
    """What a share may be of: its own number where there is one ("mm_n" of "mm_rank1"), else the row's, else any."""
    totals = _totals(row)
    prefixes = {total: re.sub(r"(?:n|known)$", "", total) for total in totals if re.search(r"_(?:n|known)$", total)}
    own = [totals[total] for total, prefix in prefixes.items() if name.startswith(prefix)]
    return own or [count for total, count in totals.items() if total not in prefixes] or totals.values()
