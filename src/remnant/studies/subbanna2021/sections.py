"""The report's chapters of the paper's own tables: which tables and figures, under which words."""

from remnant.base.results import FigureView, Row, Section, TableView
from remnant.studies.membership_tables import membership_section
from remnant.studies.subbanna2021.experiments import PAPER
from remnant.studies.subbanna2021.leak_findings import NAMES
from remnant.studies.subbanna2021.settings import StudySettings

WHO = {"network": "Network", "decoder": "Attack", "metric": "Measure", "group": "Patients"}
FOUND = {
    "{rank1_count}/{n}": "Found first",
    "{rank1:.0%} [{rank1_low:.0%}, {rank1_high:.0%}]": "Share",
}

WHO_IS_WHO = (
    "Members are held against the same people as non-members of another fold's model, by the first scan of each. The interval "
    "and the p-values take in that they are the same people."
)


def sections(
    tables: dict[str, list[Row]], settings: StudySettings, decoder: str, further: list[Section]
) -> list[Section]:
    """The chapters of the paper's tables, with the `further` ones before the last two; `decoder` is the strongest attack."""
    chapters = [_identification(settings, decoder), _similarity(settings, decoder)]
    if tables["membership"]:
        chapters.append(membership_section(who=WHO_IS_WHO))
    if tables["leak"]:
        chapters.append(_leak(settings, decoder))
    if tables["other_session"]:
        chapters.append(_other_session(decoder))
    return [*chapters, *further, _dice(), _training()]


def measured(settings: StudySettings) -> list[str]:
    """The metrics of the paper's tables, without those that score a part of the head."""
    return [*settings.metrics, *(["deformation"] if settings.deformation else [])]


def _decoders(strongest: str) -> list[str]:
    """Those of the paper's tables, and the one that the verdict rests on where it is none of them."""
    return list(dict.fromkeys([*PAPER, strongest]))


def _identification(settings: StudySettings, decoder: str) -> Section:
    shown = {"decoder": [*_decoders(decoder), "mean_image"], "metric": measured(settings)}
    return Section(
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
                **FOUND,
                "{published_rank1:.0%}": "Published",
                "{chance:.0%}": "Chance",
                "mean_rank": "Mean rank",
                "published_mean_rank": "Published mean rank",
                "chance_mean_rank": "Chance mean rank",
                "{auc} [{auc_low}, {auc_high}]": "AUC",
            },
            where=shown,
        ),
        figures=[
            FigureView(
                name="identification",
                kind="identification_bars",
                caption="Patients found first, with exact 95% intervals, chance and the published share.",
                where={**shown, "decoder": _decoders(decoder)},
            ),
            FigureView(
                name="ranks",
                kind="rank_histogram",
                caption="Rank of the patient's own scan by SSIM, beside the paper's counts (of 40 patients).",
                where={"decoder": decoder, "metric": "ssim"},
            ),
        ],
    )


def _similarity(settings: StudySettings, decoder: str) -> Section:
    shown = {"decoder": decoder, "metric": "ssim"}
    return Section(
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
            where={"decoder": _decoders(decoder), "metric": measured(settings)},
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
            *(
                FigureView(
                    name=f"deformation-{network}",
                    kind="deformation_maps",
                    private=True,
                    caption=f"{NAMES[network]}, Figure 7 of the paper: how far members' reconstructions are displaced to become "
                    "their own original, and the original of whoever is next.",
                    where={"decoder": decoder, "metric": "deformation", "network": network},
                )
                for network in settings.networks
                if settings.deformation and decoder in PAPER
            ),
        ],
    )


def _leak(settings: StudySettings, decoder: str) -> Section:
    text = [
        "Every patient was once a member and once a non-member. The difference between the two is the leak: in the similarity to "
        "the own original, and in its margin over the most similar other patient, which decides who is found."
    ]
    if "overfit" in settings.experiments:
        text.append(
            "The target 'trained too long' is the positive control: if a leak can be seen at all by this attack, it should be "
            "seen there."
        )
    where = {"metric": measured(settings)}
    return Section(
        title="Did training leak more of the members?",
        text=text,
        table=TableView(
            name="leak",
            caption="Member minus non-member, paired by patient, of the similarity to the own original and of its margin over "
            "the best other, in a model with effects of patients and folds; p by exchanging the two roles "
            "within patients, alone and for all rows of the table together (Holm's method); 95% CI over patients, in these "
            "trainings; "
            "the smallest difference that so many patients would show with 80% power.",
            columns={
                "network": "Network",
                "decoder": "Attack",
                "metric": "Measure",
                "statistic": "Of",
                "n": "n",
                "{difference:+.3f} [{low:+.3f}, {high:+.3f}]": "Difference",
                "p": "p",
                "holm_p": "p together",
                "{detectable:.3f}": "Detectable",
            },
            where=where,
        ),
        figures=[
            FigureView(
                name="leak",
                kind="leak_forest",
                caption="The leak by SSIM with its 95% interval, in the own similarity and in the margin over the best other.",
                where={"metric": "ssim"},
            ),
            FigureView(
                name="leak-margin",
                kind="leak_forest",
                caption="The leak in the margin over the best other by every measure of similarity.",
                where={"metric": list(settings.metrics), "statistic": "margin", "decoder": _decoders(decoder)},
            ),
        ],
    )


def _other_session(decoder: str) -> Section:
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
                **FOUND,
                "{chance:.0%}": "Chance",
            },
        ),
    )


def _dice() -> Section:
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
                "decoder": "Attack",
                "group": "Patients",
                "image": "Image",
                "n": "n",
                "{dice} ± {sd} [{low}, {high}]": "Dice",
                "published": "Published",
            },
        ),
    )


def _training() -> Section:
    return Section(
        title="Training",
        figures=[FigureView(name="training", kind="training_curves", caption="Loss by epoch; a line is a fold.")],
    )
