import json

import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.layouts.table import read_schemes


@pytest.fixture
def manifest(put, tmp_path):
    rows = ["image,label,subject_id,session_id,age,sex,scanner"]
    for patient, session, age, sex in (
        ("p2", "s1", "30", "M"),
        ("p1", "s2", "", ""),
        ("p1", "s1", "51.5", "F"),
    ):
        rows.append(f"{patient}{session}.nii,{patient}{session}_l.nii,{patient},{session},{age},{sex},x")
        put(tmp_path / f"{patient}{session}.nii")
        put(tmp_path / f"{patient}{session}_l.nii")
    put(tmp_path / "manifest.csv", "\n".join(rows))
    put(
        tmp_path / "labels.csv",
        "label,name,tissue5,lpba3\n0,none,none,background\n7,a,gm,gyri\n9,b,wm,other_brain\n",
    )
    return tmp_path


@pytest.fixture
def bids(put, tmp_path):
    put(tmp_path / "dataset_description.json", json.dumps({"Name": "x", "BIDSVersion": "1.8.0"}))
    put(tmp_path / "participants.tsv", "participant_id\tage\tsex\nsub-01\t44\tF\nsub-02\tn/a\tn/a\n")
    put(tmp_path / "dseg.tsv", "index\tname\ttissue5\tlpba3\n0\tnone\tnone\tbackground\n3\ta\tgm\tgyri\n")
    for name in ("sub-01/ses-1/anat/sub-01_ses-1", "sub-01/ses-2/anat/sub-01_ses-2", "sub-02/anat/sub-02"):
        put(tmp_path / f"{name}_T1w.nii.gz")
        put(tmp_path / f"{name}_dseg.nii.gz")
    return tmp_path


def test_manifest(manifest):
    cohort = read_cohort(manifest)
    assert [case.case_id for case in cohort.cases] == ["p2:s1", "p1:s2", "p1:s1"]
    assert cohort.patients == ("p1", "p2") and cohort.sessions == {"p1": 2, "p2": 1}
    assert cohort.layout == "manifest.csv"
    last = cohort.cases[2]
    assert (last.age, last.sex, last.image) == (51.5, "F", manifest / "p1s1.nii")
    assert (cohort.cases[1].age, cohort.cases[1].sex) == (None, None)
    assert cohort.scheme("lpba3").mapping == {0: 0, 7: 1, 9: 3}
    assert cohort.scheme("tissue5").mapping == {0: 0, 7: 1, 9: 2}


def test_patients_are_taken_whole(manifest):
    cohort = read_cohort(manifest)
    assert [case.case_id for case in cohort.of(["p1"]).cases] == ["p1:s2", "p1:s1"]


def test_bids(bids):
    cohort = read_cohort(bids)
    assert [case.case_id for case in cohort.cases] == ["01:1", "01:2", "02:1"] and cohort.layout == "BIDS"
    assert (cohort.cases[0].age, cohort.cases[0].sex, cohort.cases[2].age) == (44, "F", None)
    assert cohort.cases[1].labels == bids / "sub-01/ses-2/anat/sub-01_ses-2_dseg.nii.gz"
    assert cohort.scheme("tissue5").mapping == {0: 0, 3: 1}


def test_bids_scan_without_a_participant(put, bids):
    put(bids / "sub-03/ses-1/anat/sub-03_ses-1_T1w.nii.gz")
    with pytest.raises(RemnantError, match=r"participants.tsv has no row for sub-03"):
        read_cohort(bids)


def test_bids_without_scans(put, tmp_path):
    put(tmp_path / "participants.tsv", "participant_id\nsub-01\n")
    with pytest.raises(RemnantError, match="holds no scan; looked for"):
        read_cohort(tmp_path)


