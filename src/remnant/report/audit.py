"""The report of an audit, made from its results.json alone: a decision sheet of one page, the evidence, the annex."""

from pathlib import Path

from remnant.base.files import write_text
from remnant.base.findings import AuditResults
from remnant.base.terms import DECISION_SUPPORT, called, limits_changed
from remnant.report.evidence import evidence_of
from remnant.report.glossary import AUDIT_GLOSSARY
from remnant.report.sheet import sheet_of
from remnant.report.templates import fill, flat
from remnant.report.untested import untested
from remnant.report.words import duration, labelled


def make_audit_report(run: Path) -> Path:
    """Write RUN/report.html and RUN/figures; return the page. Raises `RemnantError` where results.json is not there or not
    one."""
    page = render_audit(run, AuditResults.read(run / "results.json"))
    path = run / "report.html"
    write_text(path, page)
    return path


def render_audit(run: Path, results: AuditResults) -> str:
    """The page as text; writes the figures beside the run on the way."""
    with labelled({attack.name: called(attack.name) for attack in results.scenario.attacks}):
        return _rendered(run, results)


def _rendered(run: Path, results: AuditResults) -> str:
    return fill(
        "audit.html",
        styles=("style.css", "sheet.css"),
        results=results,
        sheet=sheet_of(results),
        evidence=evidence_of(run, results),
        untested=untested(results),
        limits_changed=limits_changed(results),
        decision_support=DECISION_SUPPORT,
        glossary=AUDIT_GLOSSARY,
        provenance={
            "Run": {
                "scenario": results.scenario.name,
                "seed": results.seed,
                "started": results.started,
                "wall time": duration(results.seconds),
                **({"processor time": duration(results.cpu_seconds)} if results.cpu_seconds else {}),
                "minimum cell": results.minimum_cell,
                "schema": results.schema_version,
            },
            "Model and cohort": {**results.model, **results.cohort},
            "Hardware": results.hardware,
            "Versions": results.versions,
        },
        settings=flat(results.settings),
    )
