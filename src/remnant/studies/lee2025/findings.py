"""The headline and the findings in plain words, from the tables alone: what was found, and what to do."""

from collections.abc import Sequence

from remnant.attacks.checkpoint.methods import METHODS
from remnant.base.results import Highlight, Row, matching
from remnant.base.texts import counted
from remnant.report.words import label
from remnant.report.words import number as written
from remnant.studies.gates import (
    Conclusion,
    Gate,
    concluded,
    enough_patients,
    full_preset,
    loss_fell,
    positive_control,
    prior_alike,
)
from remnant.studies.lee2025.comparison_findings import methods, mitigations
from remnant.studies.lee2025.leak_findings import (
    Tables,
    control_missed,
    control_seen,
    controls_in_words,
    deciding,
    exposed,
    flagged,
    gain_alone,
    gain_in_words,
    judged,
    pictured,
    statistics_in_words,
    targets_in_words,
)
from remnant.studies.lee2025.oracle_words import possible_in_words
from remnant.studies.lee2025.people_findings import anonymity, people
from remnant.studies.lee2025.scores import ATTACK
from remnant.studies.lee2025.tables import HELPERS
from remnant.studies.lee2025.targets import CONTROLS
from remnant.studies.membership import membership_shown


def headline(tables: Tables) -> str:
    """The result in one sentence, of the target that gives away most, and whether the audit can see at all."""
    targets, found = judged(tables), exposed(tables)
    if not targets:
        return "Controls alone were attacked, which says nothing of any checkpoint that could be released."
    seen = control_seen(tables)
    if seen is False:
        return "This audit did not see the leak that was planted for it to see, so that it can clear no checkpoint" + (
            f"; even so it found one in {_names(found)}." if found else "."
        )
    if not found:
        control = "" if seen is None else ", while it does where a leak was planted"
        return (
            "From the checkpoint file alone, the attack was not shown to reconstruct images nearer to the training patients "
            f"than its controls do{control}"
            + (f": none of {len(targets)} checkpoints is flagged." if len(targets) > 1 else ".")
        )
    worst = max((flagged(tables, target)[0] for target in found), key=lambda row: row["gain"])
    which = "the checkpoint" if len(targets) == 1 else f"{len(found)} of {len(targets)} checkpoints ({_names(found)})"
    nobody = "" if any(pictured(tables, target) for target in found) else " Nobody was shown to be reconstructed."
    return (
        f"From the file alone, {which} {'reveal' if len(found) > 1 else 'reveals'} who trained "
        f"{'them' if len(found) > 1 else 'it'}.{nobody} At most, {gain_in_words(worst)}."
    )


def conclusion(tables: Tables, preset: str) -> Conclusion:
    """Why the audit supports no verdict, or none on targets beside those that it exposed."""
    verdicts = tables.get("membership_verdicts", [])
    rows = [*tables["leak"], *tables["likely"], *matching(verdicts, {"control": False})]
    targets = [str(target) for target in dict.fromkeys(row["target"] for row in rows) if target not in CONTROLS]
    shown = {*exposed(tables), *(str(row["target"]) for row in membership_shown(verdicts))}
    return concluded(lambda silent: _gates(tables, preset, silent), targets, shown)


def _gates(tables: Tables, preset: str, targets: Sequence[str]) -> list[Gate | None]:
    sources = {row["source"] for row in tables["targets"] if row["target"] in targets}
    groups = {
        f"{label(row['group'])} ({label(row['source'])})": row["patients"]
        for row in tables["patients"]
        if row["source"] in sources and row["group"] in ("members", "non_members")
    }
    losses = _losses(tables, targets)
    return [
        full_preset(preset),
        enough_patients(groups),
        # The prior shows the attacker's own patients at best, whomever the target was trained on.
        prior_alike([row for row in tables["prior"] if row["source"] in {*sources, "public"}]),
        None if losses is None else loss_fell(losses),
        positive_control(control_seen(tables), "a CNN trained on a few images for very long"),
    ]


