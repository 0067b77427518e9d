"""The report's chapters: which tables and figures, under which words."""

from remnant.base.results import FigureView, Row, Section, TableView
from remnant.studies.subbanna2021.experiments import PAPER
from remnant.studies.subbanna2021.settings import StudySettings

WHO = {"network": "Network", "decoder": "Attack", "metric": "Measure", "group": "Patients"}
FOUND = {
    "{rank1_count}/{n}": "Found first",
    "{rank1:.0%} [{rank1_low:.0%}, {rank1_high:.0%}]": "Share",
}


def sections(tables: dict[str, list[Row]], settings: StudySettings, decoder: str) -> list[Section]:
    """Every chapter that this study's experiments give rise to; `decoder` is the strongest attack."""
    chapters = [_identification(settings, decoder), _similarity(settings, decoder)]
    if tables["leak"]:
        chapters.append(_leak(settings))
    if tables["other_session"]:
        chapters.append(_other_session(decoder))
    if len(settings.metrics) > 1:
        chapters.append(_metrics(tables, settings))
    if tables["gallery_size"]:
        chapters.append(_gallery(settings))
    if settings.skull:
        chapters.append(_skull(settings))
    if any(experiment not in PAPER for experiment in settings.experiments):
        chapters.append(_comparison(settings))
    if tables["recovered"]:
        chapters.append(_recovered())
    return [*chapters, _dice(), _training()]


def measured(settings: StudySettings) -> list[str]:
    """The metrics of the paper's tables, without those that score a part of the head."""
    return [*settings.metrics, *(["deformation"] if settings.deformation else [])]


def _identification(settings: StudySettings, decoder: str) -> Section:
    shown = {"decoder": [*PAPER, "mean_image"], "metric": measured(settings)}
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
                where={**shown, "decoder": list(PAPER)},
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
            where={"decoder": list(PAPER), "metric": measured(settings)},
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
    )


