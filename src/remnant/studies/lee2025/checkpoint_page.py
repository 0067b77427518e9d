"""What the report on one checkpoint says beside its verdict: what was attacked, by whom and how, what was not, which words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remnant.attacks.checkpoint.methods import METHODS
from remnant.base.texts import counted
from remnant.measure.anonymity import Population
from remnant.studies.lee2025.brought import Given
from remnant.studies.lee2025.checkpoint_chapters import chapters
from remnant.studies.lee2025.checkpoint_verdict import findings, headline, highlights
from remnant.studies.lee2025.feeding import Feeding
from remnant.studies.lee2025.kept import Source
from remnant.studies.lee2025.leak_findings import Tables
from remnant.studies.lee2025.materials import prior_in_words
from remnant.studies.lee2025.page import GLOSSARY, measures

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
        "findings": [*findings(tables, given, feeding, task)],
        "threat_model": _threat_model(given, methods),
        "attacked": _attacked(tables, given, methods, asking.demographics),
        "not_tested": _not_tested(tables, given, methods),
        "measures": _measures(tables, asking, methods),
        "glossary": terms,
        "sections": chapters(tables, compared=bool(given.against)),
    }


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
        f"{facts['file']}: {told.architecture}, {counted(told.channels or 0, 'channel')}, "
        f"{counted(told.classes or 0, 'output')}.",
        *(f"Assumed: {text}." for text in told.assumptions),
        *(f"Found in the file: {text}" for text in told.findings),
    ]
    if given.prior:
        said.append(prior_in_words(given.prior, taught))
        said.append("Attacks on the weights: " + "; ".join(METHODS[name].words for name in methods) + ".")
    for row in tables["patients"]:
        said.append(
            f"{counted(row['patients'], 'member' if row['group'] == 'members' else 'non-member')}, "
            f"{counted(row['images'], 'image')}."
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
