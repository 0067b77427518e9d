"""How near the drawn images come, by groups of patients: what may be told outside, where a row a patient stays in the house."""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from remnant.audit.compare import with_holm
from remnant.base.results import Row, number
from remnant.base.seeds import Seeds
from remnant.measure.auc import mann_whitney_auc
from remnant.studies.lee2025.scores import Audited, contrast_columns
from remnant.studies.lee2025.settings import CONTROL, METHODS_OF_ALL


def group_rows(audit: Audited) -> Iterator[Row]:
    """Of each group of `n` patients the similarity of their nearest candidates: mean, `sd` (n - 1), and the three quartiles.

    The same methods and spaces, on whole images, as `score_rows`. No smallest and no largest value: each is one patient's.
    """
    for space in audit.spaces:
        for method in [method for method in METHODS_OF_ALL if method in audit.found]:
            pair = audit.best(method, space)
            for group, values in zip(("member", "non_member"), pair, strict=True):
                key: Row = {"target": audit.target, "space": space, "source": method, "group": group}
                yield key | {"n": len(values)} | _described(values)


def over_prior_rows(audits: Sequence[Audited], seeds: Seeds) -> list[Row]:
    """AUC of members by each method's nearest candidate, and its difference to that of the untuned prior, same patients.

    Unlike the gain of the table `leak`, of all images that each of them drew. `holm_p` holds over all rows.
    """
    rows = []
    for audit in audits:
        if CONTROL not in audit.found:
            continue
        for method, space in product((name for name in audit.found if name != CONTROL), audit.spaces):
            one, prior = audit.best(method, space), audit.best(CONTROL, space)
            row: Row = {"target": audit.target, "space": space, "source": method}
            row |= {"members": len(one[0]), "non_members": len(one[1])}
            row |= {"auc": number(mann_whitney_auc(*one).mean), "auc_prior": number(mann_whitney_auc(*prior).mean)}
            rows.append(row | contrast_columns(one, prior, seeds.child(audit.target, method, space)))
    return with_holm(rows)


def _described(values: np.ndarray) -> Row:
    names = ("mean", "sd", "q25", "median", "q75")
    if not len(values):
        return dict.fromkeys(names)
    sd = values.std(ddof=1) if len(values) > 1 else np.nan
    return dict(zip(names, map(number, (values.mean(), sd, *np.quantile(values, (0.25, 0.5, 0.75)))), strict=True))
