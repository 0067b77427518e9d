"""What the report on one checkpoint says: verdict, findings, what was attacked and how, chapters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remnant.attacks.checkpoint.input_check import FITS
from remnant.attacks.checkpoint.methods import METHODS
from remnant.base.results import Highlight, Row, Section, TableView, matching
from remnant.measure.anonymity import Population
from remnant.measure.balance import IMBALANCE
from remnant.studies.lee2025 import findings
from remnant.studies.lee2025.brought import Given
from remnant.studies.lee2025.feeding import Feeding
from remnant.studies.lee2025.kept import Source
from remnant.studies.lee2025.leak_findings import Tables, exposed
from remnant.studies.lee2025.leak_sections import leak_sections
from remnant.studies.lee2025.materials import prior_in_words
from remnant.studies.lee2025.page import GLOSSARY, measures
from remnant.studies.lee2025.paper_sections import paper_sections
from remnant.studies.membership_tables import BLIND, membership_section

TITLE = "Does this checkpoint give its training patients away?"

WORDS = {
    "Member": "A patient whose images trained the model, by the table that was given.",
    "Non-member": "A patient whom that table says no training saw; nobody matched them with members, see the balance.",
    "Blind baseline": "A classifier of members against non-members that never sees the model. It must be at chance.",
    "AUC": "How often a member scores above a non-member; 0.5 is guessing.",
    "FPR": "False positive rate: the share of non-members who are taken for members.",
    "p, Holm": "The p-value made larger for the number of rows (Holm), so that looking often finds nothing by chance.",
    "Detectable": "The smallest AUC that so many patients would have shown with 80% power; a smaller leak may be there "
    "unseen.",
    "95% interval": GLOSSARY["95% interval"],
}
# What only an attack with a prior has to explain.
OF_THE_PRIOR = ("Prior", "Untuned prior", "Candidates", "Likely samples", "Flagged")


@dataclass(frozen=True)
class Asking:
    """Who asked for what: the files, what was `given` and how it was fed, the patients who taught the reader of age and sex, the
    population, and the `sources` of patients that were kept."""

    checkpoint: Path
    prior: Path | None
    given: Given
    feeding: Feeding
    demographics: tuple[str, ...]
    population: Population
    population_words: str
    sources: tuple[Source, ...]


def words(tables: Tables, asking: Asking, methods: Sequence[str], task: dict[str, Any]) -> dict[str, Any]:
    """The fields of `Results` that are prose or say what is shown."""
    given, feeding = asking.given, asking.feeding
    terms = dict(WORDS) if given.against else {}
    if methods:
        terms |= {word: GLOSSARY[word] for word in OF_THE_PRIOR if word in GLOSSARY}
    return {
        "headline": headline(tables),
        "highlights": highlights(tables),
        "findings": [*_findings(tables, given, feeding, task)],
        "threat_model": _threat_model(given, methods),
        "attacked": _attacked(tables, given, methods, asking.demographics),
        "not_tested": _not_tested(tables, given, methods),
        "measures": _measures(tables, asking, methods),
        "glossary": terms,
        "sections": _sections(tables, given),
    }


def _verdict(tables: Tables) -> Row | None:
    return tables["membership_verdicts"][0] if tables["membership_verdicts"] else None


def headline(tables: Tables) -> str:
    """The strongest attack first: what the model's output, and then what its weights, were shown to give away."""
    verdict = _verdict(tables)
    weights = findings.headline(tables) if tables["likely"] else ""
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


def _shown(tables: Tables, verdict: Row) -> Row:
    return matching(tables["membership"], {"signal": verdict["signal"]})[0]


def _identified(row: Row) -> str:
    """How many members the signal of this row identifies with few false alarms."""
    rate = f"a false positive rate of {row['at_false_positives']:.0%}"
    if row["true_positives"] is None:
        return f"How many members it identifies at {rate} is {row['found']}."
    return f"At {rate} it identifies {row['found']} of {row['members']} members; a stronger attack may identify more."


def no_conclusion(tables: Tables, preset: str) -> list[str]:
    """Why the audit supports no verdict, a sentence a reason. What the model's output was shown to give away needs no more."""
    verdict = _verdict(tables)
    if verdict and verdict["outcome"] == "shown":
        return []
    told = [str(verdict["sentence"])] if verdict and verdict["outcome"] == "cannot tell" and not exposed(tables) else []
    return told + (findings.no_conclusion(tables, preset) if tables["likely"] else [])


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
    return shown + (findings.highlights(tables) if tables["likely"] else [])


def _findings(tables: Tables, given: Given, feeding: Feeding, task: dict[str, Any]) -> Iterator[str]:
    verdict = _verdict(tables)
    if verdict:
        yield str(verdict["sentence"])
        if verdict["outcome"] == "shown":
            yield _identified(_shown(tables, verdict))
        yield _what_to_do(str(verdict["outcome"]), bool(exposed(tables)))
    if task:
        yield (
            f"On images of its training patients {task['right']} of {task['asked']} answers are right; one who guesses as often "
            f"each way has {task['by_chance']:.0%}. {given.answers.words}"
        )
    elif given.against:
        yield given.answers.words
    yield _fed(feeding)
    if given.against:
        yield _compared(tables, given)
    if tables["likely"]:
        # Its first paragraph says what to do about the weights alone.
        yield from findings.findings(tables)[1:] if verdict else findings.findings(tables)


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
        f"Images were given to it with {taken.size} pixels a side, {taken.channels} channel{'s' if taken.channels > 1 else ''}, "
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
        said += f" {against.left_out} patients of the validation are left out: they decided when the training stopped."
    if thinned := sum(against.thinned.values()):
        said += f" {thinned} images are left out, so that both groups have as many a patient."
    if against.unused:
        said += f" {against.unused} images of other splits are not used."
    return said


