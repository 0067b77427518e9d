"""The studies come to what they came to before; goldens.py says how these files are made anew."""

import pytest
from tests.studies import goldens


def differences(golden, found, where=""):
    """Where what was `found` is not what the `golden` says: places in words. What only one of the two lists is told, too."""
    if isinstance(golden, dict) and isinstance(found, dict):
        return [
            one
            for key in [*golden, *(key for key in found if key not in golden)]
            for one in differences(golden.get(key, "nothing"), found.get(key, "nothing"), f"{where}/{key}")
        ]
    if isinstance(golden, list) and isinstance(found, list) and len(golden) == len(found):
        return [
            one
            for place, pair in enumerate(zip(golden, found, strict=True))
            for one in differences(*pair, f"{where}/{place}")
        ]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (golden, found))
    same = found == pytest.approx(golden, rel=1e-3, abs=1e-5) if numbers else golden == found
    return [] if same else [f"{where}: {golden} then, {found} now"]


def only(found, golden):
    """What `found` has of the keys of the `golden`."""
    if not (isinstance(found, dict) and isinstance(golden, dict)):
        return found
    return {key: only(value, golden[key]) for key, value in found.items() if key in golden}


def test_a_changed_value_a_missing_table_and_a_new_one_are_told():
    table = {"columns": ["auc"], "rows": 2, "sums": {"auc": 1.0}, "words": {}, "shown": [[0.5], [0.5]]}
    assert differences({"leak": table}, {"leak": table | {"sums": {"auc": 1.0004}}}) == []
    assert differences({"leak": table}, {"leak": table | {"sums": {"auc": 1.002}}}) == [
        "/leak/sums/auc: 1.0 then, 1.002 now"
    ]
    assert len(differences({"leak": table}, {})) == len(differences({}, {"leak": table})) == 1
    assert differences({"leak": table}, {"leak": table | {"shown": [[0.5], [None]]}}) == [
        "/leak/shown/1/0: 0.5 then, None now"
    ]


@pytest.mark.parametrize("study", goldens.STUDIES)
def test_tables_of_invented_measurements_are_as_they_were(study):
    assert differences(goldens.read(f"invented-{study}"), goldens.told(goldens.INVENTED[study]())) == []


@pytest.mark.slow
@pytest.mark.parametrize("study", goldens.STUDIES)
def test_a_whole_small_run_has_the_shape_that_it_had(study, tmp_path):
    golden, found = goldens.read(f"smoke-{study}"), goldens.structure(goldens.smoke(study, tmp_path))
    assert differences(golden, only(found, golden)) == []


def test_the_goldens_stay_small():
    assert sum(path.stat().st_size for path in goldens.FOLDER.iterdir()) < 200_000
