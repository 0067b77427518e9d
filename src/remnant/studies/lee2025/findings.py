"""The headline and the findings in plain words, from the tables alone: what was found, and what to do."""

from remnant.base.results import Highlight, Row, matching
from remnant.measure.demographics import AGE_SKILL, SEX_SKILL
from remnant.report.words import label
from remnant.report.words import number as written
from remnant.studies.lee2025.leak_findings import (
    CONTROLS,
    Tables,
    control_missed,
    control_seen,
    controls_in_words,
    deciding,
    exposed,
    flagged,
    gain_in_words,
    judged,
    p_in_words,
    pictured,
    targets_in_words,
)
from remnant.studies.lee2025.scores import ATTACK
from remnant.studies.lee2025.tables import MITIGATIONS, OVERFIT

# Targets that are there to answer the question of what helps have their say in its paragraph.
_HELPERS = tuple(name for name in MITIGATIONS if name != "cnn")


def headline(tables: Tables) -> str:
    """The result in one sentence, of the target that gives away most, and whether the audit can see at all."""
    targets, found = judged(tables), exposed(tables)
    if not targets:
        likely = _attack_rows(tables)
        return (
            f"The attack drew {likely[0]['candidates']:,} images from the checkpoint file, {likely[0]['likely']} of "
            "which it holds for likely; nothing was given to compare them with, so whether they show patients of the "
            "training is open."
        )
    seen = control_seen(tables)
    if seen is False:
        return "This audit did not see the leak that was planted for it to see, so that it can clear no checkpoint" + (
            f"; even so it found one in {_names(found)}." if found else "."
        )
    if not found:
        control = "" if seen is None else ", while it does where a leak was planted"
        return (
            "From the checkpoint file alone, the attack was not shown to draw images nearer to the training patients "
            f"than those of its public prior are{control}: none of {len(targets)} "
            f"{'targets' if len(targets) > 1 else 'target'} is flagged."
        )
    worst = max((flagged(tables, target)[0] for target in found), key=lambda row: row["gain"])
    which = "the checkpoint" if len(targets) == 1 else f"{len(found)} of {len(targets)} checkpoints ({_names(found)})"
    if not any(pictured(tables, target) for target in found):
        return (
            f"From the checkpoint file alone, the attack draws images that excite {which} as the training patients do, more "
            f"than its public prior explains, but was not shown to redraw anybody; at most: {gain_in_words(worst)}."
        )
    return (
        f"From the checkpoint file alone, the attack draws images that are nearer to the training patients of {which} "
        f"than its public prior explains; at most: {gain_in_words(worst)}."
    )


def highlights(tables: Tables) -> list[Highlight]:
    """Whether the audit saw its own control, then the row that a verdict on each target rests on."""
    seen = control_seen(tables)
    shown = [] if seen is None else [Highlight(value="seen" if seen else "not seen", label="Leak planted as a control")]
    for target in judged(tables):
        row = deciding(tables, target)
        if target in _HELPERS or row is None or row["gain"] is None:
            continue
        between = "" if row["gain_low"] is None else f"[{row['gain_low']:.0%}, {row['gain_high']:.0%}] · "
        shown.append(
            Highlight(
                value=f"{row['gain']:.0%}",
                label=f"{label(target)}: gains more on the member",
                note=f"{between}chance 50% · {'flagged' if row['flagged'] else 'not flagged'}",
            )
        )
    return shown


def findings(tables: Tables) -> list[str]:
    """What the tables mean and what to do, a paragraph each."""
    seen, targets, found = control_seen(tables), judged(tables), exposed(tables)
    said = [control_missed(tables)] if seen is False else []
    said.append(_what_to_do(targets, found, seen))
    if targets:
        said += controls_in_words(tables)
        said += targets_in_words(tables, [target for target in targets if target not in _HELPERS])
    said += [_likely(tables), *_people(tables), *_anonymity(tables), *_mitigations(tables), *_methods(tables)]
    return [text for text in said if text]


