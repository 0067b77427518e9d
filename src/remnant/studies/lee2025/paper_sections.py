"""The report's chapters of the paper's own tables: what was drawn, how it spreads, how it came about."""

from remnant.base.results import FigureView, Section, TableView, matching
from remnant.studies.lee2025.leak_findings import Tables
from remnant.studies.lee2025.leak_sections import PAPER, attacked
from remnant.studies.lee2025.people_sections import people_sections
from remnant.studies.lee2025.scores import ATTACK
from remnant.studies.lee2025.tables import OVERFIT
from remnant.studies.lee2025.targets import PLANTED


def paper_sections(tables: Tables) -> list[Section]:
    """The chapters on the attack itself, as far as there is anything to show."""
    chapters = [_likely(tables)]
    if tables["distribution"]:
        chapters.append(_distribution(tables))
    chapters += people_sections(tables)
    if matching(tables["stage1"], {"method": ATTACK}):
        chapters.append(_stage1(tables))
    return [*chapters, _targets(), *([_patients()] if tables["patients"] else [])]


def _likely(tables: Tables) -> Section:
    shown = {"method": ATTACK, "target": attacked(tables, (*PAPER, PLANTED))}
    figures = []
    if tables["candidates"]:
        figures.append(
            FigureView(
                name="candidates",
                kind="scores_scatter",
                caption="Candidates by their two scores and the cut-offs of the best of each list; both lower is "
                "likelier.",
                where={"target": shown["target"]},
            )
        )
        figures.append(
            FigureView(
                name="likely-beside-nearest",
                kind="likely_beside_nearest",
                private=True,
                caption="Likely samples, the first of the ranked list, each beside the training image that is nearest "
                "to it in the target's features. Radiographs resemble each other: likeness to the eye is no proof.",
                where=shown,
            )
        )
    return Section(
        title="Which of the images are likely?",
        text=[
            "The paper keeps the images that are among the best 5% by both scores: how well the image matches the "
            "target's stored parameters, and how close it lies to its statistics. Each is held against the training "
            "image nearest to it in the target's features. Many that share one neighbour show that neighbour to be "
            "near to everything, not many patients redrawn.",
        ],
        table=TableView(
            name="likely",
            caption="Likely samples; how many there would be were the scores unrelated; SSIM and cosine with the "
            "nearest training image, and SSIM with what is found in the same way among non-members (ranges over the "
            "samples); different training patients found, and how many by as many draws at random. The published 'NN' "
            "stands beside our cosine.",
            columns={
                "target": "Target",
                "method": "Attack",
                "{likely}/{candidates}": "Likely",
                "{chance:.1f}": "Unrelated",
                "published_likely": "Published",
                "{ssim_low} to {ssim_high}": "SSIM",
                "published_ssim": "Published SSIM",
                "{ssim_non_member_low} to {ssim_non_member_high}": "SSIM, non-members",
                "{cosine_low} to {cosine_high}": "Cosine",
                "published_cosine": "Published NN",
                "{neighbours} ({neighbours_expected:.1f})": "Neighbours (random)",
            },
        ),
        figures=figures,
    )


