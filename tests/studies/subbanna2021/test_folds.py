from pathlib import Path

import numpy as np

from remnant.base.run import Run
from remnant.cohort.case import Case, Fold, Prepared
from remnant.studies.subbanna2021.folds import fold_file, read_fold, write_fold


def test_a_fold_comes_back_by_pseudonym_with_sessions_by_their_order(tmp_path):
    run = Run.start(tmp_path / "run", "s", {}, resume=False)
    names = [("b", "2021-05"), ("a", "x"), ("b", "2020-01"), ("c", "x"), ("d", "x")]
    prepared = Prepared(
        cases=tuple(Case(patient, session, Path("i")) for patient, session in names),
        images=np.random.default_rng(0).random((5, 1, 4, 4, 4), dtype=np.float32),
        labels=np.arange(5 * 64, dtype=np.uint8).reshape(5, 4, 4, 4),
        affine=np.eye(4),
        classes=("background", "gyri"),
    )
    write_fold(run, prepared, Fold(2, members=("b",), attacker=("a", "d"), non_members=("c",)))
    data = read_fold(run, 2)
    assert data.groups == ("member", "attacker", "member", "non_member", "attacker")
    assert data.sessions == (2, 1, 1, 1, 1)
    assert data.pseudonyms == tuple(run.pseudonym(patient) for patient, _ in names)
    np.testing.assert_array_equal(data.images.numpy(), prepared.images)
    np.testing.assert_array_equal(data.labels.numpy(), prepared.labels)
    assert data.where("member") == [0, 2] and data.where("member", 1) == [2] and data.firsts == [1, 2, 3, 4]
    assert fold_file(run, 2).parent.stat().st_mode & 0o077 == 0
    kept = fold_file(run, 2).read_bytes()
    assert b"2021-05" not in kept and b"2020-01" not in kept
