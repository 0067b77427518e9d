"""What the report says beside its findings: threat model, what was attacked, measures, words, chapters."""

from collections.abc import Mapping
from typing import Any

from remnant.base.results import Row, Section
from remnant.base.texts import counted
from remnant.cohort.scans import Scans
from remnant.measure.verification import CONTROL
from remnant.report.words import label
from remnant.studies.kim2019.described import is_control
from remnant.studies.kim2019.findings import exposed, findings, headline, highlights
from remnant.studies.kim2019.identity_sections import every_adversary, identity_sections
from remnant.studies.kim2019.identity_tables import primary_kind
from remnant.studies.kim2019.overlap_sections import overlap_sections
from remnant.studies.kim2019.records import QUERIED
from remnant.studies.kim2019.summary_tables import Tables
from remnant.studies.kim2019.variants import Variant
from remnant.studies.membership import membership_summary, strongest_first
from remnant.studies.membership_tables import membership_section

TITLE = "Does a code hide whose scan a server segments?"

GLOSSARY = {
    "Code": "What the client sends instead of the scan: the output of the encoder, of the scan's size, or the "
    "deformed scan.",
    "Segmentation": "What the server makes of the code; whoever holds the segmenter can make it.",
    "Raw scan": "Nothing is hidden: the control of every attack, and the Dice that hiding is held against.",
    "Lambda (\u03bb)": "The weight of hiding against segmenting in the encoder's training.",
    "After Kim 2019": "The paper's defence by its formula. Loss of the segmenter, head and trunk of the discriminator, order of "
    "updates, rates, widths and length of training differ from the paper.",
    "Recipe of Kim 2019": "The paper's defence trained as the paper has it, as far as the voxels and the time allow; what "
    "still differs is said in a chapter of its own.",
    "Published, entropy, inversion": "What the encoder plays for: the loss of the discriminator, by the paper's formula; its "
    "indecision, which has a bound; its indecision and the failure of a decoder that reconstructs the scan.",
    "Secret deformation": "A warp that the client draws, keeps to itself, and undoes on the segmentation that comes back.",
    "D_adv, fresh D_new": "The discriminator that the encoder played against, by the mean over a whole code or, as the paper "
    "judges it, by one patch of each pair; one trained afterwards on the codes.",
    "AUC": "Area under the ROC curve: how often a pair of one patient scores above a pair of two; 0.5 is guessing.",
    "Detectable": "The smallest effect that so many patients would have shown with 80% power.",
    "Reconstruction": "Drawn by the inversion decoder from a code or a segmentation, without the scan.",
    "Mean image": "The average of the attacker's own patients: what it can show without any code.",
    "95% interval": "In brackets, over patients: the values that these few patients cannot rule out.",
}

WHO_IS_WHO = (
    "The server's segmentation of each code is compared with the truth, for the patients whom its networks were trained on and "
    "for the test patients; where a secret bends the code the truth is bent with it."
)


def words(
    tables: Tables, variants: Mapping[str, Variant], attacked: list[str], departures: list[str] | None = None
) -> dict[str, Any]:
    """The fields of `Results` that are prose or say what is shown; what was `attacked` as it says.

    `departures` as in `conclude`.
    """
    return {
        "title": TITLE,
        "headline": strongest_first(headline(tables), tables["membership_verdicts"], exposed=exposed(tables)),
        "highlights": highlights(tables),
        "findings": [*findings(tables), *_membership(tables["membership_verdicts"])],
        "threat_model": _threat_model(variants),
        "attacked": attacked,
        "not_tested": _not_tested(tables, variants),
        "measures": _measures(tables),
        "glossary": GLOSSARY,
        "sections": [
            *identity_sections(tables),
            *([_recipe(departures)] if departures else []),
            *([membership_section("name", "Sent as", WHO_IS_WHO)] if tables["membership"] else []),
            *overlap_sections(tables),
            *every_adversary(tables),
        ],
    }


def _membership(verdicts: list[Row]) -> list[str]:
    """Raw scans' segmenters hide nothing: what is judged are those of the codes."""
    return membership_summary(verdicts, [str(row["target"]) for row in verdicts if is_control(row)])


def _recipe(departures: list[str]) -> Section:
    return Section(
        title="How near is the recipe to Kim 2019?",
        text=[
            "By the recipe: the paper's loss of the segmenter, a Siamese network with two layers on the features one behind the "
            "other; encoder (as an auto-encoder), segmenter and discriminator each trained alone on raw scans first, then in "
            "turn, encoder and segmenter before the discriminator, by Adam at 1e-4. Dice is held against a segmenter, and D_adv "
            "against a discriminator, that were trained by the same recipe on raw scans.",
            f"What still differs from the paper, beside the patients: {' '.join(departures)}",
        ],
    )


