"""What the report on a stranger's classifier says beside its findings: what is in the file, how images were given, and doubts."""

from typing import Any

from remnant.attacks.checkpoint.feeding import ALIKE, Feeding
from remnant.attacks.checkpoint.input_check import FIRST_FITS, FITS
from remnant.audit.inputs.classifier_given import OpenedClassifier
from remnant.audit.run.conduct import ExtraResults
from remnant.base.provenance import sha256
from remnant.base.results import Row, Section, TableView, Value
from remnant.base.texts import counted, counted_of
from remnant.cohort.notes import phantom_notices
from remnant.measure.task import TaskAccuracy
from remnant.targets.checkpoint import is_of_remnant

NO_ANSWERS = (
    "Without the true answers only its certainty was tested, which sees less: name what its outputs mean by "
    "--finding, of a table that has the findings."
)
AT_CHANCE = (
    "That the model does its task on these images as they are given to it is not shown: {answers} right about training "
    "patients, where chance gives {by_chance:.0%}{alike}."
)
AGAINST_CHANCE = (
    "The model's outputs seem to mean other classes than was taken: {answers} right about training "
    "patients, fewer than chance gives ({by_chance:.0%}). Name the classes in their order by --finding."
)
SPLIT = "Whether the column split says rightly who trained the model: if it names others, no leak can show."
OURS = "The model was trained by Remnant itself."


def doubted(feeding: Feeding, task: TaskAccuracy | None) -> list[str]:
    """Why silence about a classifier would say nothing, a sentence each.

    Silence counts only where the classifier was given images as in its training. Where something speaks against that, where it
    is at chance on those who trained it, or where the order of its classes is not clear, what was not shown cannot be told; nor
    where no true answers are known (`task` None), since certainty alone sees less. What was shown stands: answers that are noise
    distinguish nobody.
    """
    found = [feeding.doubt] if feeding.doubt else []
    if feeding.unordered:
        return [*found, feeding.unordered]
    if task is None:
        return [*found, NO_ANSWERS]
    if task.done:
        return found
    answers = counted_of(task.right, task.asked, "answer", "is", "are")
    alike = ALIKE if task.design_effect > 1 else ""
    why = AGAINST_CHANCE if task.against else AT_CHANCE
    return [*found, why.format(answers=answers, by_chance=task.by_chance, alike=alike)]


def about(given: OpenedClassifier, feeding: Feeding) -> dict[str, Value]:
    """The network, for the decision sheet, and how it is given images."""
    told, inputs = given.network.described, given.inputs
    options = " and ".join(
        ([] if given.network.size else ["--size"]) + ([] if inputs.normalisation else ["--mean and --std"])
    )
    inferred = f" (inferred; {options} say otherwise)" if options else ""
    return {
        "name": given.inputs.checkpoint.name,
        "version": None,
        "architecture": told.architecture,
        "parameters": told.parameters,
        "sha256": sha256(given.inputs.checkpoint),
        "answers": given.answers.words,
        "images": f"{feeding.input_range.size} pixels a side, {feeding.words}, {feeding.view}{inferred}",
    }


def notes_of(given: OpenedClassifier, doubts: list[str], task: TaskAccuracy | None) -> tuple[str, ...]:
    """What a reader must know of network and patients, a sentence each."""
    ours = [OURS] if is_of_remnant(given.inputs.checkpoint) else []
    does = []
    if task:
        right = counted_of(task.right, task.asked, "answer", "is", "are")
        does = [
            f"On images of its training patients {right} right. If its answers were exchanged among these images at random, "
            f"{task.by_chance:.0%} would be right."
        ]
    return (*phantom_notices(given.cohorts.values()), *doubts, *ours, *_left_out(given), *does)


