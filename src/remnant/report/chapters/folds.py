"""The fold-rank test: which p counts, and its power."""

from remnant.base.findings import AuditResults
from remnant.base.results import FigureView, Section
from remnant.report.audit_rows import fold_curve_rows
from remnant.report.chapters.part import Part

# Of `measure.fold_rank`: what each of its nulls holds for.
NULLS = [
    "The test asks how often the model that did not train on a patient fits him worst. Its p has three nulls; the findings, and "
    "so the verdict, take the first, and adjust it by Holm for all tests.",
    "The first holds whatever models and patients differ in, if who was put into which fold is chance.",
    "The last keeps whole folds together, and so holds for folds of one hospital each. It counts orders of the models: of k "
    "models it is 2/k! at the least, so that of five it cannot reach 0.01.",
    "Whether folds differ by themselves the blind baseline tells. Where it passes and the last p is large, read it as a doubt.",
]


def with_folds(results: AuditResults, section: Section) -> Part:
    """A section of results: that of the nulls with what each holds for, that of the power with a figure before its table."""
    if section.table is not None and section.table.name == "fold_rank":
        view = section.table.model_copy(update={"caption": "p under each null, before Holm. The first counts."})
        told = {"title": "Fold rank: p under each null", "text": NULLS, "table": view}
        return Part(section.model_copy(update=told))
    if section.table is None or section.table.name != "fold_power" or section.figures:
        return Part(section)
    caption = "How likely a leak is seen in all folds together, by its size. The bar: what 80% power would have shown."
    if any(one.statistic == "fold_rank" and one.value is None for one in results.findings):
        caption += " Not drawn: what was found (withheld)."
    drawn = [FigureView(name="fold-power", kind="fold_power", caption=caption)]
    return Part(section.model_copy(update={"figures": drawn}), {"fold_curve": fold_curve_rows(results)})
