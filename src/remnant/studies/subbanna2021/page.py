"""What the report says beside its findings: threat model, what was attacked, sections with tables and figures."""

from typing import Any

from remnant.attacks.decoder import DECODERS
from remnant.base.results import FigureView, Section, TableView
from remnant.cohort.case import Cohort
from remnant.studies.subbanna2021.findings import NAMES, Tables, findings, headline, strongest
from remnant.studies.subbanna2021.settings import StudySettings

TITLE = "Can a brain scan be redrawn from a segmentation network's latent space?"
WHO = {"network": "Network", "decoder": "Decoder", "metric": "Measure", "group": "Patients"}


def words(tables: Tables, cells: dict[str, dict[str, Any]], settings: StudySettings, cohort: Cohort) -> dict[str, Any]:
    """The fields of `Results` that are prose or say what is shown."""
    decoder = strongest(tables, settings)
    attacks = [cell for cell in cells.values() if "measures" in cell]
    # A box belongs to a fold, whose template places the heads.
    measures = {
        metric: "; ".join(dict.fromkeys(cell["measures"][metric] for cell in attacks))
        for metric in attacks[0]["measures"]
    }
    return {
        "headline": headline(tables, settings, decoder),
        "findings": findings(tables, settings, decoder),
        "threat_model": [
            "The attacker has the encoder of the network and can run it on images of its own.",
            "The attacker owns scans of other patients, prepared in the same way; how many stands under 'attacked'.",
            "The attacker is handed the latents of patients whose scans it never sees: the output of the encoder's last "
            "pooling, as it would be shared or sent to a server. Nothing else of these patients is known to it.",
        ],
        "attacked": _attacked(settings, cohort),
        "not_tested": [
            "An attacker who holds the weights alone, without any latents.",
            "Whether a person, rather than a measure of similarity, recognises the patient.",
            "The deformation field between reconstruction and original, the paper's fourth measure.",
            "Images with the skull, other scanners, other anatomies.",
            "Mitigations: differential privacy, regularisation, obfuscating encoders.",
        ],
        "measures": {
            **measures,
            "interval": "Means: bootstrap over patients (BCa), 95%. Proportions: Clopper-Pearson, 95%.",
            "ncc and the paper's MCC": "The paper's 'MCC' is described as a correlation of grey levels, so that its numbers "
            "stand beside our NCC.",
        },
        "sections": _sections(decoder, two_sessions=bool(tables["other_session"]), leak=bool(tables["leak"])),
    }


