"""Who trains and who is tested."""

from collections.abc import Sequence

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.case import Cohort
from remnant.cohort.folds import held_out
from remnant.cohort.visits import FEWEST, Role, check_roles
from remnant.studies.kim2019.settings import StudySettings


def deal(cohort: Cohort, settings: StudySettings) -> dict[str, Role]:
    """The role of every patient, by the study's seed.

    Where visits are simulated, patients who have real ones are tested, so that all of these are measured; otherwise they are
    spread evenly. Raises `RemnantError` as `held_out` does, and where a role has no two sessions of anybody.
    """
    seeds = Seeds(settings.seed).child("split")
    if settings.net.revisits is None:
        training, test = held_out(cohort.patients, seeds=seeds, share=settings.net.held_out, sessions=cohort.sessions)
        roles: dict[str, Role] = dict.fromkeys(training, "training") | dict.fromkeys(test, "test")
        check_roles(cohort, roles)
        return roles
    real = {patient for patient, sessions in cohort.sessions.items() if sessions > 1}
    once = [patient for patient in cohort.patients if patient not in real]
    wanted = settings.net.held_out * len(cohort.patients)
    share = max(wanted - len(real), FEWEST) / max(len(once), 1)
    training, test = held_out(once, seeds=seeds, share=min(share, 0.9))
    return dict.fromkeys(training, "training") | dict.fromkeys([*test, *sorted(real)], "test")


def check_patch(shape: Sequence[int], patch: int, cohort: Cohort) -> None:
    """Raise `RemnantError` for a grid of `shape` voxels that is smaller than a patch."""
    if min(shape) < patch:
        raise RemnantError(
            f"The scans in {cohort.root} lie on a grid of {' x '.join(map(str, shape))} voxels, smaller than the patches of "
            f"{patch} that the networks see; prepare them on a finer grid, or make the patches smaller."
        )
