import numpy as np

from remnant.cohort.case import CLASSES, Case, LabelScheme
from remnant.cohort.prepare.head import head_mask, make_head

SCHEME = LabelScheme("lpba3", CLASSES["lpba3"], {0: 0, 10: 1, 20: 2, 30: 3})
SPACING = np.array([4.0, 4.0, 4.0])


def case_of(tmp_path, save_volume, drawing):
    image = save_volume(tmp_path / "image.nii.gz", drawing.image, drawing.affine)
    labels = save_volume(tmp_path / "labels.nii.gz", drawing.labels, drawing.affine)
    return Case("a", "s1", image, labels)


def test_a_stripped_scan_s_head_is_what_is_not_background(draw_head):
    image = draw_head(1).image
    assert np.array_equal(head_mask(image, SPACING), image > 0)
    assert np.array_equal(head_mask(image - 1000, SPACING), image > 0)


def test_in_a_noisy_background_the_head_is_found_whole(draw_head):
    image = draw_head(1).image
    truth = image > 0
    # Dark inside, as bone and air are, and noise all around, as the scanner gives it.
    image[20:28, 20:30, 22:28] = 1
    noisy = np.abs(image + np.random.default_rng(0).normal(0, 5, image.shape)).astype(np.float32)
    mask = head_mask(noisy, SPACING)
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.95
    assert mask[24, 25, 25]


def test_percentiles_inside_the_head_go_to_0_and_1(tmp_path, draw_head, save_volume):
    drawing = draw_head(1)
    head = make_head(case_of(tmp_path, save_volume, drawing), SCHEME, bias_field="none")
    inside = drawing.image[drawing.image > 0]
    low, high = np.percentile(inside, [0.5, 99.5])
    expected = np.sort(np.clip((inside - low) / (high - low), 0, 1))
    values = np.sort(head.image.ravel())[-len(inside) :] / 65535
    assert np.allclose(values, expected, atol=1e-4)
    assert {0, 65535} <= set(np.unique(head.image))


def test_labels_follow_the_scheme(tmp_path, draw_head, save_volume):
    drawing = draw_head(1)
    head = make_head(case_of(tmp_path, save_volume, drawing), SCHEME, bias_field="none")
    for value, index in SCHEME.mapping.items():
        if index:
            assert (head.labels == index).sum() == (drawing.labels == value).sum()


def test_the_frame_s_origin_is_the_head_s_centre_of_mass(tmp_path, draw_head, save_volume):
    drawing = draw_head(1, offset=(10.0, 20.0, -5.0))
    head = make_head(case_of(tmp_path, save_volume, drawing), SCHEME, bias_field="none")
    points = np.stack(np.nonzero(head.labels), axis=1) * head.spacing + head.origin
    assert np.allclose(points.mean(axis=0), 0, atol=1e-3)