def test_two_images_of_one_session_are_numbered(put, manifest):
    with (manifest / "manifest.csv").open("a") as file:
        file.write("\nother.nii,,p1,s1,51.5,F,x\n")
    put(manifest / "other.nii")
    last = read_cohort(manifest).cases[-1]
    assert last.case_id == "p1:s1-2" and last.labels is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("p2s1.nii", "gone.nii", "gone.nii does not exist, though .* lists it"),
        ("p2s1.nii", "p1s1.nii", "lists .*p1s1.nii twice"),
        (",p2,", ",../p2,", "patient or session id '../p2'"),
        ("session_id", "visit", "lacks the column 'session_id'"),
    ],
)
def test_rows_that_cannot_be(manifest, old, new, message):
    text = (manifest / "manifest.csv").read_text().replace(old, new, 1)
    (manifest / "manifest.csv").write_text(text)
    with pytest.raises(RemnantError, match=message):
        read_cohort(manifest)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,c,gm,gyri", "every label must be a whole number"),
        ("8,c,gm,cortex", "label 8 into the class 'cortex'; the classes of lpba3 are background"),
        ("7,c,gm,deep_grey", "label 7 into two classes of lpba3"),
    ],
)
def test_labels_that_cannot_be(manifest, row, message):
    with (manifest / "labels.csv").open("a") as file:
        file.write(row + "\n")
    with pytest.raises(RemnantError, match=message):
        read_cohort(manifest)


def test_without_a_table_of_labels_the_cohort_loads_and_says_what_is_missing(manifest):
    (manifest / "labels.csv").unlink()
    with pytest.raises(RemnantError, match=r"write .*labels.csv with the columns label \(or index\), name and lpba3"):
        read_cohort(manifest).scheme("lpba3")


def test_an_empty_and_a_broken_table(put, manifest):
    put(manifest / "manifest.csv", "image,label,subject_id,session_id,age,sex\n")
    with pytest.raises(RemnantError, match="has no rows"):
        read_cohort(manifest)
    (manifest / "manifest.csv").write_bytes(b"\xff\xfe\x00imag")
    with pytest.raises(RemnantError, match="cannot be read as a table"):
        read_cohort(manifest)


def test_an_unknown_layout_says_what_was_looked_for(tmp_path):
    with pytest.raises(
        RemnantError, match=r"looked for manifest.csv .*, BIDS .*, nnU-Net .*, LPBA40 .* or a folder of"
    ):
        read_cohort(tmp_path)


def test_two_layouts_in_one_directory(put, manifest):
    put(manifest / "dataset.json", "{}")
    with pytest.raises(RemnantError, match=r"has two layouts, manifest.csv .* and nnU-Net .*; move one of them away"):
        read_cohort(manifest)


def test_a_manifest_of_label_maps_says_how_to_draw_images(manifest):
    text = (manifest / "manifest.csv").read_text().replace("p2s1.nii,", ",", 1)
    (manifest / "manifest.csv").write_text(text)
    with pytest.raises(RemnantError, match=r"gives no image for p2s1_l.nii; draw images .* phantom heads --maps"):
        read_cohort(manifest)


def test_a_table_s_own_names_are_a_scheme(manifest):
    scheme = read_cohort(manifest).scheme("labels")
    assert (scheme.classes, scheme.mapping) == (("none", "a", "b"), {0: 0, 7: 1, 9: 2})


def test_without_a_table_the_values_in_the_label_maps_are_the_classes(manifest, save_volume):
    (manifest / "labels.csv").unlink()
    for path, values in (("p2s1_l.nii", (0, 5)), ("p1s1_l.nii", (0, 2)), ("p1s2_l.nii", (2, 5))):
        array = np.full((3, 3, 3), values[0], np.int16)
        array[1] = values[1]
        save_volume(manifest / path, array, np.eye(4))
    scheme = read_cohort(manifest).scheme("labels")
    assert (scheme.classes, scheme.mapping) == (("background", "label_2", "label_5"), {0: 0, 2: 1, 5: 2})


def test_values_that_are_too_many_or_not_whole(manifest, save_volume):
    (manifest / "labels.csv").unlink()
    for path in ("p2s1_l.nii", "p1s1_l.nii", "p1s2_l.nii"):
        save_volume(manifest / path, np.arange(343, dtype=np.int16).reshape(7, 7, 7), np.eye(4))
    with pytest.raises(RemnantError, match="hold 343 values, more than the 256 classes"):
        read_cohort(manifest).scheme("labels")
    save_volume(manifest / "p2s1_l.nii", np.arange(27, dtype=np.float32).reshape(3, 3, 3) / 2, np.eye(4))
    with pytest.raises(RemnantError, match=r"p2s1_l.nii holds the label 0.5"):
        read_cohort(manifest).scheme("labels")


