import shutil
from dataclasses import replace

import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.cohort.case import Case, Cohort, LabelScheme
from remnant.cohort.unchanged import require_unchanged


@pytest.fixture
def begun(tmp_path, put, write_series):
    """A run, and what it was begun with: a volume with labels, an Analyze pair, a DICOM series by its folder and by a file."""
    data = tmp_path / "data"
    for name in ("a.nii", "a_labels.nii", "b.hdr", "b.img"):
        put(data / name, name)
    write_series(data, np.zeros((4, 5, 3), np.int16))
    cases = (
        Case("a", "1", data / "a.nii", data / "a_labels.nii", age=60),
        Case("b", "1", data / "b.hdr"),
        Case("c", "1", data / "series"),
        Case("d", "1", data / "series" / "0.dcm"),
    )
    cohort = Cohort("data", data, cases, {"lpba3": LabelScheme("lpba3", ("background", "gyri"), {0: 0, 1: 1})})
    with Run.start(tmp_path / "run", "s", {}, resume=False) as run:
        require_unchanged(run, {"data": cohort}, quiet=True)
    return run, cohort


def test_the_same_cohort_is_no_change(begun):
    run, cohort = begun
    # Copied back, with other dates and in another order.
    shutil.copytree(cohort.root, cohort.root.with_name("copy"), copy_function=shutil.copyfile)
    shutil.rmtree(cohort.root)
    cohort.root.with_name("copy").rename(cohort.root)
    require_unchanged(run, {"data": replace(cohort, cases=cohort.cases[::-1])}, quiet=True)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("a.nii", "other files of a:1"),
        ("a_labels.nii", "other files of a:1"),
        ("b.img", "other files of b:1"),
        ("series/1.dcm", "other files of c:1 and 1 more"),
    ],
)
def test_one_exchanged_file_is_named(begun, file, told):
    run, cohort = begun
    with (cohort.root / file).open("ab") as changed:
        changed.write(b"\0")
    with pytest.raises(RemnantError, match=rf"data is not what .*run was begun with \({told}\); give the same"):
        require_unchanged(run, {"data": cohort}, quiet=True)


def test_people_and_tables_that_changed_are_named(begun):
    run, cohort = begun
    first, *others = cohort.cases

    def told(changed):
        with pytest.raises(RemnantError) as error:
            require_unchanged(run, {"data": changed}, quiet=True)
        return str(error.value)

    assert "(e:1 added)" in told(replace(cohort, cases=(*cohort.cases, replace(first, patient="e"))))
    assert "(a:1 removed)" in told(replace(cohort, cases=tuple(others)))
    older = replace(cohort, cases=(replace(first, age=61), *others))
    assert "(other entries in the table for a:1)" in told(older)
    merged = replace(cohort, schemes={"lpba3": LabelScheme("lpba3", ("background", "gyri"), {0: 0, 1: 0})})
    assert "(another table of labels)" in told(merged)