def _attacked(settings: StudySettings, cohort: Cohort) -> list[str]:
    patients, folds = len(cohort.patients), settings.folds
    members = -(-patients // folds)
    groups = 1 if settings.design == "two_groups" else 2
    networks = " and ".join(NAMES[network] for network in settings.networks)
    return [
        f"{networks}: four levels of {settings.segmenter.widths[0]} to {settings.segmenter.widths[-1]} filters, trained to "
        f"segment {', '.join(cohort.scheme(settings.preparation.scheme).classes[1:])}.",
        f"{patients} patients with {len(cohort.cases)} scans in {folds} folds: at most {members} members, at least "
        f"{patients - groups * members} patients of the attacker's"
        + (
            f", at most {members} non-members; every patient is once a member and once a non-member."
            if groups == 2
            else "."
        ),
        "Inversion decoders: " + "; ".join(DECODERS[decoder].words for decoder in settings.decoders) + ".",
    ]


def _sections(decoder: str, *, two_sessions: bool, leak: bool) -> list[Section]:
    shown = {"decoder": decoder, "metric": "ssim"}
    sections = [
        Section(
            title="Is the right patient found?",
            text=[
                "Each reconstruction is held against one scan of every patient of the cohort. It finds its patient when that "
                "patient's own scan is the most similar. The row 'mean image' is the same search by the attacker's mean image: "
                "being nearest to the attacker's own scans, which stand in the gallery, it finds others less often than chance."
            ],
            table=TableView(
                name="identification",
                caption="Table 2 of the paper: own scan ranked first, with exact 95% interval; AUC of own against others.",
                columns={
                    **WHO,
                    "{rank1_count}/{n}": "Found first",
                    "{rank1:.0%} [{rank1_low:.0%}, {rank1_high:.0%}]": "Share",
                    "{published_rank1:.0%}": "Published",
                    "{chance:.0%}": "Chance",
                    "mean_rank": "Mean rank",
                    "published_mean_rank": "Published mean rank",
                    "chance_mean_rank": "Chance mean rank",
                    "{auc} [{auc_low}, {auc_high}]": "AUC",
                },
            ),
            figures=[
                FigureView(
                    name="identification",
                    kind="identification_bars",
                    caption="Patients found first, with exact 95% intervals, chance and the published share.",
                    where={"decoder": list(DECODERS)},
                ),
                FigureView(
                    name="ranks",
                    kind="rank_histogram",
                    caption="Rank of the patient's own scan by SSIM, beside the paper's counts (of 40 patients).",
                    where=shown,
                ),
            ],
        ),
        Section(
            title="How similar are the reconstructions?",
            text=["All brains are alike: the mean image of the attacker's own patients is the baseline to beat."],
            table=TableView(
                name="similarity",
                caption="Tables 1 and 3 of the paper: mean similarity over patients with bootstrap 95% interval, to the own "
                "original, to others (± standard deviation), and of the attacker's mean image.",
                columns={
                    **WHO,
                    "n": "n",
                    "{own} [{own_low}, {own_high}]": "Own original",
                    "{own_sd}": "± over patients",
                    "published": "Published own",
                    "{others} ± {others_sd}": "Others",
                    "published_others": "Published others",
                    "{mean_image} [{mean_image_low}, {mean_image_high}]": "Mean image",
                },
            ),
            figures=[
                FigureView(
                    name="own-against-others",
                    kind="own_against_others",
                    caption="Similarity to the own original, to the others and to the best of the others. A dot is a patient.",
                    where=shown,
                ),
                FigureView(
                    name="reconstructions",
                    kind="reconstructions",
                    private=True,
                    caption="Original and reconstruction of the best, the median and the worst patient by SSIM.",
                    where=shown,
                ),
            ],
        ),
    ]
    if leak:
        sections.append(_leak_section())
    if two_sessions:
        sections.append(_session_section(decoder))
    return [*sections, _dice_section(), _training_section()]


def _leak_section() -> Section:
    return Section(
        title="Did training leak more of the members?",
        text=["Every patient was once a member and once a non-member. The difference between the two is the leak."],
        table=TableView(
            name="leak",
            caption="Similarity to the own original, member minus non-member, paired by patient; sign-flip p-value; the "
            "smallest difference that so many patients would show with 80% power.",
            columns={
                "network": "Network",
                "decoder": "Decoder",
                "metric": "Measure",
                "n": "n",
                "{difference:+.3f} [{low:+.3f}, {high:+.3f}]": "Difference",
                "p": "p",
                "{detectable:.3f}": "Detectable",
            },
        ),
        figures=[FigureView(name="leak", kind="leak_forest", caption="The leak with its 95% interval.")],
    )


def _session_section(decoder: str) -> Section:
    return Section(
        title="Does it find the patient's other scan?",
        text=[
            "The reconstruction of one session searches the other session of the same patient among one scan of every other "
            "patient. Success means that the attack draws the person, not the noise and pose of one scan."
        ],
        table=TableView(
            name="other_session",
            caption="The patient's other session ranked first, with exact 95% interval.",
            where={"decoder": decoder},
            columns={
                "network": "Network",
                "metric": "Measure",
                "group": "Patients",
                "direction": "From → to",
                "{rank1_count}/{n}": "Found first",
                "{rank1:.0%} [{rank1_low:.0%}, {rank1_high:.0%}]": "Share",
                "{chance:.0%}": "Chance",
            },
        ),
    )


def _dice_section() -> Section:
    return Section(
        title="Does the network still segment what was drawn?",
        text=[
            "The target segments the original and the reconstruction. Members' originals are what it was trained on, so their "
            "Dice is that of training."
        ],
        table=TableView(
            name="dice",
            caption="Dice, mean over classes, ± standard deviation over patients, with bootstrap 95% interval. The first two "
            "are against the manual labels.",
            where={"class": "mean"},
            columns={
                "network": "Network",
                "decoder": "Decoder",
                "group": "Patients",
                "image": "Image",
                "n": "n",
                "{dice} ± {sd} [{low}, {high}]": "Dice",
                "published": "Published",
            },
        ),
    )


def _training_section() -> Section:
    return Section(
        title="Training",
        figures=[FigureView(name="training", kind="training_curves", caption="Loss by epoch; a line is a fold.")],
    )
