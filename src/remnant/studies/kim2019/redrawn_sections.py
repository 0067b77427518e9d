"""The report's chapters on what of a scan is read back out of a code: the scan itself, age and sex."""

from remnant.base.results import Section, TableView

WHO = {"name": "Sent as"}


def inversion() -> Section:
    """What a decoder reconstructs of scans from codes and segmentations, and whether that finds the patient."""
    return Section(
        title="Can the scan be reconstructed?",
        text=[
            "An inversion decoder learned from the attacker's own patients to reconstruct a scan from its code, or from "
            "its segmentation. A reconstruction identifies its patient when that patient's scan is the most similar "
            "of all. Similarity alone proves little, since heads resemble each other: the attacker's mean image "
            "holds nothing of the patient. Raw scans are the positive control: there the decoder is handed the "
            "scan itself. 'Another visit' seeks the patient's first scan by the reconstruction of a later one; "
            "beside it, what the later scan itself would find.",
        ],
        table=TableView(
            name="inversion",
            caption="Patients found first with exact 95% interval, p against chance after Holm over all rows but raw scans'; "
            "SSIM with the scan sought, with others', and of the mean image with it; gain over the mean image, "
            "paired; mean displacement in mm that takes the reconstruction to the scan, others', and from the mean image.",
            columns={
                **WHO,
                "view": "Seen",
                "sought": "Sought",
                "{rank1_count}/{n}": "Found first",
                "{rank1:.0%} [{rank1_low:.0%}, {rank1_high:.0%}]": "Share",
                "{chance:.1%}": "Chance",
                "holm_p": "p",
                "{scan_rank1:.0%}": "By the scan itself",
                "{auc} [{auc_low}, {auc_high}]": "AUC, own against others",
                "{ssim:.3f} [{ssim_low:.3f}, {ssim_high:.3f}]": "SSIM",
                "{ssim_others:.3f}": "Others",
                "{ssim_mean_image:.3f}": "Mean image",
                "{gain:+.3f} [{gain_low:+.3f}, {gain_high:+.3f}]": "Gain",
                "{mm} ({mm_others}, {mm_mean_image})": "mm (others, mean image)",
            },
        ),
    )


def people() -> Section:
    """How well age and sex are read off codes and segmentations."""
    return Section(
        title="Are age and sex read off it?",
        text=[
            "Networks trained on the attacker's own patients, judged on test patients. Beside them one guess for "
            "all: the mean age of the training patients, and the majority. Where the skill asked for is missing, a "
            "prediction says nothing of anybody.",
        ],
        table=TableView(
            name="people",
            caption="Mean absolute error in years and R2 of the age; balanced accuracy and AUC of the sex; with "
            "95% intervals.",
            columns={
                **WHO,
                "view": "Seen",
                "ages": "n",
                "{mae:.1f} [{mae_low:.1f}, {mae_high:.1f}]": "Age error",
                "{guess_mae:.1f}": "One guess",
                "{r2} [{r2_low}, {r2_high}]": "R2",
                "age_usable": "Age usable",
                "sexes": "n, sex",
                "{balanced} [{balanced_low}, {balanced_high}]": "Sex, balanced",
                "{sex_auc} [{sex_auc_low}, {sex_auc_high}]": "Sex AUC",
                "sex_usable": "Sex usable",
            },
        ),
    )
