"""The report: one self-contained HTML file made from a finished run's files alone."""

import base64
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path, write_text
from remnant.base.results import FigureView, Results, Row, Section, TableView, matching
from remnant.report import private, words
from remnant.report.figures import FIGURES
from remnant.report.figures.style import house_style, to_png, to_svg
from remnant.report.tables import build, to_html

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

GLOSSARY = {
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


@dataclass(frozen=True)
class Chapter:
    """A section as the page shows it: text, and tables and figures as finished HTML."""

    anchor: str
    title: str
    text: list[str]
    table: Markup | None
    figures: list[Markup]


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
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: files("remnant.report").joinpath(name).read_text("utf-8")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"duration": words.duration, "label": words.label, "code": _code}
    counter = {"Table": 0, "Figure": 0}
    sections = list(results.sections)
    if results.tables.get("exposed") and not any(s.table and s.table.name == "exposed" for s in sections):
        sections.append(EXPOSED)
    if show_images and not any(figure.private for section in sections for figure in section.figures):
        raise RemnantError(
            f"The run {run} has no figure with patient images to show; make the report without --show-images."
        )
    chapters = [_chapter(run, results, section, counter, show_images=show_images) for section in sections]
    style = files("remnant.report").joinpath("style.css").read_text("utf-8")
    return environment.get_template("template.html").render(
        results=results,
        chapters=chapters,
        style=Markup(style),
        show_images=show_images,
        provenance={
            "Run": {
                "study": results.study,
                "preset": results.preset,
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
        settings=_flat(results.settings),
        glossary=results.glossary or GLOSSARY,
    )


def _chapter(run: Path, results: Results, section: Section, counter: dict[str, int], *, show_images: bool) -> Chapter:
    table = None
    if section.table:
        built = build(results.tables[section.table.name], section.table)
        table = to_html(built, _next(counter, "Table"))
    figures = []
    for view in section.figures:
        kind = FIGURES.get(view.kind)
        if kind is None:
            raise RemnantError(
                f"The figure {view.name!r} has the unknown kind {view.kind!r}; the kinds are {', '.join(FIGURES)}."
            )
        if kind.private != view.private:
            raise RemnantError(f"The figure {view.name!r} of kind {view.kind!r} must have private={kind.private}.")
        if view.private and not show_images:
            continue
        figures.append(_figure(run, results, view, _next(counter, "Figure")))
    return Chapter(_anchor(section.title), section.title, section.text, table, figures)


def _figure(run: Path, results: Results, view: FigureView, title: str) -> Markup:
    """Draw one figure, keep its file, and return it as HTML with its caption."""
    kind = FIGURES[view.kind]
    rows = matching(results.tables.get(kind.table, []), view.where)
    if not rows:
        raise RemnantError(
            f"The figure {view.name!r} has nothing to show: no row of the table {kind.table!r} has {view.where}."
        )
    try:
        with house_style():
            if view.private:
                image = _private_image(run, view, rows)
            else:
                svg = to_svg(kind.draw(rows), view.name)
                write_text(run / "figures" / f"{view.name}.svg", svg)
                image = _inline(svg, view.caption)
    except KeyError as error:
        raise RemnantError(
            f"The figure {view.name!r} needs the column {error} of the table {kind.table!r}, which {run / 'results.json'} of "
            "another version of Remnant does not have; move that file away, then run the study again with --resume."
        ) from None
    kept = ' class="patient"' if view.private else ""
    return Markup(
        f'<figure{kept}><div class="scroll">{image}</div>'
        f"<figcaption><b>{escape(title)}.</b> {escape(view.caption)}</figcaption></figure>"
    )


def _private_image(run: Path, view: FigureView, rows: list[Row]) -> str:
    kind = FIGURES[view.kind]
    png = to_png(kind.draw(rows, kind.volumes(run, rows)))
    with atomic_path(private.private_folder(run, "figures") / f"{view.name}.png") as temporary:
        temporary.write_bytes(png)
    return f'<img alt="{escape(view.caption)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def _inline(svg: str, caption: str) -> str:
    """The SVG as an element of the page: scaled to its column, with its caption as the alternative text."""
    svg = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r"<svg \1>", svg, count=1, flags=re.DOTALL)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(caption)}" ', 1)


def _next(counter: dict[str, int], word: str) -> str:
    counter[word] += 1
    return f"{word} {counter[word]}"


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _code(text: str) -> Markup:
    """Escaped text, with `quoted` words in code type."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _flat(settings: dict[str, Any], before: str = "") -> dict[str, str]:
    """Nested settings as "decoder.epochs": "200"."""
    flat: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{key}.")
        else:
            flat[f"{before}{key}"] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return flat