def _what_to_do(targets: list[str], found: list[str], seen: bool | None) -> str:
    if not targets:
        return (
            "What this shows is what a stranger would have in hand after an attack, not whether it is anybody. To "
            "learn whether the images resemble those who trained the model more than others, give a cohort of both by "
            "`--against`."
        )
    if found:
        return (
            f"Treat {_these(targets, found)} as patient data: do not publish the file or send it on without the "
            "agreement that would cover the images themselves. Before a release, train with less memory of single "
            "patients (see what helps, below), audit that checkpoint again, and give away outputs rather than weights "
            "where that will do."
        )
    if seen is False:
        return "Until the control is seen, keep the checkpoints as you keep the images."
    return (
        "This attack, at this size and effort, got nothing of the patients out of the weights. That is a statement "
        "about this attack, not a clearance: stronger ones may come, and a leak smaller than the detectable "
        "difference would not have been seen."
    )


def _these(targets: list[str], found: list[str]) -> str:
    if len(targets) == 1:
        return "this checkpoint"
    return f"checkpoints trained like the {_names(found)}"


def _likely(tables: Tables) -> str:
    rows = [row for row in _attack_rows(tables) if row["target"] not in CONTROLS + _HELPERS]
    if not rows:
        return ""
    counts = ", ".join(f"{row['likely']} of the {label(row['target'])}" for row in rows)
    text = (
        f"Of {rows[0]['candidates']:,} images a target, the paper's rule holds for likely: {counts}. Were the two "
        f"scores strangers to each other, {rows[0]['chance']:.1f} would be."
    )
    compared = [row for row in rows if row["neighbours"]]
    if not compared:
        return text
    most = max(compared, key=lambda row: row["likely"])
    return (
        f"{text} Those of the {label(most['target'])} resemble {most['neighbours']} different training patients (as "
        f"many draws at random: {most['neighbours_expected']:.1f}), with an SSIM of {_range(most, 'ssim')}; looked up "
        f"among patients whom no training saw, the nearest ones have {_range(most, 'ssim_non_member')}. A match is "
        "found for any image: only a nearer one than among strangers tells."
    )


def _people(tables: Tables) -> list[str]:
    rows = [row for row in tables["demographics"] if row["set"] == "validation_patients"]
    if not rows:
        return [
            "Nobody's age or sex was read off the images: no public radiographs with age and sex were given to learn "
            "that from."
        ]
    row = rows[0]
    said = []
    for what, usable, numbers in (
        (
            "age",
            row["age_usable"],
            f"it is {row['mae']:.1f} years off on average, where one guess for all is {row['guess_mae']:.1f} off (R2 "
            f"{_bracketed(row, 'r2')}; asked: {AGE_SKILL:g})",
        ),
        (
            "sex",
            row["sex_usable"],
            f"it is right for {row['accuracy']:.0%}, where the majority guess is for {row['guess_accuracy']:.0%} "
            f"(balanced accuracy {_bracketed(row, 'balanced')}; asked: {SEX_SKILL:g})",
        ),
    ):
        verdict = "can be used" if usable else "is not usable, so that none is shown for what was drawn"
        said.append(f"its {what} {verdict}: on {row['n']} patients that it never saw {numbers}")
    text = f"What a model reads off radiographs of strangers: {'; '.join(said)}."
    drawn = [
        one
        for one in tables["demographics"]
        if one["set"] == "likely_samples" and one["target"] not in CONTROLS + _HELPERS
    ]
    told = [_told(one) for one in drawn if one["mae"] is not None or one["accuracy"] is not None]
    if told:
        text += (
            f" On the likely samples, held against the patients of the nearest training images: {'; '.join(told)}. "
            "Few images that share their neighbours: read these as cases, not as rates."
        )
    return [text]


def _told(row: Row) -> str:
    parts = []
    if row["mae"] is not None:
        parts.append(f"{row['mae']:.1f} years off (one guess: {row['guess_mae']:.1f})")
    if row["accuracy"] is not None:
        parts.append(f"sex right for {row['accuracy']:.0%} (the majority: {row['guess_accuracy']:.0%})")
    return f"{label(row['target'])} {', '.join(parts)}, n = {row['n']}"


