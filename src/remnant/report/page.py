"""The report: one self-contained HTML file made from a finished run's files alone."""

from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.files import write_text
from remnant.base.results import Results, Section, TableView
from remnant.report import words
from remnant.report.sections import Chapters
from remnant.report.templates import fill, flat

EXPOSED = Section(
    title="Most exposed patients",
    text=[
        "A mean hides people. These are the patients whose reconstruction stands out most from everybody "
        "else's, by "
        "pseudonym. The key from pseudonym to patient stays in the run and is removed by `remnant purge`."
    ],
    table=TableView(
        name="exposed",
        caption="Margin: similarity to the own original minus similarity to the most similar other patient.",
        columns={
            "network": "Network",
            "decoder": "Decoder",
            "pseudonym": "Patient",
            "group": "Among",
            "metric": "Measure",
            "own": "Own original",
            "best_other": "Best other",
            "margin": "Margin",
            "rank": "Rank",
        },
    ),
)

GALLERY_GLOSSARY = {
    "Member": "A patient whose scans trained the network under audit.",
    "Non-member": "A patient whom nobody's training saw; the honest control.",
    "Attacker's patients": "Other people, whose scans the attacker owns and trains the attack on.",
    "Reconstruction": "An image that the attack drew and claims to show a given patient.",
    "Gallery": "The scans among which a reconstruction has to find its own patient.",
    "Leak": "What members lose beyond non-members: the share of the harm that training caused.",
    "Chance": "How often blind guessing would find the patient.",
    "95% interval": "In brackets, over patients: the values that these few patients cannot rule out.",
    "Mean image": "The average of the attacker's own patients: what it can show without any attack.",
}


def make_report(run: Path, show_images: bool = False) -> Path:
    """Draw the run's figures and write its report; return the report's path.

    Without images: RUN/figures/*.svg and RUN/report.html. With `show_images` the page holds patient data, so
    it goes to RUN/private/report.html, with its private figures in RUN/private/figures, where `remnant purge`
    removes them. Raises `RemnantError` when results.json is missing or does not fit, or when images are asked
    for that were not kept.
    """
    run = Path(run)
    results = Results.read(run / "results.json")
    page = render(run, results, show_images=show_images)
    path = run / "private" / "report.html" if show_images else run / "report.html"
    write_text(path, page)
    return path


def render(run: Path, results: Results, *, show_images: bool) -> str:
    """The page as text; writes the figures beside the run on the way."""
    with words.labelled(results.labels):
        return _rendered(run, results, show_images=show_images)


def _rendered(run: Path, results: Results, *, show_images: bool) -> str:
    sections = list(results.sections)
    if results.tables.get("exposed") and not any(s.table and s.table.name == "exposed" for s in sections):
        sections.append(EXPOSED)
    if show_images and not any(figure.private for section in sections for figure in section.figures):
        raise RemnantError(
            f"The run {run} has no figure with patient images to show; make the report without --show-images."
        )
    chapters = Chapters(run, results.tables, show_images)
    return fill(
        "template.html",
        results=results,
        chapters=[chapters.chapter(section) for section in sections],
        show_images=show_images,
        provenance={
            "Run": {
                "study": results.study,
                **({"preset": results.preset} if results.preset else {}),
                "patients": results.patients,
                "scans": results.scans,
                "seed": results.seed,
                "started": results.started,
                "wall time": words.duration(results.seconds),
                **({"processor time": words.duration(results.cpu_seconds)} if results.cpu_seconds else {}),
            },
            "Hardware": results.hardware,
            "Versions": results.versions,
        },
        settings=flat(results.settings),
        glossary=results.glossary or GALLERY_GLOSSARY,
    )
