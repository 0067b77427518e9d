"""Who is trained on and who is tested; which scans stand for a patient's visits."""

from pathlib import Path

import numpy as np
import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.case import Case, Cohort
from remnant.cohort.images import AGE, SEX, Images, first_visits
from remnant.cohort.prepare.grid import Grid
from remnant.cohort.revisit import RevisitSettings
from remnant.cohort.visits import check_roles, with_revisits
from remnant.studies.kim2019 import preset
from remnant.studies.kim2019.cohorts import deal

SMOKE = preset("smoke")
SIMULATED = SMOKE.changed(net=SMOKE.net.changed(revisits=RevisitSettings()))


def cohort(sessions: dict[str, int]) -> Cohort:
    cases = [
        Case(patient, f"v{session}", Path(f"{patient}{session}.nii.gz"))
        for patient, count in sessions.items()
        for session in range(count)
    ]
    return Cohort("some", Path("some"), tuple(cases))


def scans(sessions: list[int], roles: list[str]) -> Images:
    rng = np.random.default_rng(0)
    patients = [f"P{i}" for i, count in enumerate(sessions) for _ in range(count)]
    n = len(patients)
    images = rng.random((n, 1, 12, 12, 12), dtype=np.float32)
    return Images(
        torch.from_numpy(images),
        torch.from_numpy((images[:, 0] > 0.5).astype(np.uint8)),
        tuple(patients),
        {AGE: np.full(n, 50.0), SEX: np.zeros(n)},
        tuple(visit + 1 for count in sessions for visit in range(count)),
        tuple(role for role, count in zip(roles, sessions, strict=True) for _ in range(count)),
        ("real",) * n,
        ("none", "gm"),
        4.0,
    )


def test_everybody_has_one_role_and_repeats_are_spread():
    roles = deal(cohort({f"p{i}": 1 + i % 2 for i in range(12)}), SMOKE)
    # Half of them, as the preset asks.
    assert len(roles) == 12 and 5 <= list(roles.values()).count("test") <= 7
    assert {roles[f"p{i}"] for i in range(1, 12, 2)} == {"training", "test"}


def test_where_visits_are_simulated_real_repeats_are_all_tested():
    roles = deal(cohort({f"p{i}": 2 if i < 3 else 1 for i in range(12)}), SIMULATED)
    assert [roles[f"p{i}"] for i in range(3)] == ["test"] * 3
    assert list(roles.values()).count("test") >= 5


@pytest.mark.parametrize("sessions", [{f"p{i}": 1 for i in range(8)}, {f"p{i}": 2 - (i > 0) for i in range(8)}])
def test_one_session_everywhere_in_a_role_is_told(sessions):
    with pytest.raises(RemnantError, match=r"0 of them with several sessions.*--simulate-revisits"):
        deal(cohort(sessions), SMOKE)


def test_simulated_visits_do_for_given_roles():
    people = cohort({f"p{i}": 1 for i in range(4)})
    roles = dict.fromkeys(("p0", "p1"), "training") | dict.fromkeys(("p2", "p3"), "test")
    check_roles(people, roles, simulated=True)
    with pytest.raises(RemnantError, match="has 1 patient to test on"):
        check_roles(people.of(["p0", "p1", "p2"]), roles, simulated=True)


def test_simulated_visits_stand_beside_the_real_ones_of_test_patients():
    real = scans([1, 2, 2], ["training", "training", "test"])
    found = with_revisits(real, Grid((12, 12, 12), 4.0), RevisitSettings(), Seeds(0))
    assert found.kind == "simulated"
    assert [found.patients[i] for i in found.where("training")] == ["P0", "P0", "P1", "P1"]
    assert found.take(found.where("test")).visits == (1, 2)
    kept_real = found.where("test", kind="real")
    assert [found.patients[i] for i in kept_real] == ["P2", "P2"] and found.take(kept_real).visits == (1, 2)
    np.testing.assert_array_equal(found.images[kept_real], real.images[3:])
    # Neither visit is the scan itself.
    assert not any((found.images[i] == real.images[0]).all() for i in found.where("training"))


def test_the_first_visit_stands_for_a_patient():
    some = scans([2, 2, 2], ["training", "test", "test"])
    assert first_visits(some, some.where("test")) == [2, 4]
    assert first_visits(some, [5, 4]) == [4]