def _anonymity(tables: Tables) -> list[str]:
    rows = [row for row in tables["anonymity"] if row["target"] not in CONTROLS]
    if not rows:
        return []
    said = []
    for site, words in (("unknown", "in the population"), ("known", "at the site, if that is known")):
        fits = [row for row in matching(rows, {"site": site}) if row["size"] is not None]
        if not fits:
            return [
                "How many people would fit what was read cannot be said: the model of age and sex was validated on "
                "too few patients."
            ]
        least = min(fits, key=lambda row: row["size"])
        said.append(
            f"{least['size']:,.0f} of {least['people']:,.0f} people {words} [{least['low']:,.0f}, {least['high']:,.0f}]"
        )
    best = "" if rows[0]["usable"] else " (by a model that is not usable, which makes the crowd large)"
    return [
        "Would age and sex alone lead to anybody? Of all drawn images, the one that the fewest people fit leaves "
        f"{' and '.join(said)}{best}. That is the attacker's best case, in which images are read as well as real "
        "radiographs."
    ]


def _mitigations(tables: Tables) -> list[str]:
    rows = tables["mitigations"]
    if not rows:
        return []
    helped: dict[str, list[str]] = {}
    for row in rows:
        if row["holm_p"] is not None and row["holm_p"] <= 0.05 and row["difference"] < 0:
            helped.setdefault(str(row["target"]), []).append(_cut(row))
    tried = list(dict.fromkeys(str(row["target"]) for row in rows))
    others = [_recipe(name) for name in tried if name not in helped]
    still = [_recipe(name) for name in tried if flagged(tables, name)]
    text = "What helps, by the same attacks on the same patients, against the CNN trained to overfit: "
    if helped:
        text += "; ".join(f"{_recipe(name)} ({', '.join(parts)})" for name, parts in helped.items()) + "."
        if others:
            text += f" For {' and '.join(others)} no difference beyond chance was seen."
    else:
        text += f"a difference beyond chance was seen for none of these: {', '.join(others)}."
        if OVERFIT not in exposed(tables):
            text += (
                " That CNN was not flagged itself, so that there was little to mend: this is no proof that "
                "nothing helps."
            )
    if still:
        text += f" Flagged all the same: {' and '.join(still)}."
    return [text]


def _recipe(target: str) -> str:
    return "all of the regular recipe" if target == "cnn" else label(target).removeprefix("CNN with ")


def _cut(row: Row) -> str:
    where = _SPACES[str(row["space"])]
    by = "" if row["source"] == ATTACK else f" under '{label(row['source'])}'"
    return f"area {row['auc']:.2f} instead of {row['auc_against']:.2f} {where}{by}, {p_in_words(row['holm_p'])}"


_SPACES = {
    "target_features": "in the target's features",
    "independent_features": "in independent features",
    "ssim": "by SSIM",
}


def _methods(tables: Tables) -> list[str]:
    rows = tables["methods"]
    if not rows:
        return []
    won = [row for row in rows if row["holm_p"] is not None and row["holm_p"] <= 0.05 and row["difference"] > 0]
    if not won:
        names = dict.fromkeys(label(row["method"]) for row in rows)
        return [
            f"None of the other attacks ({', '.join(names)}) comes nearer to members than the published one does, "
            "beyond chance and the number of looks taken."
        ]
    parts = [
        f"'{label(row['method'])}' on the {label(row['target'])} (area {row['auc']:.2f} instead of "
        f"{row['auc_published']:.2f} {_SPACES[str(row['space'])]}, {p_in_words(row['holm_p'])})"
        for row in won
    ]
    return [
        f"There are stronger attacks than the published one: {'; '.join(parts)}. Judge a release by the strongest, "
        "since an attacker will not stop at the published one."
    ]


def _attack_rows(tables: Tables) -> list[Row]:
    return matching(tables["likely"], {"method": ATTACK}) or tables["likely"]


def _names(targets: list[str]) -> str:
    *others, last = [label(target) for target in targets]
    return f"{', '.join(others)} and {last}" if others else last


def _range(row: Row, name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return written(low) if low == high else f"{written(low)} to {written(high)}"


def _bracketed(row: Row, name: str) -> str:
    if row[f"{name}_low"] is None:
        return written(row[name])
    return f"{written(row[name])} [{written(row[f'{name}_low'])}, {written(row[f'{name}_high'])}]"
