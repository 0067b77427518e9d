"""The report of an audit, made from its results.json alone: a decision sheet of one page, the evidence, the annex."""

from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from remnant.base.files import write_text
from remnant.base.findings import AuditResults


def make_audit_report(run: Path) -> Path:
    """Write RUN/report.html and return its path. Raises `RemnantError` when results.json is missing or does not fit."""
    results = AuditResults.read(run / "results.json")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: files("remnant.report").joinpath(name).read_text("utf-8")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    style = Markup(files("remnant.report").joinpath("style.css").read_text("utf-8"))
    page = environment.get_template("audit.html").render(results=results, style=style)
    path = run / "report.html"
    write_text(path, page)
    return path
