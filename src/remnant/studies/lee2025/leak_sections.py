"""The report's chapters on the leak: which tables and figures, under which words."""

from remnant.base.results import FigureView, Section, TableView, Where
from remnant.report.words import label
from remnant.studies.lee2025.leak_findings import BY_STATISTICS, Tables, judged
from remnant.studies.lee2025.leak_tables import USEFUL
from remnant.studies.lee2025.scores import ATTACK
from remnant.studies.lee2025.settings import CONTROL, METHODS_OF_ALL
from remnant.studies.lee2025.tables import MITIGATIONS, OVERFIT
from remnant.studies.lee2025.targets import CONTROLS, PLANTED, SWAPPED, TARGETS

PAPER = ("cnn", "cnn_overfit", "vit", "vit_overfit")
WHO = {"target": "Target", "space": "Compared in", "source": "Images"}
AREA = {"{auc} [{auc_low}, {auc_high}]": "AUC"}
BEYOND = {
    "{gain:.0%} [{gain_low:.0%}, {gain_high:.0%}]": "Gain beyond the prior",
    "{class_gain:.0%} [{class_gain_low:.0%}, {class_gain_high:.0%}]": "Beyond GMI",
}


def leak_sections(tables: Tables) -> list[Section]:
    """The chapters on members against non-members, as far as there is anything to show."""
    chapters = []
    if tables["leak"]:
        chapters += [_leak(tables), _elsewhere(tables)]
    if tables["leak_by_rank"]:
        chapters.append(_along(tables))
    if SWAPPED in _compared(tables):
        chapters.append(_swapped())
    if tables["mitigations"]:
        chapters.append(_mitigations())
    if tables["methods"]:
        chapters.append(_methods(tables))
    return chapters


def attacked(tables: Tables, names: tuple[str, ...]) -> list[str]:
    """Those of `names` that the attack was run on; of an audit with none of them, all of its targets."""
    found = list(dict.fromkeys(str(row["target"]) for row in tables["likely"]))
    return [name for name in names if name in found] or found


def _leak(tables: Tables) -> Section:
    where: Where = {"crop": "whole", "set": "all"}
    figures = []
    for name, words, targets in (
        ("leak", "The paper's targets", attacked(tables, PAPER)),
        ("leak-controls", "Controls, and targets trained within one source", _others(tables)),
    ):
        shown = {
            **where,
            "source": list(METHODS_OF_ALL),
            "target": [one for one in targets if one in _compared(tables)],
        }
        if shown["target"]:
            figures.append(
                FigureView(
                    name=name,
                    kind="auc_forest",
                    caption=f"{words}: AUC of members against non-members by the nearest drawn "
                    "image, with 95% interval, for the attacks and for images of the untuned prior.",
                    where=shown,
                )
            )
    exemplary = [target for target in (OVERFIT, PLANTED) if target in _compared(tables)] or _compared(tables)[:1]
    figures.append(
        FigureView(
            name="score-groups",
            kind="score_groups",
            caption="How near the nearest drawn image comes to a patient. A box is the middle half of a group, its "
            "line the median; the diamond is the mean, with one standard deviation either way. An attack that draws fewer "
            "images comes less near to everybody: hold members against non-members.",
            where={"target": exemplary},
        )
    )
    return Section(
        title="Did training leak its patients?",
        text=[
            "Each patient's score is the similarity of the nearest drawn image, mean over the patient's own images. "
            "If training left nothing of its patients, members and non-members score alike: an AUC of 0.5. But a "
            "target's features distinguish whom it was trained on, whatever images are compared. So the verdict rests on the "
            "gain: by which share the distance to the nearest image falls more for members than for non-members.",
            "An attack is held against two controls, each thinned to the attack's own number of images. The untuned prior "
            "never saw the target. The search for images of a class (GMI) uses the weights and no stored statistic. An attack "
            "is flagged when it gains on every control that was run, by p-values that hold for all targets, attacks and spaces "
            "together (Holm, 0.025; half of it is for the target's own features and the attacks that are run on every target). "
            "Where GMI was not run, the prior decides alone.",
            "Three spaces: the target's own features, in which the paper looks; features of a network trained on "
            "public images only; and SSIM, the image itself.",
        ],
        table=TableView(
            name="leak",
            caption="All candidates against members and non-members, whole images. Gain: by which share the distance to the "
            "nearest candidate falls more for members than for non-members, beyond a control, 95% interval over patients and "
            "draws. p: of the weaker of both gains, after Holm. Detectable: the gain beyond the prior that would be seen with "
            "80% power, after Holm. Nearer: members with a drawn image nearer than any non-member has, and what chance would "
            "give (its 95% quantile).",
            columns={
                **WHO,
                **AREA,
                **BEYOND,
                "controls": "Held against",
                "holm_p": "p",
                "flagged": "Flagged",
                "{gain_detectable:.0%}": "Detectable",
                "nearer": "Nearer",
                "{expected:.1f} ({most})": "Chance",
                "{members}/{non_members}": "Members / non-members",
                "{compared} of {candidates}": "Compared of drawn",
            },
            where={**where, "source": list(METHODS_OF_ALL)},
        ),
        figures=figures,
    )


