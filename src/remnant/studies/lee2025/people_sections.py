"""The report's chapters on people: whose age and sex is read off what was drawn, and how many would fit."""

from remnant.base.results import FigureView, Section, TableView
from remnant.studies.lee2025.leak_findings import Tables
from remnant.studies.lee2025.leak_sections import PAPER, attacked
from remnant.studies.lee2025.scores import ATTACK
from remnant.studies.lee2025.tables import OVERFIT


def people_sections(tables: Tables) -> list[Section]:
    """The chapters on age, sex and crowds, as far as a reader of both was trained."""
    chapters = [_demographics(tables), _likely_people(tables)] if tables["demographics"] else []
    return [*chapters, _anonymity()] if tables["anonymity"] else chapters


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
            where={"method": ATTACK, "target": attacked(tables, PAPER)},
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