def test_a_missing_directory(tmp_path):
    with pytest.raises(RemnantError, match="does not exist"):
        read_cohort(tmp_path / "nowhere")


def test_sessions_stand_in_the_order_of_their_numbers(manifest):
    text = (manifest / "manifest.csv").read_text().replace(",p1,s1,", ",p1,s10,")
    (manifest / "manifest.csv").write_text(text)
    cohort = read_cohort(manifest)
    assert min(cohort.of(["p1"]).cases, key=lambda case: case.order).case_id == "p1:s2"


def test_a_file_in_place_of_a_directory(put, tmp_path):
    with pytest.raises(RemnantError, match=r"data.zip is a file; give the directory"):
        read_cohort(put(tmp_path / "data.zip"))


def test_a_link_whose_file_was_not_fetched(manifest):
    (manifest / "p2s1.nii").unlink()
    (manifest / "p2s1.nii").symlink_to(".git/annex/objects/x")
    with pytest.raises(RemnantError, match=r"p2s1.nii is a link to a file that is not here; fetch it \(in a DataLad"):
        read_cohort(manifest)


def test_all_faults_of_a_cohort_come_in_one_message(manifest):
    (manifest / "p2s1.nii").unlink()
    (manifest / "p1s2_l.nii").unlink()
    with pytest.raises(
        RemnantError, match=r"has 2 faults: \(1\) .*p2s1.nii does not exist.* \(2\) .*p1s2_l.nii does not exist"
    ):
        read_cohort(manifest)


def test_a_folder_whose_name_is_not_utf8(tmp_path):
    (tmp_path / "data\udcff").mkdir()
    with pytest.raises(RemnantError, match="is not UTF-8"):
        read_cohort(tmp_path / "data\udcff")


def test_bids_whose_table_lost_prefix_and_zeros(put, bids):
    put(bids / "participants.tsv", "participant_id\n1\n2.0\n")
    with pytest.raises(
        RemnantError, match=r"2 faults: .* writes '1' for sub-01; write ids as the folders .* '2\.0' for sub-02"
    ):
        read_cohort(bids)


def test_the_folder_around_a_cohort(put, tmp_path):
    put(tmp_path / "study/participants.tsv", "participant_id\nsub-01\n")
    (tmp_path / "other").mkdir()
    with pytest.raises(RemnantError, match=r"is the folder around the cohort; give .*/study\."):
        read_cohort(tmp_path)


def test_a_manifest_of_windows(put, tmp_path):
    put(tmp_path / "scans/a.png")
    put(tmp_path / "manifest.csv", "image,label,subject_id,session_id,age,sex\nscans\\a.png,,P1,1,,\n")
    with pytest.raises(RemnantError, match=r"written with backslashes in the table .*; write / in place of each"):
        read_cohort(tmp_path)


def test_radiographs_in_other_formats_are_told(put, tmp_path):
    for name in ("a.png", "b.TIF", "c.webp", ".d.tif", "Thumbs.db"):
        put(tmp_path / name)
    cohort = read_cohort(tmp_path)
    assert len(cohort.cases) == 1
    assert [note.text for note in cohort.notes] == [
        "2 files (.tif, .webp) are left out; if they are radiographs, export them as PNG."
    ]


def test_what_to_do_without_the_scheme(bids):
    with pytest.raises(RemnantError, match=r"or set preparation\.scheme to one that it has \(.*'tissue5'"):
        read_cohort(bids).scheme("tissue3")


def test_labels_that_a_data_frame_saved(put, tmp_path):
    put(tmp_path / "labels.csv", "label,name,lpba3\n0.0,nothing,background\n3.0,a,gyri\n")
    assert read_schemes(tmp_path / "labels.csv", "label")["lpba3"].mapping == {0: 0, 3: 1}