def _threat_model(given: Given, methods: Sequence[str]) -> list[str]:
    output = [
        "Whoever may ask the model about images: has a patient's image, and with it the right answer where that is said below, "
        "and wants to know whether the patient trained it."
    ]
    weights = [
        "The attacker has the checkpoint file: every weight and stored statistic, from which it infers the architecture.",
        "It has a generator of such images, trained on other patients, and no image of a training patient.",
    ]
    return [
        *(output if given.against else []),
        *(weights if methods else []),
        *(["Who is a member is known to the auditor alone."] if given.against else []),
    ]


def _attacked(tables: Tables, given: Given, methods: Sequence[str], taught: Sequence[str]) -> list[str]:
    facts = {row["fact"]: row["value"] for row in tables["file"]}
    told = given.described
    said = [
        f"{facts['file']}: {told.architecture}, {told.channels} channel{'s' if (told.channels or 0) > 1 else ''}, "
        f"{told.classes} output{'s' if (told.classes or 0) > 1 else ''}.",
        *(f"Assumed: {text}." for text in told.assumptions),
        *(f"Found in the file: {text}" for text in told.findings),
    ]
    if given.prior:
        said.append(prior_in_words(given.prior, taught))
        said.append("Attacks on the weights: " + "; ".join(METHODS[name].words for name in methods) + ".")
    for row in tables["patients"]:
        said.append(
            f"{row['patients']} {'members' if row['group'] == 'members' else 'non-members'}, {row['images']} images."
        )
    return said


def _not_tested(tables: Tables, given: Given, methods: Sequence[str]) -> list[str]:
    return [
        *([] if given.against else ["Whether the model's own output gives its training patients away (--against)."]),
        *([] if methods else ["What can be reconstructed from the weights (--prior)."]),
        *(["Age and sex of who is shown."] if methods and not tables["demographics"] else []),
        *(
            ["Whether the column split says rightly who trained the model: if it names others, no leak can show."]
            if given.against
            else []
        ),
        *(
            ["Whether the attack with this prior could see a leak at all: there was no positive control."]
            if methods
            else []
        ),
        "Membership inference with models trained for comparison, which is stronger than a threshold.",
        "Attackers who see the training: gradients, several checkpoints, logs.",
    ]


def _measures(tables: Tables, asking: Asking, methods: Sequence[str]) -> dict[str, str]:
    given, said = asking.given, {}
    if given.prior and methods:
        said |= measures(given.prior.side, asking.population, asking.population_words, tables)
    if given.against:
        said |= {
            "patient": "A patient's score is the mean over his images, never a maximum.",
            "signed margin": "log(p / (1 - p)) for the probability p of the right answer (Carlini 2022); without answers the "
            "same of the likelier one.",
            "balance": "Difference of means over patients in units of the pooled standard deviation (Austin 2009).",
        }
    if asking.feeding.distance is not None:
        said["distance from the stored statistics"] = (
            "Mean over BatchNorm layers and channels of (m - M)²/V + log(v/V)², m and v being what enters with these images, "
            "M and V what the file stores."
        )
    return said


def _sections(tables: Tables, given: Given) -> list[Section]:
    chapters = []
    if given.against:
        chapters += [
            membership_section(
                who="Members are the patients whom the table's column split says trained the model; non-members those whom it "
                "says did not."
            ),
            _balance_section(),
        ]
    chapters += [_input_section(), _file_section()]
    return [*chapters, *leak_sections(tables), *(paper_sections(tables) if tables["likely"] else [])]


def _balance_section() -> Section:
    return Section(
        title="Are members and non-members alike?",
        text=[
            "What distinguishes the two groups beside the training may pass for a leak; the blind baseline looks for it."
        ],
        table=TableView(
            name="balance",
            caption="Means over patients; the difference in standard deviations.",
            columns={
                "trait": "Trait",
                "{members:.3g}": "Members",
                "{non_members:.3g}": "Non-members",
                "{difference:+.2f}": "Difference",
                "{members_known}/{non_members_known}": "Patients with it",
            },
        ),
    )


def _input_section() -> Section:
    return Section(
        title="How were images given to the model?",
        text=["A model that is given images otherwise than in training answers noise, and noise hides a leak."],
        table=TableView(
            name="input",
            caption="Distance of the images from the statistics that the model stores of its training images.",
            columns={
                "size": "Pixels a side",
                "channels": "Channels",
                "range": "Range",
                "mean": "Mean",
                "std": "Standard deviation",
                "greys": "Greys",
                "{distance:.2f}": "Distance",
                "{first:.2f}": "First layer",
                "fits": "Fits",
            },
        ),
    )


def _file_section() -> Section:
    return Section(
        title="What is in the file?",
        text=["What the file tells, what had to be assumed where it does not, and what `remnant inspect` finds."],
        table=TableView(name="file", caption="The checkpoint.", columns={"fact": "What", "value": "As read"}),
    )
