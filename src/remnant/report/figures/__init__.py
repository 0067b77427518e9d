"""The room's list of figures: a new kind is one function and one line in `FIGURES`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from remnant.base.results import Row
from remnant.report.figures.adversaries import adversaries
from remnant.report.figures.audit import audit_forest, forest_says, limits_held, limits_say, roc_curves, roc_says
from remnant.report.figures.beyond_map import beyond_map
from remnant.report.figures.candidates import scores_scatter
from remnant.report.figures.defences_held import defences_held, held_say
from remnant.report.figures.deformation import bendings_of, deformation_maps
from remnant.report.figures.demographics import age_scatter, sex_confusion
from remnant.report.figures.distribution import entropy_histogram, kurtosis_curves
from remnant.report.figures.exposure import exposed_patients, exposed_ranks, patients_say, ranks_say
from remnant.report.figures.fold_power import fold_power, power_says
from remnant.report.figures.gallery import gallery_size
from remnant.report.figures.identification import identification_bars
from remnant.report.figures.leak import leak_forest
from remnant.report.figures.membership import auc_forest, membership_forest, score_groups
from remnant.report.figures.metrics import metric_match, response_curves
from remnant.report.figures.own import own_against_others
from remnant.report.figures.radiographs import likely_beside_nearest, progression
from remnant.report.figures.ranks import rank_histogram
from remnant.report.figures.reach import auc_power, auc_power_says, low_roc_curves, low_roc_says
from remnant.report.figures.reconstructions import pairs_of, reconstructions
from remnant.report.figures.robustness import robustness_lines
from remnant.report.figures.stage1 import stage1_terms
from remnant.report.figures.tissues import class_dice
from remnant.report.figures.trade_off import trade_off
from remnant.report.figures.training import training_curves
from remnant.report.radiographs import pairs_beside, strips_of


@dataclass(frozen=True)
class FigureKind:
    """A kind of figure: what draws it from rows of `table`; a private kind also takes `volumes(run, rows)`, patients' own.

    `people`: it draws a dot a patient, so that it stays in the house. `says`: what is seen, in words and numbers of the rows,
    for who does not see it; where there is none, the caption has to do.
    """

    draw: Callable[..., Figure]
    table: str
    volumes: Callable[[Path, list[Row]], Any] | None = None
    people: bool = False
    says: Callable[[list[Row]], str] | None = None

    @property
    def private(self) -> bool:
        return self.volumes is not None


FIGURES = {
    "audit_forest": FigureKind(audit_forest, "forest", says=forest_says),
    "limits_held": FigureKind(limits_held, "limits_held", says=limits_say),
    "roc_curves": FigureKind(roc_curves, "roc", says=roc_says),
    "auc_power": FigureKind(auc_power, "auc_power", says=auc_power_says),
    "low_roc_curves": FigureKind(low_roc_curves, "roc_low", says=low_roc_says),
    "exposed_patients": FigureKind(exposed_patients, "exposed_patients", people=True, says=patients_say),
    "exposed_ranks": FigureKind(exposed_ranks, "exposure_ranks", says=ranks_say),
    "fold_power": FigureKind(fold_power, "fold_curve", says=power_says),
    "rank_histogram": FigureKind(rank_histogram, "ranks"),
    "own_against_others": FigureKind(own_against_others, "scores", people=True),
    "training_curves": FigureKind(training_curves, "training"),
    "leak_forest": FigureKind(leak_forest, "leak"),
    "identification_bars": FigureKind(identification_bars, "identification"),
    "metric_match": FigureKind(metric_match, "metrics"),
    "response_curves": FigureKind(response_curves, "response"),
    "gallery_size": FigureKind(gallery_size, "gallery_size"),
    "stage1_terms": FigureKind(stage1_terms, "stage1"),
    "scores_scatter": FigureKind(scores_scatter, "candidates"),
    "kurtosis_curves": FigureKind(kurtosis_curves, "kurtosis"),
    "entropy_histogram": FigureKind(entropy_histogram, "entropy"),
    "score_groups": FigureKind(score_groups, "score_groups"),
    "auc_forest": FigureKind(auc_forest, "leak"),
    "membership_forest": FigureKind(membership_forest, "membership"),
    "trade_off": FigureKind(trade_off, "trade_off"),
    "defences_held": FigureKind(defences_held, "mitigation", says=held_say),
    "adversaries": FigureKind(adversaries, "identity"),
    "beyond_map": FigureKind(beyond_map, "difference"),
    "class_dice": FigureKind(class_dice, "segmentation"),
    "robustness_lines": FigureKind(robustness_lines, "robustness"),
    "age_scatter": FigureKind(age_scatter, "ages", people=True),
    "sex_confusion": FigureKind(sex_confusion, "sexes"),
    "reconstructions": FigureKind(reconstructions, "scores", pairs_of),
    "progression": FigureKind(progression, "stage1", strips_of),
    "likely_beside_nearest": FigureKind(likely_beside_nearest, "likely", pairs_beside),
    "deformation_maps": FigureKind(deformation_maps, "scores", bendings_of),
}