def _compared(tables: Tables) -> list[str]:
    return list(dict.fromkeys(str(row["target"]) for row in tables["leak"]))


def _others(tables: Tables) -> list[str]:
    """Controls and targets of one source: what is neither the paper's nor a mitigation."""
    found = [target for target in _compared(tables) if target in CONTROLS or target in judged(tables)]
    return (
        [target for target in found if target not in (*PAPER, *MITIGATIONS)] if attacked(tables, PAPER) != found else []
    )


def _judged_or_planted(tables: Tables) -> list[str]:
    """All but the mitigations and the untrained control: those in whom a leak is looked for, or was planted."""
    shown = [target for target in _compared(tables) if target in (*judged(tables), PLANTED)]
    return [target for target in shown if target not in MITIGATIONS or target in PAPER]


def _elsewhere(tables: Tables) -> Section:
    rows = [row for row in tables["leak"] if row["source"] == ATTACK]
    source = [ATTACK] if rows else [CONTROL]
    return Section(
        title="At the border, in the middle, and the likely samples alone",
        text=[
            "Radiographs carry letters, arrows and borders. Within the middle 80% of every side these are mostly "
            "gone: a leak that vanishes there was in the border. The paper judges the few likely samples alone; they "
            "have rows of their own, without a verdict, since so few images say little."
        ],
        table=TableView(
            name="leak",
            caption="The attack as published: members against non-members, difference of their mean similarities with "
            "95% interval and p by dealing the patients anew.",
            columns={
                "target": "Target",
                "set": "Of the candidates",
                "space": "Compared in",
                "crop": "Of the image",
                "candidates": "Drawn",
                **AREA,
                "{difference:+.3f} [{low:+.3f}, {high:+.3f}]": "Difference",
                "p": "p",
                "detectable": "Detectable",
            },
            where={"source": source, "target": _judged_or_planted(tables)},
        ),
    )


def _along(tables: Tables) -> Section:
    counts = sorted({row["candidates"] for row in tables["leak_by_rank"]})
    shown = [count for count in counts if str(count).rstrip("0") == "1"] + counts[-1:]
    return Section(
        title="Are the first of the list the nearest?",
        text=[
            "Stage 2 ranks the candidates by how well they match the target's parameters. If the rank knew the "
            "training patients, the first few would tell members apart better than their number alone allows. The "
            "verdict is on all of them."
        ],
        table=TableView(
            name="leak_by_rank",
            caption="The first candidates of the attack's ranked list alone, in the target's own features.",
            columns={
                "target": "Target",
                "candidates": "First",
                **AREA,
                "{difference:+.3f}": "Difference",
                "nearer": "Nearer",
                "{expected:.1f}": "Chance",
            },
            where={
                "source": ATTACK,
                "space": "target_features",
                "candidates": list(dict.fromkeys(shown)),
                "target": attacked(tables, (*PAPER, PLANTED)),
            },
        ),
    )


