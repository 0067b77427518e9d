from pathlib import Path

import numpy as np
import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.cohort.case import Case, Fold
from remnant.cohort.images import Images, visits_of
from remnant.studies.subbanna2021.experiments import Target
from remnant.studies.subbanna2021.folds import attacked_in, fold_file, read_fold, seen_by, write_fold


def test_a_fold_comes_back_by_pseudonym_with_sessions_by_their_order(tmp_path):
    run = Run.start(tmp_path / "run", "s", {}, resume=False)
    names = [("b", "2021-05"), ("a", "x"), ("b", "2020-01"), ("c", "x"), ("d", "x")]
    prepared = Images(
        torch.rand(5, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0)),
        torch.arange(5 * 64).to(torch.uint8).reshape(5, 4, 4, 4),
        tuple(patient for patient, _ in names),
        visits=visits_of([Case(patient, session, Path("i")) for patient, session in names]),
        classes=("background", "gyri"),
    )
    write_fold(run, prepared, Fold(2, members=("b",), attacker=("a", "d"), non_members=("c",)))
    data = read_fold(run, 2)
    assert data.roles == ("member", "attacker", "member", "non_member", "attacker")
    assert data.visits == (2, 1, 1, 1, 1)
    assert data.patients == tuple(run.pseudonym(patient) for patient, _ in names)
    assert torch.equal(data.images, prepared.images) and torch.equal(data.labels, prepared.labels)
    assert data.where("member") == [0, 2] and data.where("member", visit=1) == [2]
    assert fold_file(run, 2).parent.stat().st_mode & 0o077 == 0
    kept = fold_file(run, 2).read_bytes()
    assert b"2021-05" not in kept and b"2020-01" not in kept


def data(labels, classes):
    n = len(labels)
    images = torch.ones(n, 1, *labels.shape[1:])
    known = {"roles": ("member",) * n, "visits": (1,) * n}
    return Images(images, torch.from_numpy(labels), ("p",) * n, classes=classes, **known)


def test_a_target_learns_the_classes_it_is_for():
    labels = np.arange(64, dtype=np.uint8).reshape(1, 4, 4, 4) % 4
    seen = seen_by(data(labels, ("background", "gyri", "deep_grey", "other_brain")), Target(classes=("deep_grey",)))
    assert seen.classes == ("background", "deep_grey")
    np.testing.assert_array_equal(seen.labels.numpy(), labels == 2)
    with pytest.raises(RemnantError, match="no class 'deep_grey'"):
        seen_by(data(labels, ("background", "anterior")), Target(classes=("deep_grey",)))


def test_a_stripped_head_keeps_the_brain_with_the_fluid_inside():
    labels = np.zeros((1, 16, 16, 16), np.uint8)
    labels[0, 4:12, 4:12, 4:12] = 1
    labels[0, 7:9, 7:9, 7:9] = 0
    seen = seen_by(data(labels, ("background", "gyri")), Target(stripped=True))
    np.testing.assert_array_equal(seen.images[0, 0, 4:12, 4:12, 4:12].numpy(), 1)
    assert seen.images.sum() == 8**3
    assert seen_by(data(labels, ("background", "gyri")), Target()).images.sum() == 16**3


def test_the_few_first_patients_of_each_group_with_all_their_scans():
    names, groups = (
        ("a", "b", "a", "c", "d", "e"),
        ("member", "member", "member", "non_member", "attacker", "non_member"),
    )
    scans = Images(torch.zeros(6, 1, 1, 1, 1), torch.zeros(6, 1, 1, 1), names, visits=(2, 1, 1, 1, 1, 1), roles=groups)
    assert attacked_in(scans) == [0, 1, 2, 3, 5]
    assert attacked_in(scans, 1) == [1, 3] and attacked_in(scans, 2) == [0, 1, 2, 3, 5]
