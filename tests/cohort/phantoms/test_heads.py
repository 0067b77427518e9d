import csv

import numpy as np
import pytest
from scipy import ndimage

from remnant.base.errors import RemnantError
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.phantoms import HeadPhantoms, write_bids
from remnant.cohort.phantoms.heads import draw
from remnant.cohort.phantoms.maps import read_maps

LABELS = (
    ("label", "name", "tissue5", "lpba3", "t1_mean", "t1_std"),
    ("0", "Background", "none", "background", "5", "2"),
    ("2", "Left White Matter", "wm", "other_brain", "170", "10"),
    ("41", "Right White Matter", "wm", "other_brain", "170", "10"),
    ("3", "Cortex", "gm", "gyri", "115", "10"),
    ("507", "Soft tissue", "none", "background", "110", "20"),
    ("511", "Skull", "none", "background", "60", "20"),
)


def head(radius):
    """A made-up head: cortex around two halves of white matter, within skull and soft tissue; a nose in front."""
    x, y, z = np.indices((40, 44, 40)) - np.array([20, 22, 20]).reshape(3, 1, 1, 1)
    distance = np.sqrt(x**2 + (0.9 * y) ** 2 + z**2)
    labels = np.zeros(distance.shape, np.int16)
    for limit, value in ((radius + 5, 507), (radius + 3, 511), (radius, 3), (radius - 3, 41)):
        labels[distance < limit] = value
    labels[(labels == 41) & (x < 0)] = 2
    labels[(np.abs(x) < 3) & (np.abs(z) < 3) & (y > 15) & (labels == 0)] = 507
    return labels


@pytest.fixture
def maps(tmp_path, save_volume):
    root = tmp_path / "maps"
    for number, radius in enumerate((11, 12, 13)):
        save_volume(root / "labels" / f"{number}.nii.gz", head(radius), np.diag([-4.0, 4, 4, 1]))
    write(root / "labels.csv", LABELS)
    rows = [("", f"labels/{number}.nii.gz", f"head_{number}", "scan1", "", "") for number in range(3)]
    write(root / "manifest.csv", (("image", "label", "subject_id", "session_id", "age", "sex"), *rows))
    return root


def write(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def test_with_skull_and_stripped_are_one_draw(maps):
    whole, stripped = (HeadPhantoms.of(maps, spacing_mm=4.0, skull=skull).scan(1, 0) for skull in (True, False))
    brain = stripped.image > 0
    assert np.array_equal(whole.image[brain], stripped.image[brain])
    assert np.isin(whole.labels[brain], (2, 3, 41)).mean() > 0.95
    assert (whole.image[~brain] > 0).mean() > 0.95 and not stripped.labels[~brain].any()
    assert np.isin(stripped.labels, (2, 3, 41)).sum() > 0.97 * np.isin(whole.labels, (2, 3, 41)).sum()


def test_sessions_differ_in_everything_but_the_anatomy(maps):
    phantoms = HeadPhantoms.of(maps, sessions=2, spacing_mm=4.0)
    one, again, other = phantoms.scan(0, 0), phantoms.scan(0, 1), phantoms.scan(2, 0)
    assert one.image.shape == again.image.shape == other.image.shape
    assert np.array_equal(one.image, phantoms.scan(0, 0).image)
    assert not np.array_equal(one.labels, again.labels)

    def volume(scan):
        return np.isin(scan.labels, (2, 3, 41)).sum()

    assert volume(again) == pytest.approx(volume(one), rel=0.06) and volume(other) > 1.3 * volume(one)
    noise = [scan.image - ndimage.gaussian_filter(scan.image, 1.5) for scan in (one, again)]
    inside = ndimage.binary_erosion(np.isin(one.labels, (2, 41)) & np.isin(again.labels, (2, 41)), iterations=2)
    assert abs(np.corrcoef(*(part[inside] for part in noise))[0, 1]) < 0.1


def test_contrast_follows_the_suggestions_and_left_is_as_right(maps):
    scans = [HeadPhantoms.of(maps, spacing_mm=4.0, seed=seed).scan(1) for seed in range(4)]

    def mean(*values):
        return np.mean([np.median(scan.image[np.isin(scan.labels, values)]) for scan in scans])

    assert mean(0) < mean(511) < mean(3) < mean(2, 41)
    visit = draw(0, "head1", 0, read_maps(maps))
    left, right = (visit.means[[row[0] for row in LABELS[1:]].index(value)] for value in ("2", "41"))
    assert left == right


@pytest.mark.parametrize(("contrast", "order"), [("t1", (0, 3, 2)), ("t2", (0, 2, 3)), ("ct", (0, 2, 3))])
def test_stripped_heads_are_drawn_under_any_contrast(maps, contrast, order):
    phantoms = HeadPhantoms.of(maps, contrast=contrast, spacing_mm=4.0, skull=False)
    scans = [
        HeadPhantoms.of(maps, contrast=contrast, spacing_mm=4.0, skull=False, seed=seed).scan(1) for seed in range(4)
    ]
    brightness = [np.mean([np.median(scan.image[scan.labels == value]) for scan in scans]) for value in order]
    assert brightness == sorted(brightness) and brightness[0] < 0.2 * brightness[1]
    assert f"skull-stripped, {contrast.upper()}-like" in phantoms.readme
    same = HeadPhantoms.of(maps, spacing_mm=4.0, skull=False).scan(1)
    assert np.array_equal(same.labels, phantoms.scan(1).labels)


def test_what_surrounds_a_brain_is_told_or_not_drawn(maps):
    with pytest.raises(RemnantError, match=r"lacks the column 'ct_mean' or 'ct_std', and how skull .* draw stripped"):
        HeadPhantoms.of(maps, contrast="ct")
    with pytest.raises(RemnantError, match="choose a contrast of t1, t2, ct"):
        HeadPhantoms.of(maps, contrast="pd", skull=False)
    rows = [(*LABELS[0], "ct_mean", "ct_std"), *((*row, "9" if row[0] == "511" else "1", "0") for row in LABELS[1:])]
    write(maps / "labels.csv", rows)
    scan = HeadPhantoms.of(maps, contrast="ct", spacing_mm=4.0).scan(1)
    assert np.median(scan.image[scan.labels == 511]) > 2 * np.median(scan.image[scan.labels == 2])


def test_a_finer_grid_shows_the_same_head(maps):
    coarse, fine = (HeadPhantoms.of(maps, spacing_mm=spacing).scan(0) for spacing in (4.0, 2.0))
    volumes = [(scan.labels > 0).sum() * abs(np.linalg.det(scan.affine)) for scan in (coarse, fine)]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.03)
    centres = [
        scan.affine[:3, :3] @ ndimage.center_of_mass(scan.labels == 2) + scan.affine[:3, 3] for scan in (coarse, fine)
    ]
    assert np.allclose(*centres, atol=1.5)
    # The map's first axis points to the left: left white matter stays on the side where its voxels are.
    assert centres[0][0] > 5


