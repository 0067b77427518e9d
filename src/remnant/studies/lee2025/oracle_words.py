"""Could anybody have been reconstructed? The oracles in plain words, and their chapters of the report."""

from collections.abc import Iterator, Mapping

from remnant.base.results import Row, Section, TableView, matching
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


def oracle_sections(tables: Tables) -> list[Section]:
    """The chapters on what was possible, as far as it was asked."""
    chapters = []
    if tables["ceiling"]:
        chapters.append(
            Section(
                title="Could anybody have been reconstructed?",
                text=[
                    "An auditor has the training images, and can ask what no attacker can. Here the prior is shown each image "
                    "itself, and its latents are moved until it draws the nearest image that it can, pixel by pixel. If even "
                    "that is no nearer than the nearest stranger's radiograph, an attack that leaves the prior as it is cannot "
                    "reconstruct the patient; one that tunes the prior would have to teach it more."
                ],
                table=TableView(
                    name="ceiling",
                    caption="Training patients whose image the prior, shown it, comes nearer to than any non-member's radiograph "
                    "does, with exact 95% interval; mean similarity of both.",
                    columns={
                        "source": "Patients of",
                        "space": "Compared in",
                        "{nearer}/{people}": "Nearer than a stranger",
                        "{share:.0%} [{share_low:.0%}, {share_high:.0%}]": "Share",
                        "own": "Of the prior's nearest",
                        "stranger": "Of the nearest stranger",
                        "strangers": "Strangers",
                    },
                ),
            )
        )
    if tables["identifiability"]:
        chapters.append(
            Section(
                title="Does the attack ask for the training images?",
                text=[
                    "What an attack minimises is taken of the true training images. If what it found fits better than they do, "
                    "its objective does not identify them, and no better search would. If they fit better, the search fell short."
                ],
                table=TableView(
                    name="identifiability",
                    caption="The attack's own objective, lower is better: mean over random sets of images, with their 5% and 95% "
                    "quantiles.",
                    columns={
                        "target": "Target",
                        "method": "Attack",
                        "images": "Images",
                        "{value:.3g} [{low:.3g}, {high:.3g}]": "Objective",
                        "sets": "Sets",
                    },
                ),
            )
        )
    return chapters