def _losses(tables: Tables, targets: Sequence[str]) -> dict[str, list[float]] | None:
    """The first and last losses of every stage 1, none of one that left no row; None where no method has a stage 1."""
    # The author's rate is so low that the loss need not have moved: his row is beside the attack, not the attack.
    tuned = {
        (str(row["target"]), str(row["method"]))
        for row in tables["likely"]
        if row["target"] in targets and row["method"] != "author" and METHODS[str(row["method"])].tunes
    }
    if not tuned:
        return None
    losses: dict[str, list[float]] = {}
    for target, method in sorted(tuned):
        rows = matching(tables["tuning"], {"target": target, "method": method})
        against = f"against the {label(target)}"
        losses |= {f"{row['part']} {against}": [row["first"], row["last"]] for row in rows} or {
            f"{label(method)} {against}": []
        }
    return losses


def highlights(tables: Tables) -> list[Highlight]:
    """Whether the audit saw its own control, then the row that a verdict on each target rests on."""
    seen = control_seen(tables)
    shown = [] if seen is None else [Highlight(value="seen" if seen else "not seen", label="Leak planted as a control")]
    for target in judged(tables):
        row = deciding(tables, target)
        # What helps has a paragraph of its own.
        if target in HELPERS or row is None or row["gain"] is None:
            continue
        value, _, between = gain_alone(row).partition(" ")
        shown.append(
            Highlight(
                value=value,
                label=f"{label(target)}: nearer to training patients than to others",
                note=f"{between and between + ' · '}chance 0% · {'flagged' if row['flagged'] else 'not flagged'}",
            )
        )
    return shown


def findings(tables: Tables) -> list[str]:
    """What the tables mean and what to do, a paragraph each."""
    seen, targets, found = control_seen(tables), judged(tables), exposed(tables)
    said = [control_missed(tables)] if seen is False else []
    said.append(_what_to_do(targets, found, _by_output(tables, targets), seen))
    if targets:
        said += controls_in_words(tables)
        # What helps has a paragraph of its own, but nobody who is exposed is left out here.
        told = [target for target in targets if target not in HELPERS or flagged(tables, target)]
        said += targets_in_words(tables, told)
        said += [*possible_in_words(tables), *statistics_in_words(tables)]
    said += [_likely(tables), *people(tables), *anonymity(tables), *mitigations(tables), *methods(tables)]
    return [text for text in said if text]


def _by_output(tables: Tables, targets: list[str]) -> list[str]:
    """Which targets' own output was shown to give their training patients away."""
    shown = {str(row["target"]) for row in membership_shown(tables.get("membership_verdicts", []))}
    return [target for target in targets if target in shown]


def _what_to_do(targets: list[str], found: list[str], by_output: list[str], seen: bool | None) -> str:
    """`found` by the attack on the weights, `by_output` by their answers: patient data both."""
    if not targets:
        return "To learn what a checkpoint gives away, name one by --targets beside the controls."
    if leaking := [target for target in targets if target in (*found, *by_output)]:
        return (
            f"Treat {_these(targets, leaking)} as patient data: do not publish the file or send it on without the "
            "agreement that would cover the images themselves. Before a release, train with less memory of single "
            "patients (see what helps, below) and audit that checkpoint again."
            + (
                " Answers give them away as weights do: to serve the model in place of its file does not help."
                if by_output
                else " Give away outputs rather than weights where that will do."
            )
        )
    if seen is False:
        return "Until the control is seen, keep the checkpoints as you keep the images."
    return (
        "This attack, at this size and effort, was not shown to get anything of the patients out of the weights. That is "
        "no clearance: stronger ones may come, and a leak smaller than the detectable "
        "difference would not have been seen."
    )


def _these(targets: list[str], found: list[str]) -> str:
    if len(targets) == 1:
        return "this checkpoint"
    return f"checkpoints trained like the {_names(found)}"


def _likely(tables: Tables) -> str:
    rows = [row for row in _attack_rows(tables) if row["target"] not in CONTROLS + HELPERS]
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
        f"{text} Those of the {label(most['target'])} resemble {counted(most['neighbours'], 'training patient')} (as "
        f"many draws at random: {most['neighbours_expected']:.1f}), with an SSIM of {_range(most, 'ssim')}; looked up "
        f"among patients whom no training saw, the nearest ones have {_range(most, 'ssim_non_member')}. A match is "
        "found for any image: only a nearer one than among strangers tells."
    )


def _attack_rows(tables: Tables) -> list[Row]:
    return matching(tables["likely"], {"method": ATTACK}) or tables["likely"]


def _names(targets: list[str]) -> str:
    *others, last = [label(target) for target in targets]
    return f"{', '.join(others)} and {last}" if others else last


def _range(row: Row, name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return written(low) if low == high else f"{written(low)} to {written(high)}"