def _leak(settings: StudySettings) -> Section:
    text = ["Every patient was once a member and once a non-member. The difference between the two is the leak."]
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
            caption="Similarity to the own original, member minus non-member, paired by patient; sign-flip p-value; the "
            "smallest difference that so many patients would show with 80% power.",
            columns={
                "network": "Network",
                "decoder": "Attack",
                "metric": "Measure",
                "n": "n",
                "{difference:+.3f} [{low:+.3f}, {high:+.3f}]": "Difference",
                "p": "p",
                "{detectable:.3f}": "Detectable",
            },
            where=where,
        ),
        figures=[
            FigureView(
                name="leak",
                kind="leak_forest",
                caption="The leak by SSIM with its 95% interval.",
                where={"metric": "ssim"},
            )
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


def _metrics(tables: dict[str, list[Row]], settings: StudySettings) -> Section:
    figures = [
        FigureView(
            name=f"metrics-{network}",
            kind="metric_match",
            caption="Members found first by each measure, and the area under the ROC curve of own against others, with 95% "
            "intervals.",
            where={"network": network, "group": "member"},
        )
        for network in settings.networks
    ]
    if tables["response"]:
        figures.append(
            FigureView(
                name="response",
                kind="response_curves",
                caption="The attacker's own scans, damaged: 1 is the undamaged image, 0 the mean of other patients. A hollow "
                "mark: not everybody is found first any more.",
            )
        )
    return Section(
        title="Which measure finds the patient?",
        text=[
            "The paper's second contribution is the choice of the measure. A good one finds the patient in a poor drawing, and "
            "does not care about blur, noise or contrast, which an attacker can mend. Ours has SSIM in its loss, which "
            "favours SSIM."
        ],
        table=TableView(
            name="metrics",
            caption="The same reconstructions by every measure.",
            columns={
                "network": "Network",
                "metric": "Measure",
                "group": "Patients",
                **FOUND,
                "mean_rank": "Mean rank",
                "{auc} [{auc_low}, {auc_high}]": "AUC",
            },
            where={"metric": measured(settings)},
        ),
        figures=figures,
    )


def _gallery(settings: StudySettings) -> Section:
    return Section(
        title="How large may the crowd be?",
        text=[
            "Among more candidates fewer patients are found. Up to the gallery of this study the curve is exact, for candidates "
            "drawn at random from it; beyond, every patient is taken to have a chance of its own to be beaten by one more "
            "candidate, and these chances to follow a beta distribution."
        ],
        table=TableView(
            name="gallery_half",
            caption="The gallery in which half of the patients are still found first by SSIM, extrapolated, with bootstrap 95% "
            "interval.",
            columns={"network": "Network", "decoder": "Attack", "group": "Patients", "in_words": "Candidates"},
        ),
        figures=[
            FigureView(
                name=f"gallery-{network}",
                kind="gallery_size",
                caption="Non-members found first against the number of candidates, with its 95% band."
                if settings.design != "two_groups"
                else "Members found first against the number of candidates, with its 95% band.",
                where={"network": network, "group": "member" if settings.design == "two_groups" else "non_member"},
            )
            for network in settings.networks
        ],
    )


def _skull(settings: StudySettings) -> Section:
    text = [
        "The scans hold the whole head. Scored over the brain alone, and over everything but the brain, the same reconstructions "
        "show where their patient is recognised. The region is the union of the attacker's patients' brains, one for everybody."
    ]
    if "stripped" in settings.experiments:
        text.append("In the rows 'skull removed' the target and the attack saw the brains of the same scans alone.")
    return Section(
        title="What do face and skull give away?",
        text=text,
        table=TableView(
            name="identification",
            caption="Own scan ranked first by SSIM over the whole head, the brain, and the rest.",
            columns={**WHO, **FOUND, "{chance:.0%}": "Chance", "{auc} [{auc_low}, {auc_high}]": "AUC"},
            where={
                "metric": ["ssim", "ssim_brain", "ssim_outside"],
                "decoder": ["default", "stripped", "mean_image"],
            },
        ),
    )


def _comparison(settings: StudySettings) -> Section:
    text = {
        "surrogate": "Without the target's encoder the attacker can still train one of its own and hope that the "
        "target's latents mean the same. The paper closes with this experiment.",
        "deep_grey": "The paper holds that a network which segments larger regions is easier to attack. Here two targets saw "
        "identical scans: one segments all tissue, the other deep grey matter alone.",
        "overfit": "A target trained far too long should remember its members if any does.",
        "stripped": "A target and an attack that saw the brain alone.",
    }
    return Section(
        title="What changes when the target or the attacker does?",
        text=[text[name] for name in settings.experiments if name in text],
        table=TableView(
            name="comparison",
            caption="Margin: SSIM with the own original minus SSIM with the most similar other. Each experiment against ours on "
            "the standard target, paired by patient, with bootstrap 95% interval and sign-flip p-value.",
            columns={
                "network": "Network",
                "decoder": "Attack",
                "group": "Patients",
                "n": "n",
                "margin": "Margin",
                "margin_against": "Margin of ours",
                "{difference:+.3f} [{low:+.3f}, {high:+.3f}]": "Difference",
                "p": "p",
            },
            where={"metric": "ssim"},
        ),
        figures=[
            FigureView(
                name="experiments",
                kind="identification_bars",
                caption="Patients found first by SSIM in every experiment, with exact 95% intervals and chance.",
                where={"metric": "ssim", "decoder": list(settings.experiments)},
            )
        ],
    )


def _recovered() -> Section:
    return Section(
        title="What if nobody hands the latents over?",
        text=[
            "The paper hints that the network is more certain of latents close to its training data. Here latents are searched "
            "of which the target is certain, among those that heads can have, and drawn. The control are the random latents that "
            "the searches began with. An experiment: its images claim to show nobody in particular."
        ],
        table=TableView(
            name="recovered",
            caption="SSIM with the nearest member minus SSIM with the nearest non-member, mean over the images; p by dealing the "
            "patients to the two groups anew; the difference that would have had p = 0.05; the target's uncertainty.",
            columns={
                "network": "Network",
                "fold": "Fold",
                "drawn": "Latents",
                "images": "Images",
                "n": "Patients",
                "{difference:+.3f}": "Difference",
                "p": "p",
                "{detectable:.3f}": "Detectable",
                "entropy": "Uncertainty, nats",
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