def _threat_model(variants: Mapping[str, Variant]) -> list[str]:
    said = [
        "The attacker holds the server: the segmenter, and every code that a client sends.",
        "It can have scans of its own patients encoded, as any client can, and trains all its attacks on these; it "
        "is taken to own the scans that the networks were trained on.",
        "Of the patients whose codes it is sent it has no scan; a gallery of scans is what it searches with what "
        "it reconstructed.",
    ]
    if any(variant.secret for variant in variants.values()):
        said.append("Where the client keeps a secret, the attacker knows the law that it is drawn from, not the draw.")
    return said


def ways(variants: Mapping[str, Variant]) -> str:
    """Which ways to send a scan were attacked."""
    return f"Ways to send a scan: {'; '.join(variant.words for variant in variants.values())}."


def attacked(tables: Tables, variants: Mapping[str, Variant], scans: Scans) -> list[str]:
    """What was attacked, on whom and on which pairs; `scans` are those that the study ran on."""
    patients = {
        role: len({name for name, own in zip(scans.patients, scans.roles, strict=True) if own == role})
        for role in ("training", "test")
    }
    shape = " x ".join(str(side) for side in scans.labels.shape[1:])
    said = [
        ways(variants),
        f"Scans of {shape} voxels at {scans.spacing_mm:g} mm, segmented into "
        f"{', '.join(label(name) for name in scans.classes[1:])}.",
        f"{counted(patients['training'], 'patient trains', 'patients train')} the networks and the attacks; "
        f"{counted(patients['test'], 'other patient, whom no training saw, is', 'other patients, whom no training saw, are')} "
        "reported.",
    ]
    kind = primary_kind(tables["identity"])
    for each in dict.fromkeys(row["kind"] for row in tables["identity"]):
        row = next(row for row in tables["identity"] if row["kind"] == each)
        apart = "" if each == kind else ", reported apart"
        said.append(
            f"Identity rests on {counted(row['same'], f'{each} pair')} of one patient and {row['different']} of two, of "
            f"{counted(row['patients'], 'test patient')}{apart}."
        )
    return said


def _not_tested(tables: Tables, variants: Mapping[str, Variant]) -> list[str]:
    secret = any(variant.secret for variant in variants.values())
    queried = any(row["view"] in QUERIED for row in tables["identity"])
    return [
        *([] if tables["inversion"] else ["Whether the scan can be reconstructed."]),
        *([] if tables["people"] else ["Age and sex of whom a code is of."]),
        *([] if tables["transfer"] else ["A second cohort."]),
        *(["One patient sent many times with fresh secrets."] if secret and not queried else []),
        "Whether a person, rather than a measure, recognises anybody.",
        "An attacker that holds the encoder's weights, or alters the segmenter during training.",
        "Disease in the scans, other anatomies and other modalities.",
        "Other seeds of the defence: one training of each variant.",
    ]


def _measures(tables: Tables) -> dict[str, str]:
    said = {
        "pairs": "D_adv calls a pair the same from a probability of one half on, as does a fresh D_new where the training "
        "patients are few; otherwise D_new does from a threshold on that patients gave who were kept from its training. MS-SSIM "
        "and the likelihood ratios take theirs from training pairs. Accuracy is balanced: the mean of the shares right among "
        "pairs of one patient and of two. Intervals are the percentile bootstrap over patients (vertex bootstrap), which what "
        "pairs share through a patient is in.",
        "control": "An adversary's failure counts where the same one, with the same budget and seed, reaches "
        f"{CONTROL} on raw scans.",
        "code minus segmentation": "Difference of two AUCs over the same pairs, the strongest of each, turned where an "
        "adversary's own training pairs showed it to err; bootstrap over patients with the same draws, p after "
        "Holm (1979).",
        "retrieval": "Mean average precision over all other test scans by Euclidean distance of D_new's embedding.",
        "Dice": "On the segmentation that the client has in the end; overall weighed by region size; a patient counts once.",
        "interval": "Means: bootstrap over patients (BCa), 95%. Proportions: Clopper-Pearson, 95%.",
    }
    if tables["inversion"]:
        said["similarity"] = str(tables["inversion"][0]["measure"])
        said["displacement"] = "Mean length of the deformation field that takes the reconstruction to the scan, in mm."
    return said