def _swapped() -> Section:
    return Section(
        title="Do the stored statistics leak?",
        text=[
            "An attack by stored statistics may come nearer to training patients because the statistics are theirs, or because "
            "the weights are. So one target keeps its weights and gets the BatchNorm statistics of its non-members. If the gain "
            "turns to these, the statistics carry membership. If it stays with the members, they were not shown to."
        ],
        table=TableView(
            name="leak",
            caption="The target as trained, and with the running means and variances that its non-members leave; each in its own "
            "features, and in spaces that no target made. Gain above 0: nearer to those who trained the weights.",
            columns={
                "target": "Target",
                "space": "Compared in",
                "source": "Images",
                **AREA,
                **BEYOND,
                "gain_p": "p beyond the prior",
                "{gain_detectable:.0%}": "Detectable",
            },
            where={
                "target": [str(TARGETS[SWAPPED].swapped), SWAPPED],
                "source": [BY_STATISTICS, CONTROL],
                "crop": "whole",
                "set": "all",
            },
        ),
    )


def _mitigations() -> Section:
    return Section(
        title="What do mitigations do?",
        text=[
            "The same attacks, the same patients; each target is trained like the overfit CNN but for one thing: "
            "dropout, augmentation, early stopping, or all of the regular recipe. A protection is worth what it takes "
            "from the AUC, and costs what it takes from the balanced accuracy on validation patients. Where either target's is "
            f"below {USEFUL:.1f} they cannot be compared: what learned nothing leaks nothing."
        ],
        table=TableView(
            name="mitigations",
            caption="AUC of members against non-members with the mitigation and of the overfit CNN; difference with "
            "95% interval, p after Holm. Beyond the prior: the AUC less that of the untuned prior.",
            columns={
                "target": "Target",
                "source": "Attack",
                "space": "Compared in",
                "auc": "AUC",
                "auc_against": "Overfit",
                "{difference:+.2f} [{low:+.2f}, {high:+.2f}]": "Difference",
                "holm_p": "p",
                "{detectable:.2f}": "Detectable",
                "{excess:+.2f}": "Beyond the prior",
                "{excess_against:+.2f}": "Overfit, beyond",
                "balanced": "Balanced accuracy",
                "balanced_against": "Overfit, accuracy",
                "comparable": "Comparable",
            },
        ),
    )


def _run_on(tables: Tables, method: str) -> str:
    """The targets that a method was run on, in words; the others were left out for time."""
    found = dict.fromkeys(label(row["target"]) for row in tables["methods"] if row["method"] == method)
    return f"{' and '.join(found)} alone, for time" if found else "none of these targets"


def _methods(tables: Tables) -> Section:
    return Section(
        title="Is there a stronger attack?",
        text=[
            "Every other attack against the published one, on the same target and patients. 'Pixels' and 'latent "
            "search' are older attacks; the rest are ours. 'Sets searched together' leaves the generator as it is and seeks "
            "sets of images that have the stored statistics together.",
            "The others are the published one with one change, among them the rate and steps of the author's own code, run on "
            f"{_run_on(tables, 'author')}.",
        ],
        table=TableView(
            name="methods",
            caption="AUC of members against non-members; difference to the published attack with 95% interval, p "
            "after Holm over all rows.",
            columns={
                "target": "Target",
                "method": "Attack",
                "space": "Compared in",
                "auc": "AUC",
                "auc_published": "As published",
                "{difference:+.2f} [{low:+.2f}, {high:+.2f}]": "Difference",
                "holm_p": "p",
                "{detectable:.2f}": "Detectable",
                "flagged": "Flagged",
            },
        ),
    )