def test_what_is_written_is_a_cohort(maps, tmp_path):
    phantoms = HeadPhantoms.of(maps, sessions=2, spacing_mm=8.0)
    write_bids(phantoms, tmp_path / "out", quiet=True)
    cohort = read_cohort(tmp_path / "out")
    assert cohort.sessions == {"head0": 2, "head1": 2, "head2": 2}
    assert (cohort.cases[0].age, cohort.cases[0].sex) == (None, None)
    assert cohort.scheme("lpba3").mapping == {0: 0, 2: 3, 41: 3, 3: 1, 507: 0, 511: 0}
    assert "with skull, T1-like, 8 mm" in (tmp_path / "out" / "README").read_text()


def test_a_label_that_the_table_does_not_know(maps, save_volume):
    labels = head(12)
    labels[20, 20, 20] = 7
    save_volume(maps / "labels" / "1.nii.gz", labels, np.eye(4))
    with pytest.raises(RemnantError, match=r"1\.nii\.gz holds the label 7, which labels\.csv does not know"):
        HeadPhantoms.of(maps, spacing_mm=8.0).scan(1)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("manifest.csv", "head_1", "head-0", "gives the person 'head-0' twice"),
        ("manifest.csv", "labels/1", "labels/9", r"labels/9\.nii\.gz does not exist, though .*manifest.csv lists it"),
        ("labels.csv", "t1_mean", "mean", "lacks the column 't1_mean'"),
        ("labels.csv", "170,10", "bright,10", "holds a t1_mean or t1_std that is no number"),
        ("labels.csv", "170,10", "170,-1", "t1_std below 0"),
        ("labels.csv", "gyri", "cortex", "into the class 'cortex'"),
        ("labels.csv", "0,Background,none,background,5,2\r\n", "", "has no row for the label 0"),
    ],
)
def test_tables_that_cannot_be(maps, file, old, new, message):
    path = maps / file
    with path.open(newline="") as stream:
        text = stream.read()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(RemnantError, match=message):
        HeadPhantoms.of(maps)


def test_a_spacing_that_no_scan_has(maps):
    with pytest.raises(RemnantError, match=r"from 0\.5 to 8 mm\. Got 0\.1"):
        HeadPhantoms.of(maps, spacing_mm=0.1)
