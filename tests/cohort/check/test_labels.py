from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from remnant.cohort.check import check_directory


def test_a_clean_cohort(clean, found):
    assert found(clean(), "labels") == []


@pytest.mark.parametrize(
    ("change", "severity", "told"),
    [
        (
            lambda labels: np.where(labels == 20, 21, labels),
            "error",
            "does not know the label values 21; add them to labels.csv.",
        ),
        (lambda labels: np.where(labels == 20, 10, labels), "warning", "Nothing is labelled as deep_grey"),
        (lambda labels: labels[1:], "error", "has the shape"),
        (lambda labels: labels * 0, "error", "holds 0 in every voxel"),
    ],
)
def test_a_spoilt_label_map(clean, found, change, severity, told):
    scans = clean()
    scans["p1", "s0"] = replace(scans["p1", "s0"], labels=change(scans["p1", "s0"].labels).astype(np.int16))
    spoilt = [one for one in found(scans, "labels") if one.severity == severity]
    assert any(told in one.text for one in spoilt)
    assert all(one.examples == ("labels/p1s0.nii.gz",) for one in spoilt)


def test_missing_maps_and_a_missing_table(clean, found):
    def spoil(directory):
        table = directory / "manifest.csv"
        table.write_text(table.read_text().replace("labels/p1s0.nii.gz", ""))
        (directory / "labels.csv").unlink()

    texts = [one.text for one in found(clean(), "labels", spoil)]
    assert len(texts) == 2
    assert "1 of 3 scans has no label map" in texts[0] and "which label value is which class" in texts[1]


def test_mixed_spacing(clean, found, draw_head):
    scans = clean() | {("fine", "s0"): draw_head(8, shape=(48, 56, 48), spacing=(3.5, 3.5, 3.5))}
    (only,) = [one for one in found(scans, "labels") if one.severity == "error"]
    assert "mixes spacings" in only.text


def test_labels_that_lie_otherwise_than_the_image(clean, found):
    scans = clean()
    inside = np.zeros((24, 28, 24), bool)
    inside[4:20, 4:20, 4:20] = True
    spoilt = replace(scans["p1", "s0"], image=np.where(inside, 1000, 1).astype(np.float32))
    scans["p1", "s0"] = replace(spoilt, labels=np.roll(inside * 10, 7, axis=1).astype(np.int16))
    assert "1 label map lies to more than 25% where the image is dark" in found(scans, "labels")[0].text
    # Dark on one side, and labelled so on the other.
    half = np.where(np.arange(24)[:, None, None] < 8, 10, 20) * inside
    image = np.where(inside, 100 * half, 1).astype(np.float32)
    scans["p1", "s0"] = replace(spoilt, image=image, labels=half[::-1].astype(np.int16))
    assert any("1 label map fits its image better with axes flipped" in one.text for one in found(scans, "labels"))


def test_classes_that_nobody_has_are_told_once(clean, found):
    def spoil(directory):
        rows = "".join(f"{value},part{value},{'none' if value < 45 else 'csf_ext'},gyri\n" for value in range(40, 50))
        with (directory / "labels.csv").open("a") as table:
            table.write(rows)

    tissues, own = sorted(one.text for one in found(clean(), "labels", spoil))
    assert tissues.startswith("No label map holds csf_ext (scheme tissue5)")
    assert own.startswith("No label map holds part40, part41") and "part47 and 2 more (scheme labels)" in own


def test_one_fault_of_everybody_is_told_once(clean, found):
    scans = {name: replace(scan, labels=scan.labels[1:]) for name, scan in clean(patients=5).items()}
    (one,) = found(scans, "labels")
    assert one.text.startswith("5 label maps are unfit, the first because: ") and one.files == 5


def test_where_the_layout_knows_the_classes_a_table_is_named(draw_head, save_volume, tmp_path):
    head = draw_head(0, shape=(24, 28, 24), spacing=(8.0, 8.0, 8.0))
    for name, voxels in (("T1.mgz", head.image), ("aseg.mgz", (head.labels > 0) * np.int16(1))):
        (tmp_path / "bert/mri").mkdir(parents=True, exist_ok=True)
        nib.save(nib.MGHImage(voxels, head.affine), tmp_path / "bert/mri" / name)
    told = [one.text for one in check_directory(tmp_path, quiet=True).findings if one.severity == "error"]
    assert any(
        "label values 1; write labels.csv with the columns label (or index), name and tissue3" in one for one in told
    )
