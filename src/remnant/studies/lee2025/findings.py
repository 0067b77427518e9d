"""The headline and the findings in plain words: what was shown of which target, by which control, and what to do."""

from collections.abc import Iterator, Mapping, Sequence

from remnant.attacks.checkpoint.methods import METHODS
from remnant.base.findings import Finding
from remnant.base.results import Highlight, Row, matching
from remnant.base.terms import by_chance, capital, measured, statistic_of
from remnant.base.texts import counted, enumerated
from remnant.report.finding_words import outcome_sentence
from remnant.report.words import label, p_in_words
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
from remnant.studies.judged import exposed_of
from remnant.studies.lee2025.exposure import USEFUL, Exposure
from remnant.studies.lee2025.oracle_words import possible_in_words
from remnant.studies.lee2025.people_findings import anonymity, people
from remnant.studies.lee2025.settings import ATTACK
from remnant.studies.lee2025.targets import CONTROLS, HELPERS, OVERFIT, SWAPPED, TARGETS, UNTRAINED

Tables = Mapping[str, list[Row]]
PLANTED_IN_WORDS = "a CNN trained on a few images for very long"
# The attack that asks for the stored statistics of a target and leaves the prior as it is.
BY_STATISTICS = "joint"


def headline(exposure: Exposure) -> str:
    """The result in a few sentences: which targets give their patients away, and the strongest of what was found."""
    targets, found = exposure.targets, exposure.exposed
    if not targets:
        return "Controls alone were attacked, which says nothing of any checkpoint that could be released."
    seen = exposure.seen
    if not found:
        if seen is False:
            return "This audit did not see the leak that was planted for it to see, so that it can clear no checkpoint."
        control = "" if seen is None else ", by attacks that see a leak where one was planted"
        return f"None of {counted(len(targets), 'checkpoint')} was shown to give its training patients away{control}."
    which = "The checkpoint" if len(targets) == 1 else f"{len(found)} of {len(targets)} checkpoints"
    who = "" if len(targets) == 1 else f" ({_names(found)})"
    nobody = "" if any(_pictured(exposure, target) for target in found) else " Nobody was shown to be reconstructed."
    unseen = " The leak that was planted as a control was not seen in the weights." if seen is False else ""
    return (
        f"{which} {'give' if len(found) > 1 else 'gives'} training patients away{who}.{nobody} Strongest evidence: "
        f"{_told(strongest(exposure, found))}{unseen}"
    )


def strongest(exposure: Exposure, targets: Sequence[str]) -> Finding:
    """What speaks most for exposure of the `targets`: of what is exposed, if anything is, scores of many values first."""
    own = [one for one in exposure.findings if one.target in targets]
    shown = exposed_of(own) or [one for one in own if one.value is not None] or own
    return next((one for one in shown if one.fewest is None), shown[0])


def conclusion(exposure: Exposure, tables: Tables, preset: str) -> Conclusion:
    """Why the audit supports no verdict, or none on targets beside those that it exposed."""
    return concluded(lambda silent: _gates(exposure, tables, preset, silent), exposure.targets, exposure.exposed)


def _gates(exposure: Exposure, tables: Tables, preset: str, targets: Sequence[str]) -> list[Gate | None]:
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
        positive_control(exposure.seen, PLANTED_IN_WORDS),
    ]


def _losses(tables: Tables, targets: Sequence[str]) -> dict[str, list[float]] | None:
    """The first and last losses of every stage 1, none of one that left no row; None where no attack has a stage 1."""
    # The author's rate is so low that the loss need not have moved: his row is beside the attack, not the attack.
    tuned = {
        (str(row["target"]), str(row["method"]))
        for row in tables["likely"]
        if row["target"] in targets and row["method"] != "author" and METHODS[str(row["method"])].tunes
    }
    losses: dict[str, list[float]] = {}
    for target, method in sorted(tuned):
        rows = matching(tables["tuning"], {"target": target, "method": method})
        against = f"against the {label(target)}"
        losses |= {f"{row['part']} {against}": [row["first"], row["last"]] for row in rows} or {
            f"{label(method)} {against}": []
        }
    return losses if tuned else None


