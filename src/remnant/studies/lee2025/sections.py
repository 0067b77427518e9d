"""The report's chapters of the study's own tables: what was drawn, who is in it, how it spreads, and how it came about."""

from collections.abc import Sequence

from remnant.base.results import FigureView, Section, TableView, matching
from remnant.studies.judged import controls_section, findings_section
from remnant.studies.lee2025.exposure import USEFUL
from remnant.studies.lee2025.findings import Tables
from remnant.studies.lee2025.oracle_words import oracle_sections
from remnant.studies.lee2025.settings import ATTACK
from remnant.studies.lee2025.targets import OVERFIT, PLANTED

PAPER = ("cnn", "cnn_overfit", "vit", "vit_overfit")


def sections_of(tables: Tables) -> list[Section]:
    """All chapters, as far as there is anything to show."""
    chapters = [findings_section(tables, FINDINGS), controls_section()]
    if tables["mitigations"]:
        chapters.append(_mitigations())
    chapters += oracle_sections(tables)
    if tables["likely"]:
        chapters.append(_likely(tables))
    if tables["distribution"]:
        chapters.append(_distribution(tables))
    chapters.append(_demographics(tables))
    if matching(tables["likely"], {"method": ATTACK}):
        chapters.append(_likely_people(tables))
    if tables["anonymity"]:
        chapters.append(_anonymity())
    if tables["stage1"]:
        chapters.append(_stage1(tables))
    return [*chapters, _targets(), _patients()]


FINDINGS = (
    "The gain of what an attack draws is the share by which the distance to the nearest image falls more for members than for "
    "non-members. It is beyond the control that explains most of it: images of the untuned prior, which never saw the target, "
    "or a search for images of a class (GMI), which uses no stored statistic.",
    "Three spaces: the target's own features, in which the paper looks; features of a network trained on public images only; "
    "and SSIM, the image itself. In the first, membership may leak without any image.",
    "The planted and the untrained CNN, and the overfit one with swapped statistics, are controls, with a level of their own.",
)


def _attacked(tables: Tables, names: Sequence[str]) -> list[str]:
    """Those of `names` that the attack was run on; of an audit with none of them, all of its targets."""
    found = list(dict.fromkeys(str(row["target"]) for row in tables["likely"]))
    return [name for name in names if name in found] or found


def _mitigations() -> Section:
    return Section(
        title="What do mitigations do?",
        text=[
            "Each target is trained like the overfit CNN but for one thing: dropout, augmentation, early stopping, or all of the "
            "regular recipe. Compared is how well the target's answers tell its members, on the same patients.",
            "A protection is worth what it takes from the AUC, and costs what it takes from the balanced accuracy on validation "
            f"patients. Below {USEFUL:.1f} of either target they cannot be compared: what learned nothing leaks nothing.",
        ],
        table=TableView(
            name="mitigations",
            caption="AUC of members against non-members with the mitigation and of the overfit CNN; difference with 95% "
            "interval, p after Holm over these rows.",
            columns={
                "target": "Target",
                "view": "Score",
                "n": "Patients",
                "value": "AUC",
                "against": "Overfit",
                "{difference:+.2f} [{low:+.2f}, {high:+.2f}]": "Difference",
                "holm_p": "p",
                "{detectable:.2f}": "Detectable",
                "balanced": "Balanced accuracy",
                "balanced_beside": "Overfit, accuracy",
                "comparable": "Comparable",
                "shown": "Shown",
            },
        ),
    )


def _likely(tables: Tables) -> Section:
    shown = {"method": ATTACK, "target": _attacked(tables, (*PAPER, PLANTED))}
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
    where = {"target": _attacked(tables, (OVERFIT, PLANTED))}
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
    where = {"method": ATTACK, "part": "stage 1", "target": _attacked(tables, (*PAPER, PLANTED))}
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


