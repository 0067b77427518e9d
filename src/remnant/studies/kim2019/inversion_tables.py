"""Rows on what was reconstructed: whether it finds the patient, and how like his scan it is, beside the mean image."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from remnant.attacks.attack import Reconstructions
from remnant.audit.findings.identified import first_images, other_images, search_of
from remnant.audit.findings.pairs import Paired
from remnant.audit.findings.rows import interval_columns
from remnant.base.results import Row, number
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images, stacked
from remnant.measure.identity import Search
from remnant.measure.images import union_box
from remnant.measure.intervals import bootstrap_mean
from remnant.measure.scored_pairs import matrix_pairs
from remnant.measure.similarity import MATRICES
from remnant.studies.kim2019.subjects import AuditedVariant

# What is sought by a reconstruction: the very scan whose code was sent, or the same patient's other visit.
SOUGHT = {"own_scan": first_images, "other_visit": other_images}
# Half an SSIM window around the heads, so that every voxel of a head is the centre of a window.
BOX_MARGIN = 5


def searched(claim: Reconstructions, others: Images, sought: str) -> Search | None:
    """The search of test patients' scans, one each; None where fewer than two have what is sought."""
    gallery = SOUGHT[sought](others)
    return search_of(claim, gallery) if len(gallery) > 1 else None


def as_pairs(search: Search, view: str) -> Paired:
    """Every entry of the search as a pair: of one patient where the row's own scan stands."""
    scores, patients = matrix_pairs(search.scores, search.own.tolist(), range(search.scores.shape[1]))
    return Paired(view, "redrawn", "", 0.0, np.array(patients), scores, np.empty(0))


def inversion_rows(
    subjects: Sequence[AuditedVariant], others: Images, described: Mapping[str, Row], seeds: Seeds
) -> Iterator[Row]:
    """A row a variant, view and what is sought: patients found first, the AUC of own scans against others', and of the own scan
    SSIM with the reconstruction, beside that with the attacker's mean image, which holds nothing of the patient."""
    for subject in subjects:
        for view, claims in subject.drawn.items():
            for sought in SOUGHT:
                search = searched(claims[0], others, sought)
                if search is None:
                    continue
                branch = seeds.child(subject.variant, view, sought)
                yield {
                    **described[subject.variant],
                    "view": view,
                    "sought": sought,
                    "n": len(search.own),
                    "gallery": search.gallery,
                    "rank1_count": search.count,
                    **interval_columns("rank1", search.rank1()),
                    "chance": search.chance,
                    "p": number(search.p),
                    **interval_columns("auc", search.auc(branch.child("area").numpy())),
                    **(_alike(claims[0], others, branch) if sought == "own_scan" else dict.fromkeys(ALIKE)),
                }


ALIKE = ("ssim", "ssim_low", "ssim_high", "ssim_mean_image")


def _alike(claim: Reconstructions, others: Images, seeds: Seeds) -> Row:
    firsts = first_images(others)
    scans = stacked(firsts.images)[:, 0].numpy()
    drawn = claim.images[[claim.patients.index(patient) for patient in firsts.patients], 0].numpy()
    box, ssim = union_box(scans, margin=BOX_MARGIN), MATRICES["ssim"].matrix
    own = np.array([ssim(drawn[i : i + 1], scans[i : i + 1], box=box)[0, 0] for i in range(len(scans))])
    mean = ssim(claim.mean.numpy(), scans, box=box)[0]
    return interval_columns("ssim", bootstrap_mean(own, seeds.child("own").numpy())) | {
        "ssim_mean_image": float(mean.mean())
    }