def _left_out(given: OpenedClassifier) -> list[str]:
    against = given.against
    found = []
    if against.left_out:
        found.append(
            f"{counted(against.left_out, 'patient of the validation is', 'patients of the validation are')} left out: they "
            "decided when the training stopped."
        )
    if thinned := sum(against.thinned.values()):
        found.append(
            f"{counted(thinned, 'image is', 'images are')} left out, so that both groups have as many a patient."
        )
    if against.classless:
        found.append(
            f"{counted(against.classless, 'image is', 'images are')} left out, which are of none of the model's classes or of "
            "which the table is uncertain."
        )
    blank = sum(not case.findings for case in against.cases)
    if given.answers.labels is not None and blank:
        found.append(
            f"{counted_of(blank, len(against.cases), 'image', 'has', 'have')} no finding in the table; they count as being "
            "without those that the model tells of."
        )
    if against.unused:
        found.append(f"{counted(against.unused, 'image of other splits is', 'images of other splits are')} not used.")
    return found


def beside(given: OpenedClassifier, feeding: Feeding) -> ExtraResults:
    """The tables of the file and of how images were given, with their sections, and what nobody can know."""
    tables = {"input": [_input_row(feeding)], "file": file_rows(given.in_order(feeding))}
    return ExtraResults(tables, [_input_section(feeding), _file_section()], [SPLIT])


def file_rows(given: OpenedClassifier) -> list[Row]:
    """What was audited, as its file tells, with what had to be assumed and what `remnant inspect` finds."""
    told, path = given.network.described, given.inputs.checkpoint
    facts: list[tuple[str, Any]] = [
        ("file", path.name),
        ("SHA-256", sha256(path)),
        ("format", told.format),
        ("architecture", told.architecture),
        ("names of its tensors", told.dialect),
        ("channels", told.channels),
        ("outputs", told.classes),
        ("parameters", f"{told.parameters:,}"),
        *(("built with", f"{name} {value}") for name, value in (told.arguments or {}).items() if name != "name"),
        *(("assumed", text) for text in told.assumptions),
        *(("found in it", text) for text in told.findings),
        ("answers", given.answers.words),
    ]
    return [{"fact": fact, "value": str(value)} for fact, value in facts if value is not None]


def _input_row(feeding: Feeding) -> Row:
    taken = feeding.input_range
    return {
        "size": taken.size,
        "channels": taken.channels,
        "range": feeding.words,
        "mean": ", ".join(f"{value:g}" for value in taken.mean),
        "std": ", ".join(f"{value:g}" for value in taken.std),
        "greys": feeding.view,
        "distance": feeding.distance,
        "first": feeding.first,
        "fits": None if feeding.distance is None else feeding.doubt is None,
    }


def _input_section(feeding: Feeding) -> Section:
    far = "It stores no statistics by which this could be checked."
    if feeding.distance is not None:
        far = (
            f"The images lie {feeding.distance:.2g} from the statistics that it stores of its training; up to {FITS} is let "
            "pass. Of each layer that is the mean over channels of (m - M)²/V + log(v/V)². There m and v enter with these "
            f"images, and the file stores M and V. The first layer alone tells of the images, whatever the network behind it; up "
            f"to {FIRST_FITS:g} is let pass."
        )
    return Section(
        title="How were images given to the model?",
        text=[
            "A model that is given images otherwise than in training answers noise, and noise hides a leak.",
            *([feeding.doubt] if feeding.doubt else [far]),
        ],
        table=TableView(
            name="input",
            caption="Distance of the images from the statistics that the model stores of its training images.",
            columns={
                "size": "Pixels a side",
                "channels": "Channels",
                "range": "Range",
                "mean": "Mean",
                "std": "Standard deviation",
                "greys": "Greys",
                "{distance:.2g}": "Distance, all layers",
                "{first:.2g}": "Of the first layer",
                "fits": "Fits",
            },
        ),
    )


def _file_section() -> Section:
    return Section(
        title="What is in the file?",
        text=["What the file tells, what had to be assumed where it does not, and what `remnant inspect` finds."],
        table=TableView(name="file", caption="The checkpoint.", columns={"fact": "What", "value": "As read"}),
    )
