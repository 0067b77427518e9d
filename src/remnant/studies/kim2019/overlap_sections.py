"""The report's chapters on what the segmentation is worth, what it costs in time, and how the networks were trained."""

from remnant.base.results import FigureView, Section, TableView
from remnant.measure.overlaps import OVERALL
from remnant.report.words import label
from remnant.studies.kim2019.summary_tables import Tables

LOSS = "{loss:+.3f} [{loss_low:+.3f}, {loss_high:+.3f}]"


def overlap_sections(tables: Tables) -> list[Section]:
    """The chapters on Dice, time and training, as far as there is anything to show."""
    made = {
        "segmentation": _segmentation,
        "transfer": _transfer,
        "robustness": _robustness,
        "runtime": _runtime,
        "stage1": _training,
    }
    return [make(tables) for name, make in made.items() if tables.get(name)]


def _by_class(tables: Tables, name: str) -> dict[str, str]:
    """A column a class of a table, its published number in brackets, and the overall Dice last."""
    classes = [each for each in dict.fromkeys(str(row["class"]) for row in tables[name]) if each != OVERALL]
    return {
        **{f"{{{each}:.3f}} ({{published_{each}:.3f}})": label(each) for each in classes},
        "{overall:.3f} [{overall_low:.3f}, {overall_high:.3f}]": "Overall",
        "{published_overall:.3f}": "Published",
    }


def _segmentation(tables: Tables) -> Section:
    return Section(
        title="What is the segmentation still worth?",
        text=[
            "Dice of the segmentation that the client has in the end, on stitched whole volumes of test patients. 'Overall' "
            "weighs the classes by their size. Every variant of a recipe was trained for as many steps; 'raw scan' is "
            "its segmenter alone."
        ],
        table=TableView(
            name="segmentation_by_class",
            caption="Dice by class (in brackets the paper's), overall with 95% interval, and its loss against raw "
            "scans by the same recipe, paired.",
            columns={
                "name": "Sent as",
                "n": "n",
                **_by_class(tables, "segmentation"),
                LOSS: "Loss",
            },
        ),
        figures=[FigureView(name="dice", kind="class_dice", caption="Dice by class with 95% intervals.")],
    )


def _transfer(tables: Tables) -> Section:
    return Section(
        title="And on a second cohort?",
        text=[
            "Patients of another cohort, in the tissues that every data set has (deep grey matter counts as grey). "
            "'As trained': encoder and segmenter as they are; 'retrained': the segmenter trained again on codes of "
            "the second cohort, cross-validated there. The paper's second cohort is MRBrainS 2013."
        ],
        table=TableView(
            name="transfer_by_class",
            caption="Dice on second cohorts (in brackets the paper's on its own), overall with 95% interval.",
            columns={
                "cohort": "Cohort",
                "trained": "Segmenter",
                "name": "Sent as",
                "n": "n",
                **_by_class(tables, "transfer"),
            },
        ),
    )


def _robustness(tables: Tables) -> Section:
    return Section(
        title="And on worse scans?",
        text=[
            "Rician noise inside the head at 15, 10 and 5 dB, and half the resolution: at the paper's 1 mm its 2 x "
            "2 x 2 mm, on a coarser grid twice that. The paper's numbers are of its lambda 1."
        ],
        table=TableView(
            name="robustness_by_class",
            caption="Dice on disturbed scans (in brackets the paper's), overall with 95% interval, and what it "
            "loses against the same patients' undisturbed scans.",
            columns={
                "name": "Sent as",
                "condition": "Scans",
                "n": "n",
                **_by_class(tables, "robustness"),
                LOSS: "Loss",
            },
        ),
        figures=[
            FigureView(
                name="robustness",
                kind="robustness_lines",
                caption="Overall Dice on disturbed scans with 95% intervals.",
                where={"class": OVERALL},
            )
        ],
    )


def _runtime(tables: Tables) -> Section:
    return Section(
        title="How long does it take?",
        table=TableView(
            name="runtime",
            caption="Median seconds a scan (fastest to slowest). The paper: 144 x 192 x 160 voxels on a GTX 1080 Ti.",
            columns={
                "name": "Sent as",
                "step": "Step",
                "{seconds:.3f} ({fastest:.3f} to {slowest:.3f})": "Seconds",
                "{published:.2f}": "Published",
                "voxels": "Voxels",
                "device": "On",
                "n": "Scans",
            },
        ),
    )


def _training(tables: Tables) -> Section:
    return Section(
        title="Training",
        text=[
            "Each network alone on raw scans first, then all against each other, from the same weights for every "
            "variant of a recipe."
        ],
        figures=[FigureView(name="losses", kind="stage1_terms", caption="Each loss by step.")],
    )
