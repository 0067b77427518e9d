"""Whose a file is, and which of several files is a scan."""

import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.layouts.read import read_cohort


@pytest.fixture
def bids(put, tmp_path):
    """`bids(*stems, table=...)`: scans with label maps below their own folders, such as sub-1_ses-2_run-1."""

    def write(*stems, table="participant_id\tage\tsex\nsub-1\t44\tF\n", ending=".nii.gz"):
        put(tmp_path / "participants.tsv", table)
        for stem in stems:
            place = "/".join(part for part in stem.split("_") if part.startswith(("sub-", "ses-")))
            for kind in ("T1w", "dseg"):
                put(tmp_path / place / "anat" / f"{stem}_{kind}{ending}")
        return tmp_path

    return write


def told(cohort):
    return [note.text for note in cohort.notes]


def test_copies_are_no_sessions(bids):
    bids(
        "sub-1_rec-raw",
        "sub-1_rec-norm",
        table="participant_id\tage\tsex\n" + "".join(f"sub-{i}\t44\tF\n" for i in "123456"),
    )
    for stem in ("sub-2_echo-10", "sub-2_echo-2", "sub-3_part-phase", "sub-3_part-mag", "sub-4", "sub-4_rec-norm"):
        bids(stem, table="participant_id\tage\tsex\n" + "".join(f"sub-{i}\t44\tF\n" for i in "123456"))
    table = "participant_id\tage\tsex\n" + "".join(f"sub-{i}\t44\tF\n" for i in "123456")
    bids("sub-5", table=table)
    cohort = read_cohort(bids("sub-5", ending=".nii", table=table))
    assert [case.image.name for case in cohort.cases] == [
        "sub-1_rec-norm_T1w.nii.gz",
        "sub-2_echo-2_T1w.nii.gz",
        "sub-3_part-mag_T1w.nii.gz",
        "sub-4_T1w.nii.gz",
        "sub-5_T1w.nii.gz",
    ]
    (text,) = told(cohort)
    assert text.startswith("5 files are other reconstructions, echoes, parts or packings")
    assert all(case.labels.name == case.image.name.replace("T1w", "dseg") for case in cohort.cases)


def test_a_copy_with_a_label_map_is_taken_before_one_without(bids):
    root = bids("sub-1", "sub-1_rec-norm")
    (root / "sub-1/anat/sub-1_dseg.nii.gz").unlink()
    assert [case.image.name for case in read_cohort(root).cases] == ["sub-1_rec-norm_T1w.nii.gz"]


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        (("run-10", "run-2"), "run-2"),
        (("acq-b", "acq-a_run-2", "acq-a_run-1"), "acq-a_run-1"),
        (("ce-gad", "run-1", "run-2"), "run-1"),
    ],
)
def test_of_the_runs_and_acquisitions_of_a_session_one_counts_and_it_is_said(bids, files, taken):
    bids("sub-1_ses-2_run-1")
    cohort = read_cohort(bids(*(f"sub-1_ses-1_{name}" for name in files)))
    assert [case.session for case in cohort.cases] == ["1", "2"]
    assert cohort.cases[0].image.name == f"sub-1_ses-1_{taken}_T1w.nii.gz"
    (note,) = cohort.notes
    assert note.text.endswith("left out; of each session one scan counts.") and len(note.files) == len(files) - 1
    assert note.text.startswith("1 scan is another run" if len(files) == 2 else "2 scans are other runs")


def test_a_run_with_a_label_map_is_taken_before_one_without_wherever_the_map_lies(bids, put):
    root = bids("sub-1_run-1", "sub-1_run-2")
    (root / "sub-1/anat/sub-1_run-1_dseg.nii.gz").unlink()
    assert [case.image.name for case in read_cohort(root).cases] == ["sub-1_run-2_T1w.nii.gz"]
    (root / "sub-1/anat/sub-1_run-2_dseg.nii.gz").rename(root / "sub-1/anat/away")
    put(root / "derivatives/fs/sub-1/anat/sub-1_run-2_dseg.nii.gz")
    assert [case.image.name for case in read_cohort(root).cases] == ["sub-1_run-2_T1w.nii.gz"]


def test_a_label_map_is_found_packed_or_not(bids):
    root = bids("sub-1")
    (root / "sub-1/anat/sub-1_dseg.nii.gz").rename(root / "sub-1/anat/sub-1_dseg.nii")
    assert read_cohort(root).cases[0].labels.name == "sub-1_dseg.nii"


def test_hidden_files_are_no_scans(bids, put):
    root = bids("sub-1")
    put(root / "sub-1/anat/._sub-1_T1w.nii.gz")
    assert len(read_cohort(root).cases) == 1


