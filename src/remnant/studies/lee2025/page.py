"""What the report says beside its findings: threat model, what was attacked, measures, words."""

from typing import Any

from remnant.attacks.membership.output import OUTPUT
from remnant.base.texts import counted
from remnant.measure.anonymity import Population
from remnant.measure.similarity import MATRICES
from remnant.report.words import label
from remnant.studies.lee2025.exposure import Exposure
from remnant.studies.lee2025.findings import Tables, findings, headline, highlights
from remnant.studies.lee2025.sections import sections_of
from remnant.studies.lee2025.settings import ATTACKS

TITLE = "Can a classifier's checkpoint give its patients away?"

GLOSSARY = {
    "Checkpoint": "The file of a trained network: its weights and stored statistics.",
    "Target": "The trained network under audit.",
    "Member": "A patient whose radiographs trained the target.",
    "Non-member": "A patient of the same source whom no training saw, matched with a member; the honest control.",
    "Prior": "A generator of radiographs that the attacker trained on public images, before it saw any target.",
    "Untuned prior": "Its images as they are: what the attacker can show without the target.",
    "Candidates": "The images that an attack draws of a target.",
    "Likely samples": "Candidates that are among the best by both of the paper's scores.",
    "AUC": "Area under the ROC curve: how often a member's score is higher than a non-member's; 0.5 is guessing.",
    "Gain": "By which share the distance to the nearest candidate falls more for members than for non-members, from a "
    "control's candidates to the attack's; 0 where membership does not matter.",
    "GMI": "Generative model inversion: images that the target puts into a class with confidence. It reads no stored "
    "statistic, so that what it reaches is no matter of these.",
    "Exposed": "Beyond chance by p after Holm and by its interval, and no control speaks against it.",
    "Detectable": "The smallest leak that so many patients would have shown with 80% power; a smaller one may be there unseen.",
    "95% interval": "In brackets, over patients: the values that these few patients cannot rule out.",
    "Planted CNN": "The positive control: trained on 8 images for very long. An audit that does not see it cannot be relied on.",
    "Untrained CNN": "The negative control: random weights, which hold nothing of anybody.",
}


def words(
    exposure: Exposure, tables: Tables, *, side: int, prior: str, population: tuple[Population, str]
) -> dict[str, Any]:
    """The fields of `Results` that are prose or say what is shown.

    `side` of the images in pixels; `prior`: a sentence on the generator and the public images that it learned from; `population`
    with where it is from.
    """
    return {
        "headline": headline(exposure),
        "highlights": highlights(exposure),
        "findings": findings(exposure, tables),
        "threat_model": [
            "The attacker has the checkpoint file: every weight and stored statistic, from which it infers the "
            "architecture. It knows what the images are of (frontal chest radiographs).",
            "The attacker has public radiographs of other patients, and a generator trained on them.",
            "From the file alone images are drawn, with no image of a training patient, no label and no report. To ask whether "
            "somebody was in the training, the attacker has that patient's radiograph and its label.",
            "Members and non-members are known to the auditor alone, who looks whether the drawn images are nearer to members.",
        ],
        "attacked": _attacked(tables, prior, side),
        "not_tested": [
            "Whether a person, rather than a measure of similarity, recognises anybody.",
            "Attackers who see the training: gradients, several checkpoints, logs.",
            "Membership inference with models trained for comparison, which is stronger than a threshold.",
            "Other anatomies, views and modalities; networks other than those above.",
            "Mitigations beyond those in the tables: differential privacy above all.",
            "Other seeds: one training of each target, and one of the prior.",
        ],
        "measures": _measures(side, *population),
        "glossary": GLOSSARY,
        "sections": sections_of(tables),
    }


def _attacked(tables: Tables, prior: str, side: int) -> list[str]:
    targets = "; ".join(
        f"{label(row['target'])} ({row['network']}, {label(row['source'])} patients)" for row in tables["targets"]
    )
    drawn = [ATTACKS[str(name)].words for name in dict.fromkeys(row["method"] for row in tables["likely"])]
    words_of = [OUTPUT.words, *drawn]
    said = [
        f"{counted(len(tables['targets']), 'target')}, trained here: {targets}.",
        f"Images of {side} x {side} pixels, one channel.",
        prior,
        "Attacks: " + "; ".join(words_of) + ".",
    ]
    groups = {(row["source"], row["group"]): row for row in tables["patients"]}
    for source in dict.fromkeys(row["source"] for row in tables["patients"]):
        parts = [
            counted(row["patients"], *words)
            for name, words in (
                ("members", ("member",)),
                ("validation", ("patient for validation", "patients for validation")),
                ("non_members", ("non-member",)),
            )
            if (row := groups.get((source, name)))
        ]
        said.append(f"Patients ({label(source)}): {', '.join(parts)}.")
    return said


def _measures(side: int, population: Population, population_words: str) -> dict[str, str]:
    """How the numbers of an attack with a prior, of images of `side` pixels, were taken."""
    return {
        "similarity of features": "Cosine of the features that the target's last layer reads, or of those of the reader of age "
        "and sex, which was trained on public images only.",
        "ssim": MATRICES["ssim"].describe((side, side)).replace("voxels", "pixels"),
        "AUC": "Mann and Whitney, with Newcombe's interval (2006); contrast of two AUCs over the same patients: DeLong's "
        "interval (1988), p by exchanging ranks within patients (Bandos 2005).",
        "gain": "A patient's score is -log(1 - similarity) of the nearest of k candidates, averaged over random subsets of k, "
        "the same k for attack and control and at most half of the control's. The gain is 1 - exp(-d), d being what members "
        "gain less what non-members do. Interval by Welch's t, with the variance between draws of k candidates. p, one-sided: "
        "the larger of dealing patients anew, and candidates of attack and control.",
        "exposed": "An interval beyond chance and p at most 0.01 after Holm (1979), over all targets, attacks and spaces "
        "together; half of the level is for each target's own answer, which was named before the run.",
        "patients": "A patient counts once, by the mean over his images. Intervals are over patients and hold the drawn images "
        "fixed: another attack or another training may give other numbers.",
        "population": f"{population.people:,.0f} people. {population_words}",
        "anonymity set": "Split conformal prediction from the errors on validation patients, 95% confidence; a site draws people "
        "from the population at random.",
    }
