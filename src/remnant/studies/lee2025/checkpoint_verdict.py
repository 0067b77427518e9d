"""What the report on one checkpoint concludes: verdict, numbers at its head, findings, and why there may be no conclusion."""

from collections.abc import Iterator
from typing import Any

from remnant.attacks.checkpoint.input_check import FITS
from remnant.base.results import Highlight, Row, matching
from remnant.base.texts import counted, counted_of
from remnant.measure.balance import IMBALANCE
from remnant.studies.lee2025 import findings as of_weights
from remnant.studies.lee2025.brought import Given
from remnant.studies.lee2025.feeding import Feeding
from remnant.studies.lee2025.leak_findings import Tables, exposed
from remnant.studies.membership_tables import BLIND


def headline(tables: Tables) -> str:
    """The strongest attack first: what the model's output, and then what its weights, were shown to give away."""
    verdict = _verdict(tables)
    weights = of_weights.headline(tables) if tables["likely"] else ""
    if verdict is None:
        return weights
    if verdict["outcome"] == "shown":
        return f"{_reveals(tables, verdict)} {verdict['sentence']}"
    if exposed(tables):
        return weights
    return f"{verdict['sentence']} {weights}".strip()


def _reveals(tables: Tables, verdict: Row) -> str:
    """That single patients are revealed, unless it was measured that only the group differs."""
    row = _shown(tables, verdict)
    low = row["true_positives_low"]
    if low is not None and low <= row["at_false_positives"]:
        return "Training left a trace of its patients in this checkpoint."
    return "This checkpoint reveals who trained it."


def _identified(row: Row) -> str:
    """How many members the signal of this row identifies with few false alarms."""
    rate = f"a false positive rate of {row['at_false_positives']:.0%}"
    if row["true_positives"] is None:
        return f"How many members it identifies at {rate} is {row['found']}."
    return f"At {rate} it identifies {row['found']} of {counted(row['members'], 'member')}; a stronger attack may identify more."


def no_conclusion(tables: Tables, preset: str) -> list[str]:
    """Why the audit supports no verdict, a sentence a reason. What the model's output was shown to give away needs no more."""
    verdict = _verdict(tables)
    if verdict and verdict["outcome"] == "shown":
        return []
    told = [str(verdict["sentence"])] if verdict and verdict["outcome"] == "cannot tell" and not exposed(tables) else []
    return told + (of_weights.conclusion(tables, preset).no_conclusion if tables["likely"] else [])


def highlights(tables: Tables) -> list[Highlight]:
    """The AUC by the model's output and of the blind baseline, then what the attack on the weights has."""
    rows = [row for row in tables["membership"] if row["signal"] != BLIND]
    shown = []
    if rows and (verdict := _verdict(tables)):
        best = next((row for row in rows if row["signal"] == verdict["signal"]), max(rows, key=lambda row: row["auc"]))
        blind = matching(tables["membership"], {"signal": BLIND})[0]
        for row, text in (
            (best, "members against non-members, by its own output"),
            (blind, "the same, blind baseline"),
        ):
            between = "" if row["auc_low"] is None else f"[{row['auc_low']:.2f}, {row['auc_high']:.2f}] · "
            shown.append(Highlight(value=f"{row['auc']:.2f}", label=f"AUC of {text}", note=f"{between}chance 0.50"))
    return shown + (of_weights.highlights(tables) if tables["likely"] else [])


def findings(tables: Tables, given: Given, feeding: Feeding, task: dict[str, Any]) -> Iterator[str]:
    """A paragraph each: who can be told by the output, what to do, how the model was fed, and what its weights give away."""
    verdict = _verdict(tables)
    if verdict:
        yield str(verdict["sentence"])
        if verdict["outcome"] == "shown":
            yield _identified(_shown(tables, verdict))
        yield _what_to_do(str(verdict["outcome"]), bool(exposed(tables)))
    if task:
        yield (
            f"On images of its training patients {counted_of(task['right'], task['asked'], 'answer', 'is', 'are')} right; one "
            f"who guesses as often each way has {task['by_chance']:.0%}. {given.answers.words}"
        )
    elif given.against:
        yield given.answers.words
    yield _fed(feeding)
    if given.against:
        yield _compared(tables, given)
    if tables["likely"]:
        # Its first paragraph says what to do about the weights alone.
        yield from of_weights.findings(tables)[1:] if verdict else of_weights.findings(tables)


def _what_to_do(outcome: str, weights: bool) -> str:
    if outcome == "shown" or weights:
        return (
            "Treat this checkpoint as patient data: do not publish the file or send it on without the agreement that would cover "
            "the images themselves. Train with less memory of single patients, and audit that checkpoint again."
        )
    if outcome == "cannot tell":
        return "This is no clearance: until it can be told, keep the checkpoint as you keep the images."
    return (
        "This is no clearance: a leak smaller than the detectable AUC would not have been seen, and stronger attacks train "
        "models of their own for comparison."
    )


def _fed(feeding: Feeding) -> str:
    taken = feeding.input_range
    said = (
        f"Images were given to it with {taken.size} pixels a side, {counted(taken.channels, 'channel')}, "
        f"{feeding.words}, {feeding.view}."
    )
    if feeding.doubt:
        return f"{said} {feeding.doubt}"
    if feeding.distance is None:
        return f"{said} It stores no statistics by which this could be checked."
    return (
        f"{said} So they lie {feeding.distance:.2g} from the statistics that it stores of its training; up to {FITS} is let "
        "pass."
    )


def _compared(tables: Tables, given: Given) -> str:
    against = given.against
    assert against
    apart = [
        f"{row['trait']} ({row['members']:.3g} and {row['non_members']:.3g})"
        for row in tables["balance"]
        if row["apart"]
    ]
    said = (
        f"Members and non-members differ by more than {IMBALANCE} standard deviations in {', '.join(apart)}; nobody matched them."
        if apart
        else f"In no trait of the balance table do members and non-members differ by more than {IMBALANCE} standard deviations."
    )
    if against.left_out:
        said += (
            f" {counted(against.left_out, 'patient of the validation is', 'patients of the validation are')} left out: they "
            "decided when the training stopped."
        )
    if thinned := sum(against.thinned.values()):
        said += f" {counted(thinned, 'image is', 'images are')} left out, so that both groups have as many a patient."
    if against.unused:
        said += f" {counted(against.unused, 'image of other splits is', 'images of other splits are')} not used."
    return said


def _verdict(tables: Tables) -> Row | None:
    return tables["membership_verdicts"][0] if tables["membership_verdicts"] else None


def _shown(tables: Tables, verdict: Row) -> Row:
    return matching(tables["membership"], {"signal": verdict["signal"]})[0]
