"""The report's chapters beyond the paper's own tables: measures, galleries, other targets and other attackers."""

from remnant.base.results import FigureView, Row, Section, TableView
from remnant.report.words import label
from remnant.studies.subbanna2021.experiments import PAPER
from remnant.studies.subbanna2021.leak_findings import NAMES
from remnant.studies.subbanna2021.sections import FOUND, WHO, measured
from remnant.studies.subbanna2021.settings import StudySettings


def further_sections(tables: dict[str, list[Row]], settings: StudySettings) -> list[Section]:
    """A chapter for each kind of experiment that the study ran beside the paper's."""
    chapters = []
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
    return chapters


def _metrics(tables: dict[str, list[Row]], settings: StudySettings) -> Section:
    figures = [
        FigureView(
            name=f"metrics-{network}",
            kind="metric_match",
            caption=f"{NAMES[network]}: members found first by each measure, and the area under the ROC curve of own against "
            "others, with 95% intervals.",
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
    group = "member" if settings.design == "two_groups" else "non_member"
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
                caption=f"{NAMES[network]}: {label(group)} found first against the number of candidates, with its 95% band.",
                where={"network": network, "group": group},
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
            "the standard target, paired by patient, with bootstrap 95% interval and sign-flip p-value, alone and "
            "for all rows of results.json together (Holm's method).",
            columns={
                "network": "Network",
                "decoder": "Attack",
                "group": "Patients",
                "n": "n",
                "margin": "Margin",
                "margin_against": "Margin of ours",
                "{difference:+.3f} [{low:+.3f}, {high:+.3f}]": "Difference",
                "p": "p",
                "holm_p": "p together",
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