def _distribution(tables: Tables) -> Section:
    where = {"target": attacked(tables, (OVERFIT, PLANTED))}
    return Section(
        title="How do the drawn images spread?",
        text=[
            "A generator that copied its target's patients would spread as they do. Entropy is that of an image's "
            "grey levels; kurtosis that along the principal components of the training images, 0 for a normal "
            "distribution, and a band that is wide where patients are few. The Frechet distance is taken of the "
            "demographic model's features, not of Inception's, so that only its order can be held against the "
            "paper's. It falls with the number of images: read it at equal size, against two halves of the real "
            "images.",
        ],
        table=TableView(
            name="distribution",
            caption="Entropy in bits and excess kurtosis, means with 95% interval; Frechet distance to the training "
            "images, at equal size, and of two halves of these (mean over random halvings); distance of the tuned to "
            "the untuned generator.",
            columns={
                "target": "Target",
                "set": "Images",
                "n": "n",
                "{entropy} [{entropy_low}, {entropy_high}]": "Entropy",
                "{published_entropy:.2f}": "Published entropy",
                "{kurtosis} [{kurtosis_low}, {kurtosis_high}]": "Kurtosis",
                "{published_kurtosis:.2f}": "Published kurtosis",
                "{frechet:.3g} ({frechet_n}, {frechet_real})": "Frechet (n, real n)",
                "{frechet_matched:.3g} ({frechet_size})": "At equal size",
                "{frechet_floor:.3g}": "Real halves",
                "{published_frechet:.0f}": "Published FID",
                "{frechet_prior:.3g}": "To the prior",
                "{published_frechet_prior:.0f}": "Published to prior",
            },
        ),
        figures=[
            FigureView(
                name="kurtosis",
                kind="kurtosis_curves",
                caption="Excess kurtosis along the principal components of the real images, with 95% bands.",
                where=where,
            ),
            FigureView(
                name="entropy",
                kind="entropy_histogram",
                caption="Entropy of the images' grey levels.",
                where=where,
            ),
        ],
    )


def _stage1(tables: Tables) -> Section:
    where = {"method": ATTACK, "part": "stage 1", "target": attacked(tables, (*PAPER, PLANTED))}
    return Section(
        title="Stage 1",
        text=[
            "The prior is tuned to each target from a fresh copy, until its loss has levelled off or its steps are "
            "used up; over a last stretch the rate falls to nothing. A loss that levels off close to where it began found little "
            "to learn, or nothing that a generator can give: as published, each latent is asked for every class in turn."
        ],
        table=TableView(
            name="tuning",
            caption="Steps of each tuning, and whether its loss had levelled off; a dash where a fixed number was "
            "asked for. The loss is the weighed sum of all terms, at the beginning and at the end.",
            columns={
                "target": "Target",
                "method": "Attack",
                "part": "Part",
                "steps": "Steps",
                "levelled_off": "Levelled off",
                "{first:.3g} to {last:.3g}": "Loss",
            },
        ),
        figures=[
            FigureView(
                name="stage1", kind="stage1_terms", caption="Each term of the loss, without its weight.", where=where
            ),
            FigureView(
                name="progression",
                kind="progression",
                private=True,
                caption="The same latents along stage 1, under the number of steps. Step 0 is the untuned prior.",
                where=where,
            ),
        ],
    )


def _targets() -> Section:
    return Section(
        title="The targets",
        text=[
            "What each target learned itself, on validation patients: a target that learned nothing has nothing to "
            "give away."
        ],
        table=TableView(
            name="targets",
            caption="Share of training images right; balanced accuracy and AUC on validation patients with 95% "
            "intervals, beside the majority's share.",
            columns={
                "target": "Target",
                "network": "Network",
                "recipe": "Recipe",
                "source": "Patients of",
                "{patients} ({images})": "Patients (images)",
                "epochs": "Epochs",
                "{train_accuracy:.0%}": "Training right",
                "{balanced} [{balanced_low}, {balanced_high}]": "Balanced accuracy",
                "{auc} [{auc_low}, {auc_high}]": "AUC",
                "{accuracy:.0%}": "Right",
                "{majority:.0%}": "Majority",
                "{published_accuracy:.0%}": "Published",
            },
        ),
    )


def _patients() -> Section:
    return Section(
        title="The patients",
        text=["Members and non-members were matched, so that a gap between them is not one of label, sex or age."],
        table=TableView(
            name="patients",
            caption="Who stands in which group; age is the mean of those that are known.",
            columns={
                "source": "Source",
                "group": "Group",
                "patients": "Patients",
                "images": "Images",
                "{positive:.0%}": "Positive images",
                "women": "Images of women",
                "men": "Of men",
                "{age:.0f}": "Mean age",
            },
        ),
    )