@pytest.mark.parametrize(("old", "new", "of"), [("sub-1", "sub-2", "sub-1"), ("ses-1", "ses-3", "ses-1")])
def test_a_file_in_somebody_else_s_folder_is_refused(bids, put, old, new, of):
    root = bids("sub-1_ses-1", table="participant_id\nsub-1\nsub-2\n")
    put(root / "sub-1/ses-1/anat" / f"{'sub-1_ses-1'.replace(old, new)}_T1w.nii.gz")
    with pytest.raises(RemnantError, match=rf"lies in the folder of {of} and is named as {new}; move or rename it"):
        read_cohort(root)


def test_each_session_has_its_own_age(bids):
    table = "participant_id\tsession_id\tage\tsex\nsub-1\tses-1\t40\tF\nsub-1\tses-2\t46\tF\n"
    cohort = read_cohort(bids("sub-1_ses-1", "sub-1_ses-2", table=table))
    assert [(case.age, case.sex) for case in cohort.cases] == [(40, "F"), (46, "F")] and not cohort.notes


def test_contradicting_rows_are_said_and_count_for_nothing(bids):
    cohort = read_cohort(bids("sub-1", table="participant_id\tage\tsex\nsub-1\t40\tF\nsub-1\t77\tF\n"))
    assert [(case.age, case.sex) for case in cohort.cases] == [(None, "F")]
    assert told(cohort)[0].startswith("1 participant has rows with two ages or sexes in participants.tsv")


def test_other_columns_and_odd_ages_are_said(bids, capsys):
    table = "participant_id\tAge\tgender\nsub-1\t999\tmale\n"
    cohort = read_cohort(bids("sub-1", table=table))
    assert (cohort.cases[0].age, cohort.cases[0].sex) == (None, "M")
    assert len(told(cohort)) == 2 and "'Age' as age, 'gender' as sex" in told(cohort)[0]
    # Whoever reads a cohort is told.
    assert capsys.readouterr().err.count("remnant: ") == 2
    assert told(read_cohort(bids("sub-1", table="participant_id\nsub-1\n"))) == [
        "participants.tsv has no column age and no column sex; unknown for everybody."
    ]


def test_label_maps_in_derivatives(bids, put):
    root = bids("sub-1_ses-1", "sub-1_ses-2")
    put(root / "derivatives/other/sub-1/ses-1/anat/sub-1_ses-1_desc-aparc_dseg.nii.gz")
    for session in ("1", "2"):
        (root / f"sub-1/ses-{session}/anat/sub-1_ses-{session}_dseg.nii.gz").unlink()
        folder = root / f"derivatives/fs/sub-1/ses-{session}/anat"
        put(folder / f"sub-1_ses-{session}_desc-aseg_dseg.nii.gz")
        put(folder / f"sub-1_ses-{session}_space-MNI_desc-aseg_dseg.nii.gz")
    put(root / "derivatives/fs/desc-aseg_dseg.tsv", "index\tname\tlpba3\n0\tnone\tbackground\n7\tcortex\tgyri\n")
    cohort = read_cohort(root)
    assert [str(case.labels.relative_to(root)) for case in cohort.cases] == [
        f"derivatives/fs/sub-1/ses-{session}/anat/sub-1_ses-{session}_desc-aseg_dseg.nii.gz" for session in "12"
    ]
    assert cohort.scheme("lpba3").mapping[7] == 1
    assert any(
        "2 sets of label maps, of which that in derivatives/fs (desc-aseg) counts" in text for text in told(cohort)
    )
    with pytest.raises(RemnantError, match=r"write .*derivatives/fs/desc-aseg_dseg\.tsv"):
        cohort.scheme("tissue5")


def test_without_participants_and_with_ages_by_session(bids, put):
    root = bids("sub-1_ses-a", "sub-1_ses-b", "sub-2")
    (root / "participants.tsv").unlink()
    put(root / "dataset_description.json", "{}")
    put(root / "sub-1/sub-1_sessions.tsv", "session_id\tage\nses-a\t44.5\nses-b\t46\n")
    cohort = read_cohort(root)
    assert [(case.patient, case.session, case.age) for case in cohort.cases] == [
        ("1", "a", 44.5),
        ("1", "b", 46),
        ("2", "1", None),
    ]
    assert any("no participants.tsv" in text for text in told(cohort))
    put(root / "participants.tsv", "participant_id\tage\tsex\nsub-1\t40\tM\nsub-2\t50\tF\n")
    cohort = read_cohort(root)
    assert [(case.age, case.sex) for case in cohort.cases] == [(44.5, "M"), (46, "M"), (50, "F")]
