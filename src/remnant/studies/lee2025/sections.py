"""The report's chapters: what was judged, and behind it those on the study's own tables, which `chapters.toml` describes."""

from collections.abc import Sequence
from pathlib import Path

from remnant.base.results import Section, matching
from remnant.base.terms import STATISTICS
from remnant.studies.chapters import described_chapters, described_labels
from remnant.studies.judged import controls_section, findings_section
from remnant.studies.lee2025.findings import Tables
from remnant.studies.lee2025.settings import ATTACK
from remnant.studies.lee2025.targets import HELPERS, OVERFIT, PLANTED

CHAPTERS = Path(__file__).parent / "chapters.toml"
# What the study calls its stored values: targets and recipes with a defence as the list calls that.
LABELS = (
    described_labels(CHAPTERS)
    | {target: f"CNN with {defense.words}" for target, defense in HELPERS.items()}
    | {defense.name: defense.words for defense in HELPERS.values()}
)
PAPER = ("cnn", "cnn_overfit", "vit", "vit_overfit")
JUDGED = (
    "The gain of what an attack draws is the share by which the distance to the nearest image falls more for members than for "
    "non-members. It is beyond the control that explains most of it: images of the untuned prior, which never saw the target, "
    "or a search for images of a class (GMI), which uses no stored statistic.",
    "Three spaces: the target's own features, in which the paper looks; features of a network trained on public images only; "
    "and SSIM, the image itself. In the first, membership may leak without any image.",
    "The planted and the untrained CNN, and the overfit one with swapped statistics, are controls, with a level of their own. "
    "Membership advantages and true positive rates stand in results.json.",
)


def sections_of(tables: Tables) -> list[Section]:
    """All chapters, as far as there is anything to show."""
    read = [row["target"] for row in tables["demographics"] if row["target"]]
    beside = next((target for target in (OVERFIT, *read) if target in read), None)
    values = {
        "$paper": _attacked(tables, PAPER),
        "$attacked": _attacked(tables, (*PAPER, PLANTED)),
        "$leaking": _attacked(tables, (OVERFIT, PLANTED)),
        "$beside": [None, beside],
    }
    holds = {name: bool(rows) for name, rows in tables.items()}
    holds["published"] = bool(matching(tables["likely"], {"method": ATTACK}))
    own = described_chapters(CHAPTERS, holds, values)
    judged = findings_section(tables, JUDGED)
    assert judged.table
    shown = judged.table.model_copy(update={"where": {"statistic": [STATISTICS[name] for name in ("auc", "gain")]}})
    return [judged.model_copy(update={"table": shown}), controls_section(), *own]


def _attacked(tables: Tables, names: Sequence[str]) -> list[str]:
    """Those of `names` that the published attack was run on; of an audit with none of them, all that it was run on."""
    found = list(dict.fromkeys(str(row["target"]) for row in matching(tables["likely"], {"method": ATTACK})))
    return [name for name in names if name in found] or found
