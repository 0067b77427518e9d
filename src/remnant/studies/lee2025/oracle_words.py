"""Could anybody have been reconstructed? The oracles in plain words."""

from collections.abc import Iterator, Mapping

from remnant.base.results import Row, matching
from remnant.report.words import label

IN = {"independent_features": "in features of a network that never saw the target", "ssim": "by SSIM"}

Tables = Mapping[str, list[Row]]


def possible_in_words(tables: Tables) -> Iterator[str]:
    """What stands beside "nobody was shown to be reconstructed": what the prior could show, and what the attacks ask for."""
    for row in tables["ceiling"]:
        yield f"{_ceiling(row)} {_means(row)}"
    told: dict[str, list[str]] = {}
    for target, method in dict.fromkeys((row["target"], row["method"]) for row in tables["identifiability"]):
        parts = matching(tables["identifiability"], {"target": target, "method": method})
        told.setdefault(_fits(parts), []).append(f"'{label(method)}' on the {label(target)}")
    for outcome, where in told.items():
        yield f"{outcome}: {', '.join(where)}."


def _ceiling(row: Row) -> str:
    return (
        f"Shown a training patient's own image ({label(row['source'])} patients), the prior comes nearer to it than the nearest "
        f"stranger for {row['nearer']} of {row['people']} ({row['share']:.0%} [{row['share_low']:.0%}, "
        f"{row['share_high']:.0%}]), {IN[str(row['space'])]}."
    )


def _means(row: Row) -> str:
    if row["nearer"] == 0:
        return "No attack that leaves this prior as it is could have reconstructed any of them, by this measure."
    if row["share_high"] < 0.5:
        return "For most of them no attack that leaves this prior as it is could have, by this measure."
    return "For many of them it is not the prior that stood in the way."


def _fits(parts: list[Row]) -> str:
    """What the objective of one attack on one target says of members, of others, and of what was found."""
    members, others, found = (matching(parts, {"images": name})[0] for name in ("members", "non_members", "found"))
    alike = " Non-members fit as well as training patients" if others["value"] <= members["high"] else ""
    if found["value"] < members["low"]:
        first = "What was found fits the attack's objective better than the training images do: a better search would not help"
    elif members["value"] < found["low"]:
        first = (
            "The training images fit the attack's objective better than what was found: a better search may find more"
        )
    else:
        first = "What was found fits the attack's objective as well as the training images do"
    return f"{first}.{alike}" if alike else first