def highlights(exposure: Exposure) -> list[Highlight]:
    """Whether the audit saw its own control, then the strongest finding on each target."""
    seen = exposure.seen
    shown = [] if seen is None else [Highlight(value="seen" if seen else "not seen", label="Leak planted as a control")]
    # What helps has a paragraph of its own.
    for target in (one for one in exposure.targets if one not in HELPERS):
        one = strongest(exposure, [target])
        value, _, between = measured(one).partition(" ")
        note = " · ".join(filter(None, [between, by_chance(one), str(one.outcome)]))
        shown.append(Highlight(value=value, label=f"{label(target)}: {statistic_of(one)}", note=note))
    return shown


def findings(exposure: Exposure, tables: Tables) -> list[str]:
    """What was found and what to do, a paragraph each."""
    said = [_what_to_do(exposure)]
    if exposure.targets:
        said += [*_controls(exposure), *_targets(exposure), *possible_in_words(tables), *_statistics(exposure)]
    return [
        text for text in (*said, _likely(tables), *people(tables), *anonymity(tables), *_mitigations(tables)) if text
    ]


def _what_to_do(exposure: Exposure) -> str:
    targets, found = exposure.targets, exposure.exposed
    if not targets:
        return "To learn what a checkpoint gives away, name one by --targets beside the controls."
    if found:
        which = "this checkpoint" if len(targets) == 1 else f"checkpoints trained like the {_names(found)}"
        shown = [one for target in found for one in exposed_of(exposure.of(target))]
        by_output = any(one.claim == "patient_scores" for one in shown)
        return (
            f"Treat {which} as patient data: do not publish the file or send it on without the agreement that would cover the "
            "images themselves. Before a release, train with less memory of single patients and audit that checkpoint again."
            + (
                " Answers give them away as weights do: to serve the model in place of its file does not help."
                if by_output
                else ""
            )
        )
    if exposure.seen is False:
        return "Until the control is seen, keep the checkpoints as you keep the images."
    return (
        "Nothing of the patients was shown to come out of these checkpoints. That is no clearance: stronger attacks may come, "
        "and a leak smaller than the detectable one would not have been seen."
    )


def _controls(exposure: Exposure) -> Iterator[str]:
    """What the targets that are controls say of the audit itself."""
    if exposure.seen is None:
        yield f"This run has no positive control, such as {PLANTED_IN_WORDS}. Where it is silent, that says little."
    elif not exposure.seen:
        yield (
            "The audit did not see its own positive control in the weights, so its silence about these means nothing. Give "
            "stage 1 more steps, the prior more training or more images, or the attack more candidates, and run it again."
        )
    yield " ".join(one.sentence for one in exposure.answers if one.kind == "planted")
    alarms = [one.sentence for one in exposure.answers if one.kind == "null" and one.passed is False]
    if alarms:
        yield f"The audit raised a false alarm, so that nothing by the same attack is testable. {' '.join(alarms)}"
    elif UNTRAINED in exposure.controls:
        yield "A network that was never trained, the negative control, gives nobody away."


def _targets(exposure: Exposure) -> Iterator[str]:
    """A paragraph for each target that is exposed, one for all others, and one on what shows nobody's image."""
    for target in exposure.exposed:
        shown = exposed_of(exposure.of(target))
        ways = [next(one for one in shown if one.claim == claim) for claim in dict.fromkeys(one.claim for one in shown)]
        yield f"{capital(label(target))}: patients are exposed. {' '.join(map(_told, ways))}"
    if unpictured := [target for target in exposure.exposed if not _pictured(exposure, target)]:
        yield (
            f"Of these membership leaks, and nobody's image was shown to: {_names(unpictured)}. By SSIM, and in features of a "
            "network that never saw them, nothing that was drawn was shown to resemble their patients."
        )
    for target in (one for one in exposure.targets if one not in exposure.exposed):
        one = strongest(exposure, [target])
        yield f"{capital(label(target))}: {_told(one)} {outcome_sentence(one)}"


def _told(one: Finding) -> str:
    """ "Overfit CNN, by output (signed margin): AUC 0.90 [0.84, 0.95], 0.50 by chance, p < 0.001 after Holm."."""
    p = "" if one.adjusted_p is None else f", {p_in_words({'p': one.adjusted_p, 'p_bound': one.p_bound}, 'p')}"
    what = capital(statistic_of(one))
    return f"{what} {measured(one)}, {by_chance(one)}{p} ({label(one.target)}, '{label(one.attack)}', {one.view})."


