"""The leak in plain words: what the controls say, which targets gave their patients away, and which did not."""

import math
from collections.abc import Iterator, Sequence

from remnant.base.results import Row, matching
from remnant.base.texts import counted, counted_of
from remnant.report.words import label, p_in_words
from remnant.report.words import number as written
from remnant.studies.lee2025.leak_tables import LEVEL
from remnant.studies.lee2025.scores import ATTACK
from remnant.studies.lee2025.settings import CLASSES, CONTROL, METHODS_OF_ALL, RIVALS
from remnant.studies.lee2025.targets import CONTROLS, PLANTED, SWAPPED, TARGETS, UNTRAINED

IN = {
    "target_features": "in the target's own features",
    "independent_features": "in features of a network that never saw the target",
    "ssim": "by SSIM",
}

# The attack that asks for the stored statistics of a target and leaves the prior as it is.
BY_STATISTICS = "joint"

Tables = dict[str, list[Row]]


def whole(tables: Tables, target: str, method: str | None = None) -> list[Row]:
    """The rows of `leak` that a verdict rests on: whole images, all candidates, one of each space and method."""
    where = {"target": target, "crop": "whole", "set": "all"} | ({"source": method} if method else {})
    return matching(tables["leak"], where)


def flagged(tables: Tables, target: str) -> list[Row]:
    """The rows that show a leak, the largest gain first; of equal ones the published attack's, or of what else is run on all."""
    rows = [row for row in whole(tables, target) if row["flagged"]]
    return sorted(rows, key=lambda row: (-row["gain"], row["source"] != ATTACK, row["source"] not in METHODS_OF_ALL))


def pictured(tables: Tables, target: str) -> bool:
    """Whether the leak is seen outside the target's own features too, in the images as such."""
    return any(row["space"] != "target_features" for row in flagged(tables, target))


def deciding(tables: Tables, target: str) -> Row | None:
    """The row that the verdict on a target rests on; None where no attack on it was held against patients.

    The first that is flagged, else the largest gain of the published attack, or of the others where that was not run.
    """
    if rows := flagged(tables, target):
        return rows[0]
    attacks = [row for row in whole(tables, target) if row["source"] not in RIVALS]
    rows = matching(attacks, {"source": ATTACK}) or attacks
    return max(rows, key=lambda row: -math.inf if row["gain"] is None else row["gain"], default=None)


def judged(tables: Tables) -> list[str]:
    """The targets that a verdict is about, controls apart, in their order."""
    found = dict.fromkeys(str(row["target"]) for row in tables["leak"])
    return [target for target in found if target not in CONTROLS]


def exposed(tables: Tables) -> list[str]:
    """Those of `judged` that are flagged."""
    return [target for target in judged(tables) if flagged(tables, target)]


def control_seen(tables: Tables) -> bool | None:
    """Whether the planted positive control is flagged; None where there was none."""
    return bool(flagged(tables, PLANTED)) if whole(tables, PLANTED) else None


def control_missed(tables: Tables) -> str:
    """The first thing to say of an audit that did not see its own control."""
    best = deciding(tables, PLANTED)
    assert best is not None
    return (
        "The audit did not see its own positive control, so its silence means nothing. A CNN was trained on "
        f"{best['members']} images for very long; even so {gain_in_words(best)}. Do not rest a release on this report. Give "
        "stage 1 more steps, the prior more training or more images, or the attack more candidates, and run it again."
    )


def controls_in_words(tables: Tables) -> Iterator[str]:
    """What the positive and the negative control say about the audit itself."""
    seen = control_seen(tables)
    if seen is None:
        yield (
            "This run has no positive control, a target that surely remembers its patients. Where it is silent, that "
            "says little: `remnant study lee2025` runs the same attack on such a target."
        )
    elif seen:
        rows = flagged(tables, PLANTED)
        row, sources = rows[0], dict.fromkeys(str(one["source"]) for one in rows)
        options = " and ".join(f"'{label(source)}'" for source in sources)
        by = "" if ATTACK in sources else f", though not by the attack as published: only by {options}"
        yield (
            f"The audit sees the leak that was planted{by}. Of a CNN trained on {row['members']} images for very "
            f"long, {gain_in_words(row)}."
        )
    if whole(tables, UNTRAINED):
        rows = flagged(tables, UNTRAINED)
        if rows:
            yield (
                "The audit raised a false alarm: it flags a network that was never trained. There "
                f"{gain_in_words(rows[0])}. Doubt the other flags, and run it again under another seed."
            )
        else:
            yield "A network that was never trained, the negative control, is not flagged."


def statistics_in_words(tables: Tables) -> Iterator[str]:
    """Whether the attack by stored statistics follows these or the weights, by the target of which they were swapped."""
    where = {"source": BY_STATISTICS, "space": "target_features"}
    rows = [
        row
        for target in (TARGETS[SWAPPED].swapped, SWAPPED)
        for row in matching(whole(tables, str(target)), where)
        if row["gain_low"] is not None
    ]
    if len(rows) < 2:
        return
    own, swapped = rows
    if own["gain_low"] <= 0:
        yield (
            f"Whether stored statistics carry membership is open: '{label(BY_STATISTICS)}' was not shown to come nearer to "
            f"training patients of the {label(own['target'])} to begin with, {gain_alone(own)}."
        )
        return
    if swapped["gain_low"] > 0:
        told = "It stays with the training patients: it follows the weights, and the statistics were not shown to leak"
    elif swapped["gain_high"] < 0:
        told = "It now comes nearer to those whose statistics these are: the stored statistics carry membership"
    else:
        told = "No pull is left, to either side: without the members' statistics the attack was not shown to find them"
    yield (
        f"Do the stored statistics leak? We gave the {label(own['target'])} those of its non-members and kept its weights. "
        f"Its gain beyond the prior went from {gain_alone(own)} to {gain_alone(swapped)}. {told}."
    )