def _demographics(tables: Tables) -> Section:
    named = [row["target"] for row in tables["demographics"] if row["target"]]
    one = next((target for target in (OVERFIT, *named) if target in named), None)
    beside = (
        f" Beside it the likely samples, and the training images nearest to them, of one target ({one})." if one else ""
    )
    figures = [
        FigureView(name=name, kind=kind, caption=f"{caption}{beside}", where={"target": [None, one]})
        for name, kind, caption in (
            ("ages", "age_scatter", "Age that the model reads against the true one, for validation patients."),
            ("sexes", "sex_confusion", "Sex that the model reads against the true one, for validation patients."),
        )
    ]
    return Section(
        title="Can age and sex be read off them?",
        text=[
            "The attacker's model of age and sex learned from public patients and was tried on others that it never "
            "saw: its first row. Nothing that it says of a drawn image is worth more than that; where it lacks the "
            "skill asked for, nothing is shown. Drawn images have no age of their own; they are held against the "
            "patient of the nearest training image."
        ],
        table=TableView(
            name="demographics",
            caption="Mean absolute error of the age in years, and share of sexes right, with 95% intervals for "
            "validation patients; beside them one guess for all: the mean age of the training patients, and the "
            "majority.",
            columns={
                "target": "Target",
                "set": "Images",
                "n": "n",
                "{mae:.1f} [{mae_low:.1f}, {mae_high:.1f}]": "Age error",
                "{guess_mae:.1f}": "One guess",
                "{published_mae:.1f}": "Published error",
                "{r2} [{r2_low}, {r2_high}]": "R2",
                "{published_r2:.2f}": "Published R2",
                "age_usable": "Age usable",
                "{accuracy:.0%} [{accuracy_low:.0%}, {accuracy_high:.0%}]": "Sex right",
                "{guess_accuracy:.0%}": "Majority",
                "{published_accuracy:.0%}": "Published sex",
                "{sex_auc} [{sex_auc_low}, {sex_auc_high}]": "Sex AUC",
                "sex_usable": "Sex usable",
            },
        ),
        figures=figures,
    )


def _likely_people(tables: Tables) -> Section:
    return Section(
        title="Is the age and sex of the nearest patient read off the likely samples?",
        text=[
            "The paper's own comparison. Age and sex as read off each likely sample, against the patient of the "
            "training image nearest to it; beside that, what the same model reads off this training image itself. "
            "Likely samples that share a neighbour share its age and sex, so that these are not as many patients as "
            "samples."
        ],
        table=TableView(
            name="likely",
            caption="Sex right of those known, and absolute error of the age in years (smallest to largest), of the "
            "likely samples and of the training images nearest to them. A dash: not known, not usable, or no likely "
            "sample.",
            columns={
                "target": "Target",
                "{sex_right} of {sex_known}": "Sex right",
                "published_sex": "Published sex",
                "{age_error_low:.1f} to {age_error_high:.1f}": "Age error",
                "published_age": "Published error",
                "{nearest_sex_right} of {nearest_sex_known}": "Nearest: sex right",
                "published_nearest_sex": "Published nearest sex",
                "{nearest_age_error_low:.1f} to {nearest_age_error_high:.1f}": "Nearest: age error",
                "published_nearest_age": "Published nearest error",
            },
            where={"method": ATTACK, "target": _attacked(tables, PAPER)},
        ),
    )


def _anonymity() -> Section:
    return Section(
        title="How many people would fit?",
        text=[
            "Age and sex alone name nobody; they make a crowd. Its size follows from how far the model errs on "
            "validation patients and from how many people of that age and sex there are. The patient is in the crowd "
            "with 95% confidence. It is the attacker's best case: drawn images are taken to be read as well as real "
            "ones. Nothing is linked to anybody here."
        ],
        table=TableView(
            name="anonymity",
            caption="People who fit the drawn image that the fewest fit, with the 95% interval that the validation "
            "leaves, and the median over the images; how far from the read age people fit; the chance that nobody "
            "else fits.",
            columns={
                "target": "Target",
                "set": "Images",
                "n": "n",
                "site": "Site",
                "{people:,.0f}": "Among",
                "{size:,.0f} [{low:,.0f}, {high:,.0f}]": "Fewest",
                "{median:,.0f}": "Median",
                "{years:.0f}": "± years",
                "sexes": "Of sex",
                "{alone:.3f}": "Alone",
                "usable": "Model usable",
            },
        ),
    )
