"""Members and non-members who were given, made alike in how many images each patient has."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from remnant.base.seeds import Seeds
from remnant.cohort.case import Case


def thin_images(
    members: Sequence[Case], non_members: Sequence[Case], seeds: Seeds
) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """Both groups with as many images a patient, each in its order; every patient keeps at least one.

    The mean of more images is a score of less noise, so that unequal numbers distinguish groups without any leak. Patients
    are ranked by their number of images, those of one number by the seed; at each quantile both groups keep the smaller of
    the two numbers there. Which images of a patient are kept is drawn.
    """
    groups = [_by_patient(cases) for cases in (members, non_members)]
    counts = [np.sort([len(own) for own in group.values()]) for group in groups]
    kept = []
    for name, group in zip(("members", "non_members"), groups, strict=True):
        random = seeds.child(name).numpy()
        shuffled = random.permutation(sorted(group)).tolist()
        keep: set[str] = set()
        for place, patient in enumerate(sorted(shuffled, key=lambda patient: len(group[patient]))):
            most = min(_at(place, len(group), count) for count in counts)
            own = sorted(case.case_id for case in group[patient])
            keep |= set(random.permutation(own)[:most].tolist())
        kept.append(keep)
    first, second = (
        tuple(case for case in cases if case.case_id in keep)
        for cases, keep in zip((members, non_members), kept, strict=True)
    )
    return first, second


def _by_patient(cases: Sequence[Case]) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        found[case.patient].append(case)
    return found


def _at(place: int, patients: int, counts: np.ndarray) -> int:
    """Of the ascending `counts` that at the quantile of `place` among so many `patients`."""
    return int(counts[int((place + 0.5) / patients * len(counts))])