def targets_in_words(tables: Tables, targets: Sequence[str]) -> Iterator[str]:
    """A paragraph for each of `targets` that is flagged, one for all others, and one on what features alone give away."""
    for target in targets:
        if rows := flagged(tables, target):
            yield f"{_capital(label(target))}: {_flagged(rows, published=bool(whole(tables, target, ATTACK)))}"
    unpictured = [label(target) for target in targets if flagged(tables, target) and not pictured(tables, target)]
    if unpictured:
        yield (
            f"The leak of these is seen in the target's own features alone: {', '.join(unpictured)}. There the reconstructions "
            "excite the target as its training images do. Neither SSIM nor independent features show that they resemble its "
            "patients. What leaks is membership; nobody was shown to be reconstructed."
        )
    silent = [_silent(row) for target in targets if not flagged(tables, target) and (row := deciding(tables, target))]
    if silent:
        yield (
            "Where the weights were not shown to leak, the attack on them gained no more on training patients than chance and "
            "its controls allow: "
            f"{'; '.join(silent)}."
        )
    yield from _explained(tables, targets)
    apart = [
        f"{label(target)}, {auc_in_words(row)}"
        for target in targets
        for row in whole(tables, target, CONTROL)
        if row["space"] == "target_features" and (row["auc_low"] or 0) > 0.5
    ]
    if apart:
        yield (
            "Some targets' own features distinguish their training patients whatever images are compared, those of the "
            f"untuned prior too: {'; '.join(apart)}. Whoever has such a checkpoint and somebody's radiograph can guess whether "
            "that person was a training patient. No image is reconstructed there, but membership leaks."
        )


def _explained(tables: Tables, targets: Sequence[str]) -> Iterator[str]:
    """Attacks that beat the untuned prior and not the search for images of a class: no flag, and no all-clear either."""
    found = [
        f"'{label(row['source'])}' on the {label(target)}, {IN[str(row['space'])]}"
        for target in targets
        for row in whole(tables, target)
        if row["flagged"] is False
        and (row["gain_low"] or 0) > 0
        and row["gain_p"] <= LEVEL
        and not (row["class_gain"] is None or (row["class_gain_low"] or 0) > 0)
    ]
    if found:
        yield (
            "These come nearer to training patients than the untuned prior does, but not shown to beyond a search for images "
            f"of a class (GMI), which uses no stored statistic: {'; '.join(found)}. What they show is what the weights say of "
            "the classes. Membership may leak by it."
        )


def _flagged(rows: list[Row], *, published: bool) -> str:
    also = [IN[str(row["space"])] for row in rows[1:] if row["source"] == rows[0]["source"]]
    gained = f"{gain_in_words(rows[0])}{'; ' + ' and '.join(also) + ' as well' if also else ''}"
    if rows[0]["source"] == ATTACK:
        return f"{gained}. {_nearer(rows[0])} The checkpoint gives away something of its patients."
    before = "an attack shows a leak"
    if ATTACK in {row["source"] for row in rows}:
        before = "the attack as published shows a leak, and a stronger one more of it"
    elif published:
        before = "the attack as published shows no leak, but a stronger one does"
    return f"{before}: by '{label(rows[0]['source'])}', {gained}. Judge the checkpoint by the strongest."


def _silent(row: Row) -> str:
    where = f"{label(row['target'])} {IN[str(row['space'])]}"
    if row["gain"] is None:
        return f"{where}, {auc_in_words(row)}, with no untuned prior beside it"
    least = row["gain_detectable"]
    power = f", {least:.0%} would have been seen with 80% power" if least else ""
    return f"{where} {gain_alone(row)}, {_p_value(row)}{power}"


def _nearer(row: Row) -> str:
    return (
        f"{counted_of(row['nearer'], row['members'], 'member', 'has', 'have')} a reconstruction nearer than any of "
        f"{counted(row['non_members'], 'non-member')}; chance gives {row['expected']:.1f}, and rarely more than {row['most']}."
    )


def gain_in_words(row: Row) -> str:
    """By how much more the attack came nearer to members than to non-members, beyond its untuned prior."""
    beyond = f" and {label(CLASSES)}" if CLASSES in str(row["controls"] or "") else ""
    return (
        f"{IN[str(row['space'])]}, reconstructions come {gain_alone(row)} nearer to training patients than to non-members, "
        f"beyond the {label(CONTROL)}{beyond}, {_p_value(row)}"
    )


def gain_alone(row: Row) -> str:
    """ "18% [9%, 26%]"."""
    between = "" if row["gain_low"] is None else f" [{_percent(row['gain_low'])}, {_percent(row['gain_high'])}]"
    return f"{_percent(row['gain'])}{between}"


def _percent(value: float) -> str:
    return written(value, spec=".0%")


def _p_value(row: Row) -> str:
    return p_in_words(row, "gain_p" if row["holm_p"] is None else "holm_p")


def auc_in_words(row: Row) -> str:
    """ "AUC 0.61 [0.52, 0.70]"."""
    if row["auc_low"] is None:
        return f"AUC {row['auc']:.2f}"
    return f"AUC {row['auc']:.2f} [{row['auc_low']:.2f}, {row['auc_high']:.2f}]"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
