"""What the report says beside its findings: threat model, what was attacked, measures, words, chapters."""

from collections.abc import Sequence
from typing import Any

from remnant.attacks.checkpoint.methods import METHODS
from remnant.base.texts import counted
from remnant.measure.anonymity import Population
from remnant.measure.images import centre_box
from remnant.measure.similarity import MATRICES
from remnant.report.words import label
from remnant.studies.lee2025.findings import findings, headline, highlights
from remnant.studies.lee2025.leak_findings import Tables, exposed
from remnant.studies.lee2025.leak_sections import leak_sections
from remnant.studies.lee2025.oracle_words import oracle_sections
from remnant.studies.lee2025.paper_sections import paper_sections
from remnant.studies.lee2025.targets import PLANTED
from remnant.studies.membership import membership_findings, membership_shown, strongest_first
from remnant.studies.membership_tables import membership_section

TITLE = "Can a classifier's checkpoint give its patients away?"

GLOSSARY = {
    "Checkpoint": "The file of a trained network: its weights and stored statistics.",
    "Target": "The trained network under audit.",
    "Member": "A patient whose radiographs trained the target.",
    "Non-member": "A patient of the same source whom no training saw, matched with a member; the honest control.",
    "Prior": "A generator of radiographs that the attacker trained on public images, before it saw any target.",
    "Untuned prior": "Its images as they are: what the attacker can show without the target. What they give away is "
    "not the target's leak.",
    "Candidates": "The images that an attack draws of a target.",
    "Likely samples": "Candidates that are among the best by both of the paper's scores.",
    "AUC": "Area under the ROC curve: how often a member's nearest candidate is more similar than a non-member's; "
    "0.5 is guessing.",
    "Gain": "By which share the distance to the nearest candidate falls more for members than for non-members, from a "
    "control's candidates to the attack's; 0% where membership does not matter.",
    "GMI": "Generative model inversion: images that the target puts into a class with confidence. It reads no stored "
    "statistic, so that what it reaches is no matter of these.",
    "Flagged": "The attack gains on its untuned prior, and on GMI where that was run, beyond chance.",
    "Detectable": "The smallest difference that so many patients would have shown with 80% power; a smaller leak may "
    "be there unseen.",
    "95% interval": "In brackets, over patients: the values that these few patients cannot rule out.",
    "Planted CNN": "The positive control: trained on 8 images for very long. An audit that does not flag it cannot be "
    "relied on.",
    "Untrained CNN": "The negative control: random weights, which hold nothing of anybody.",
}


def words(
    tables: Tables,
    *,
    side: int,
    prior: str,
    methods: Sequence[str],
    population: Population,
    population_words: str,
) -> dict[str, Any]:
    """The fields of `Results` that are prose or say what is shown.

    `side` of the images in pixels; `prior`: a sentence on the generator and the public images that it learned from; `methods`:
    the attacks that were run; `population_words`: where the age-sex table is from.
    """
    verdicts = tables["membership_verdicts"]
    # Both attacks claim who was in the training: the stronger is the one that says it of more targets.
    by_weights = len(exposed(tables)) >= max(1, len(membership_shown(verdicts)))
    return {
        "headline": strongest_first(headline(tables), verdicts, exposed=by_weights),
        "highlights": highlights(tables),
        "findings": [*findings(tables), *membership_findings(verdicts)],
        "threat_model": [
            "The attacker has the checkpoint file: every weight and stored statistic, from which it infers the "
            "architecture. It knows what the images are of (frontal chest radiographs).",
            "The attacker has public radiographs of other patients, and a generator trained on them.",
            "The attacker has no image of a training patient, no label, no report, and nothing of the training but "
            "the file.",
            "Members and non-members are known to the auditor alone, who looks whether the drawn images are nearer to "
            "members.",
        ],
        "attacked": _attacked(tables, prior, methods, side),
        "not_tested": _not_tested(tables),
        "measures": measures(side, population, population_words, tables),
        "glossary": GLOSSARY,
        "sections": [
            *([membership_section()] if tables["membership"] else []),
            *leak_sections(tables),
            *oracle_sections(tables),
            *paper_sections(tables),
        ],
    }


def _attacked(tables: Tables, prior: str, methods: Sequence[str], side: int) -> list[str]:
    targets = "; ".join(
        f"{label(row['target'])} ({row['network']}, {label(row['source'])} patients)" for row in tables["targets"]
    )
    said = [
        f"{counted(len(tables['targets']), 'target')}, trained here: {targets}.",
        f"Images of {side} x {side} pixels, one channel.",
        prior,
        "Attacks: " + "; ".join(METHODS[name].words for name in methods) + ".",
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


def _not_tested(tables: Tables) -> list[str]:
    return [
        *([] if tables["leak"] else ["Whether the images resemble patients of the training more than others."]),
        *([] if tables["demographics"] else ["Age and sex of who is shown."]),
        "Whether a person, rather than a measure of similarity, recognises anybody.",
        "Attackers who have images or reports of the patients, or see the training: gradients, several checkpoints, "
        "logs.",
        "Membership inference with models trained for comparison, which is stronger than a threshold.",
        "Other anatomies, views and modalities; networks other than those above.",
        "Mitigations beyond those in the tables: differential privacy above all.",
        "Other seeds: one training of each target, and one of the prior.",
    ]


def measures(side: int, population: Population, population_words: str, tables: Tables) -> dict[str, str]:
    """How the numbers of an attack with a prior, of images of `side` pixels, were taken."""
    box = centre_box((side, side), 0.8)
    crop = box[0].stop - box[0].start
    said = {
        "similarity of features": "Cosine of the features that the target's last layer reads"
        + (
            ", or that of the demographic model, which was trained on public images only."
            if tables["demographics"]
            else "."
        ),
        "ssim": MATRICES["ssim"].describe((side, side)).replace("voxels", "pixels"),
        "middle 80%": f"The middle {crop} x {crop} pixels of both images, resized back.",
        "AUC": "Mann and Whitney, with Newcombe's interval (2006); contrast of two AUCs over the same patients: "
        "DeLong's interval (1988), p by exchanging ranks within patients (Bandos 2005).",
        "gain": "A patient's score is -log(1 - similarity) of the nearest of k candidates, averaged over random subsets of "
        "k, the same k for attack and control and at most half of the control's. The gain is 1 - exp(-d), d being what "
        "members gain less what non-members do. Interval by Welch's t, with the variance between draws of k candidates. "
        "p, one-sided: the larger of dealing patients anew, and candidates of attack and control.",
        "flagged": "Gains above 0 on every control that was run, the larger p at most 0.025 after Holm (1979), over targets, "
        "attacks and spaces together; the two controls of the audit itself are a family of their own.",
        "nearer": "Members whose nearest candidate is more similar than that of any non-member; chance by dealing the "
        "patients to the groups anew.",
        "patients": "A patient counts once, by the mean over his images of how near the nearest candidate comes. Intervals are "
        "over patients and hold "
        "the drawn images fixed: another attack or another training may give other numbers.",
    }
    if tables["anonymity"]:
        said["population"] = f"{population.people:,.0f} people. {population_words}"
        said["anonymity set"] = (
            "Split conformal prediction from the errors on validation patients, 95% confidence; a site draws people "
            "from the population at random."
        )
    if PLANTED in {row["target"] for row in tables["leak"]}:
        said["planted CNN"] = "Its members are few, so that only a large difference can be shown: see 'detectable'."
    return said
