"""The chapters of a report that stand beside the findings on codes."""

from collections.abc import Mapping

from remnant.base.results import Row, Section, TableView
from remnant.base.terms import capital
from remnant.cohort.spoilt import CONDITIONS
from remnant.measure.overlaps import CLEAN
from remnant.report.words import label

AUC = "{auc:.2f} [{low:.2f}, {high:.2f}]"
DICE = "{dice:.3f} [{low:.3f}, {high:.3f}]"
SECTIONS = (
    Section(
        title="Adversaries of codes",
        text=[
            "Whether two codes are of one patient. An AUC below 0.5 is told from its other side: who is confidently wrong knows "
            "the answer. The intervals are of each adversary by itself.",
            "The finding is of the strongest one, which is chosen on these very pairs. So its AUC is somewhat too high: the more "
            "so the less there is to find. Its p and interval hold for all of them together.",
            "D_adv is the adversary of the training, by whole codes and by patches. A fresh D_new is a Siamese network that the "
            "attacker trains on codes of his own scans.",
        ],
        table=TableView(
            name="adversaries",
            caption="AUC of every adversary, on patients in no training. Raw: the same adversary on the scans themselves; "
            "one that fails there says nothing of codes.",
            columns={
                "view": "Seen",
                "where": "Scans",
                "adversary": "Adversary",
                "patients": "Patients",
                AUC: "AUC [95% interval]",
                "{balanced:.2f}": "Balanced accuracy",
                "{raw:.2f}": "Raw",
                "p": "p, before Holm",
            },
        ),
    ),
    Section(
        title="Codes beyond their segmentations",
        text=[
            "The server makes a segmentation of every code, and that shows a patient's anatomy, whatever the code hides."
        ],
        table=TableView(
            name="beyond_segmentation",
            caption="AUC of each adversary on codes and on the segmentations of the same codes, over the same pairs.",
            columns={
                "adversary": "Adversary",
                "where": "Scans",
                "patients": "Patients",
                "{codes:.2f}": "Codes",
                "{segmentations:.2f}": "Segmentations",
                "{difference:+.2f} [{low:+.2f}, {high:+.2f}]": "Difference [95% interval]",
                "p": "p",
            },
        ),
    ),
    Section(
        title="What the segmentation is worth",
        text=["Dice of the segmentation that the client has in the end, on whole scans of patients in no training."],
        table=TableView(
            name="segmentation",
            caption="Dice by class; overall weighs the classes by their size.",
            columns={"class": "Class", "n": "Patients", DICE: "Dice [95% interval]"},
        ),
    ),
    Section(
        title="On worse scans",
        text=["Rician noise inside the head at 15, 10 and 5 dB, and half the resolution."],
        table=TableView(
            name="worse_scans",
            caption="Dice [95% interval] on spoilt scans of the same patients.",
            columns={"class": "Class", "n": "Patients"}
            | {
                f"{{{name}_dice:.3f}} [{{{name}_low:.3f}}, {{{name}_high:.3f}}]": capital(label(name))
                for name in (CLEAN, *CONDITIONS)
            },
        ),
    ),
    Section(
        title="On another cohort",
        text=[
            "Patients of another cohort, in three tissues. As trained: both networks as they are. Retrained: the segmenter "
            "trained on codes of that cohort, cross-validated there."
        ],
        table=TableView(
            name="transfer",
            caption="Dice on other cohorts.",
            columns={
                "cohort": "Cohort",
                "trained": "Segmenter",
                "class": "Class",
                "n": "Patients",
                DICE: "Dice [95% interval]",
            },
        ),
    ),
    Section(
        title="How long it takes",
        table=TableView(
            name="runtime",
            caption="Median seconds a scan (fastest to slowest).",
            columns={
                "step": "Step",
                "{seconds:.3f} ({fastest:.3f} to {slowest:.3f})": "Seconds",
                "voxels": "Voxels",
                "device": "On",
                "n": "Scans",
            },
        ),
    ),
)


def sections_of(tables: Mapping[str, list[Row]]) -> list[Section]:
    """The chapters on codes of which there is a table."""
    return [section for section in SECTIONS if section.table and tables.get(section.table.name)]
