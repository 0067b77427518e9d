"""Rows on what was redrawn: how like the patient's own scan it is, and whether it finds that scan among all patients'."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from remnant.base.results import Row, number
from remnant.base.seeds import Seeds
from remnant.measure.identity import Search
from remnant.measure.intervals import bootstrap_mean, paired_difference
from remnant.measure.multiplicity import holm
from remnant.measure.verification import matrix_pairs
from remnant.studies.columns import interval_columns
from remnant.studies.kim2019.described import is_control
from remnant.studies.kim2019.identity_tables import Pairs
from remnant.studies.kim2019.records import Inversion

# What is sought: the very scan whose code was sent, or what the same patient's other visit shows.
SOUGHT = ("own_scan", "other_visit")
LEVEL = 0.025  # of the one-sided p of patients found first, after Holm over all that was searched


@dataclass(frozen=True, kw_only=True)
class VisitSearch(Search):
    """What was redrawn of n patients, sought among m patients' scans; `mean_image` (m,) of the same search.

    `scan` (n, m) is what the scans themselves score in it.
    """

    mean_image: np.ndarray
    scan: np.ndarray

    @property
    def pairs(self) -> Pairs:
        """Every entry as a pair: of one patient where the row's own scan stands."""
        scores, patients = matrix_pairs(self.scores, self.own.tolist(), range(self.scores.shape[1]))
        return Pairs(scores, np.array(patients))


def searched(inversion: Inversion, sought: str) -> VisitSearch | None:
    """One row a patient, against one scan of every patient, the first visit; None where nobody has what is sought.

    For `other_visit` what was redrawn of each patient's last visit is held against the first ones.
    """
    patients = list(dict.fromkeys(inversion.patients))
    visits: dict[str, list[tuple[int, int]]] = {patient: [] for patient in patients}
    for place, (patient, visit) in enumerate(zip(inversion.patients, inversion.visits, strict=True)):
        visits[patient].append((int(visit), place))
    visits = {patient: sorted(own) for patient, own in visits.items()}
    columns = np.array([visits[patient][0][1] for patient in patients])
    if sought == "own_scan":
        own, rows = np.arange(len(patients)), columns
    else:
        own = np.array([i for i, patient in enumerate(patients) if len(visits[patient]) > 1], dtype=int)
        rows = np.array([visits[patients[i]][-1][1] for i in own], dtype=int)
    if not len(own):
        return None
    here = np.ix_(rows, columns)
    mean_image, scan = inversion.mean_image[columns], inversion.originals[here]
    return VisitSearch(inversion.similarity[here], own, mean_image=mean_image, scan=scan)


def inversion_rows(inversions: Sequence[Inversion], described: Mapping[str, Row], seeds: Seeds) -> list[Row]:
    """A row a variant, view and what is sought, with `found`: more patients first than by chance.

    `holm_p` holds for all variants, views and what is sought together; the raw scans, which are the control, are a family of
    their own.

    `gain`: similarity to the own scan less that of the attacker's mean image, which holds nothing of the patient; `scan_rank1`
    what the scans themselves would find, for another visit. Displacements stand beside the search for the own scan.
    """
    rows = []
    for inversion in inversions:
        branch = seeds.child(inversion.variant, inversion.view)
        for sought in SOUGHT:
            search = searched(inversion, sought)
            if search is None:
                continue
            row = {
                **described[inversion.variant],
                "view": inversion.view,
                "sought": sought,
                "measure": inversion.measure,
            }
            row |= _found(search, sought, branch.child(sought)) | _displaced(
                inversion, sought, branch.child("displacement")
            )
            rows.append(row)
    return looked_at_together(rows)


def looked_at_together(rows: Sequence[Row]) -> list[Row]:
    """The rows with `holm_p` and `found`, as in `inversion_rows`."""
    judged = [*rows]
    for control in (True, False):
        places = [place for place, row in enumerate(rows) if is_control(row) == control]
        for place, p in zip(places, holm([rows[place]["p"] for place in places]), strict=True):
            judged[place] = rows[place] | {"holm_p": float(p), "found": bool(p <= LEVEL)}
    return judged


def _found(search: VisitSearch, sought: str, seeds: Seeds) -> Row:
    n, gallery = search.scores.shape
    area, own = search.auc(seeds.child("area").numpy()), search.own_scores
    others = (search.scores.sum(1) - own) / max(gallery - 1, 1)
    mean_image = search.mean_image[search.own]
    gain = paired_difference(*(dict(enumerate(each)) for each in (own, mean_image)), seeds.child("gain").numpy())
    itself = Search(search.scan, search.own).count if sought == "other_visit" else None
    return {
        "n": n,
        "gallery": gallery,
        "rank1_count": search.count,
        **interval_columns("rank1", search.rank1()),
        "chance": search.chance,
        "p": number(search.p),
        "scan_rank1": None if itself is None else itself / n,
        "mean_rank": search.mean_rank,
        "chance_mean_rank": search.chance_mean_rank,
        **interval_columns("auc", area),
        **interval_columns("ssim", bootstrap_mean(own, seeds.child("own").numpy())),
        "ssim_others": float(others.mean()),
        "ssim_mean_image": float(mean_image.mean()),
        "gain": gain.difference,
        "gain_low": number(gain.low),
        "gain_high": number(gain.high),
        "gain_p": number(gain.p),
        "gain_detectable": number(gain.detectable),
    }


def _displaced(inversion: Inversion, sought: str, seeds: Seeds) -> Row:
    names = ("mm", "mm_low", "mm_high", "mm_others", "mm_mean_image", "mm_rank1_count", "mm_n")
    matrix = inversion.displacement
    n = len(matrix)
    if sought != "own_scan" or not n:
        return dict.fromkeys(names)
    own = matrix.diagonal()
    return {
        **interval_columns("mm", bootstrap_mean(own, seeds.numpy())),
        "mm_others": number((matrix.sum() - own.sum()) / (n * (n - 1))) if n > 1 else None,
        "mm_mean_image": float(inversion.mean_displacement.mean()),
        "mm_rank1_count": Search(-matrix, np.arange(n)).count,
        "mm_n": n,
    }