def _pictured(exposure: Exposure, target: str) -> bool:
    """Whether images that were drawn resemble a target's patients outside of the target's own features, too."""
    shown = exposed_of(exposure.of(target))
    return any(one.claim == "candidates" and "the network's" not in one.view for one in shown)


def _statistics(exposure: Exposure) -> Iterator[str]:
    """Whether the attack by stored statistics follows these or the weights, by the target of which they were swapped."""
    rows = [
        one
        for target in (TARGETS[SWAPPED].swapped, SWAPPED)
        for one in exposure.of(str(target))
        if one.attack == BY_STATISTICS and "the network's" in one.view and one.low is not None
    ]
    if len(rows) < 2:
        return
    own, swapped = rows
    if own.low <= 0:
        yield (
            f"Whether stored statistics carry membership is open: '{label(BY_STATISTICS)}' was not shown to come nearer to "
            f"training patients of the {label(own.target)} to begin with, {measured(own)}."
        )
        return
    if swapped.low > 0:
        told = "It stays with the training patients: it follows the weights, and the statistics were not shown to leak"
    elif swapped.high < 0:
        told = "It now comes nearer to those whose statistics these are: the stored statistics carry membership"
    else:
        told = "No pull is left, to either side: without the members' statistics the attack was not shown to find them"
    yield (
        f"Do the stored statistics leak? We gave the {label(own.target)} those of its non-members and kept its weights. "
        f"The members' gain went from {measured(own)} to {measured(swapped)}. {told}."
    )


def _mitigations(tables: Tables) -> Iterator[str]:
    rows = tables["mitigations"]
    useful = [row for row in rows if row["comparable"]]
    if helped := [row for row in useful if row["shown"] == "lower"]:
        cuts = [
            f"{_recipe(row['target'])} (AUC {row['value']:.2f} instead of {row['against']:.2f}, {p_in_words(row, 'holm_p')})"
            for row in helped
        ]
        yield f"Against membership by its answers, held against the {label(OVERFIT)}, this helps: {enumerated(cuts)}."
    if others := [_recipe(row["target"]) for row in useful if row["shown"] != "lower"]:
        yield f"Of these no help against membership by its answers was shown: {enumerated(others)}."
    if weak := [row for row in rows if not row["comparable"]]:
        parts = [f"{label(row['target'])} {_balanced(row['balanced'])}" for row in weak]
        yield (
            "What does not generalise is no mitigation, and may leak all the same, so these cannot be compared: "
            f"{', '.join(parts)}, beside {_balanced(weak[0]['balanced_beside'])} of the {label(OVERFIT)}. Asked of both is a "
            f"balanced accuracy of {USEFUL:.1f} on validation patients."
        )


def _balanced(value: object) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _recipe(target: object) -> str:
    return "all of the regular recipe" if target == "cnn" else label(str(target)).removeprefix("CNN with ")


def _likely(tables: Tables) -> str:
    rows = matching(tables["likely"], {"method": ATTACK})
    rows = [row for row in rows if row["target"] not in (*CONTROLS, *HELPERS)]
    if not rows:
        return ""
    counts = ", ".join(f"{row['likely']} of the {label(row['target'])}" for row in rows)
    text = (
        f"Of {rows[0]['candidates']:,} images a target, the paper's rule holds for likely: {counts}. Were the two "
        f"scores strangers to each other, {rows[0]['chance']:.1f} would be."
    )
    most = max(rows, key=lambda row: row["likely"])
    if not most["neighbours"]:
        return text
    return (
        f"{text} Those of the {label(most['target'])} resemble {counted(most['neighbours'], 'training patient')} (as "
        f"many draws at random: {most['neighbours_expected']:.1f}), with an SSIM of {_range(most, 'ssim')}; looked up "
        f"among patients whom no training saw, the nearest ones have {_range(most, 'ssim_non_member')}. A match is "
        "found for any image: only a nearer one than among strangers tells."
    )


def _names(targets: Sequence[str]) -> str:
    return enumerated([label(target) for target in targets])


def _range(row: Row, name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return written(low) if low == high else f"{written(low)} to {written(high)}"
