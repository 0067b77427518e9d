import json

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from scipy.ndimage import map_coordinates

from remnant.base.errors import RemnantError
from remnant.defenses.privacynet import warping as module
from remnant.defenses.privacynet.secret import Bend, Secret, SecretSettings, draw_secret
from remnant.defenses.privacynet.warping import unwarp_maps, warp_labels, warp_scan
from remnant.measure.overlap import dice

NOTHING = SecretSettings(rotation_degrees=0, scaling=0, shift_mm=0, bends=(), mirror=False, gamma=0, gain=0)
SPACING = 6.0


def draw(settings, seed=0, shape=(32, 32, 32), spacing=SPACING):
    return draw_secret(shape, spacing, settings, np.random.default_rng(seed))


def blob(shape=(32, 32, 32)):
    """A smooth image, higher on one side."""
    axes = torch.meshgrid(*(torch.linspace(-1, 1, side) for side in shape), indexing="ij")
    return (torch.exp(-4 * sum(axis**2 for axis in axes)) * (0.6 + 0.3 * axes[0]))[None]


def test_nothing_drawn_leaves_a_scan_as_it_is(tiny_brains):
    images, labels = tiny_brains
    secret = draw(NOTHING)
    assert torch.allclose(warp_scan(images[0], secret), images[0], atol=1e-4)
    assert torch.equal(warp_labels(labels[0], secret), labels[0])


def test_the_mirror_swaps_the_sides_and_only_in_half_of_the_draws():
    secrets = [draw(NOTHING.changed(mirror=True), seed) for seed in range(40)]
    mirrored = next(secret for secret in secrets if secret.mirrored)
    assert torch.allclose(warp_scan(blob(), mirrored), blob().flip(1), atol=1e-5)
    assert torch.allclose(unwarp_maps(blob().flip(1), mirrored), blob(), atol=1e-5)
    assert 8 < sum(secret.mirrored for secret in secrets) < 32


def test_a_rotation_is_that_of_the_matrix_exponential():
    secret = draw(NOTHING.changed(rotation_degrees=20), seed=3)
    nodes = secret.flow.shape[1:]
    # The slope of the velocity at the middle, where nothing is tapered.
    x, y, z = (count // 2 for count in nodes)
    gaps = [32 * SPACING / (count - 1) for count in nodes]
    steps = ((x + 1, y, z), (x, y + 1, z), (x, y, z + 1))
    slopes = [
        (secret.flow[:, *step] - secret.flow[:, x, y, z]).numpy() / gap for step, gap in zip(steps, gaps, strict=True)
    ]
    turn = expm(np.stack(slopes, axis=1))
    places = module._voxels(secret, None)
    found = module._there(secret, None)
    inside = places.norm(dim=0) < 40
    expected = torch.from_numpy(turn).float() @ places[:, inside]
    assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-4) and not np.allclose(turn, np.eye(3), atol=0.1)
    assert (found[:, inside] - expected).norm(dim=0).max() < 0.2  # mm


@pytest.mark.parametrize("seed", range(4))
def test_every_place_is_reached_once(seed):
    secret = draw(SecretSettings(rotation_degrees=20, shift_mm=15), seed, (40, 32, 36), 4.0)
    there, back = module._there(secret, None), module._back(secret)
    back = module._mirrored(back, secret) if secret.mirrored else back
    slopes = torch.stack(torch.gradient(there, spacing=4.0, dim=(1, 2, 3)), 1)
    assert torch.linalg.det(slopes.permute(2, 3, 4, 0, 1)).min() > 0
    # The grid is mapped onto itself: nothing of a head leaves it.
    faces = torch.tensor(secret.shape).view(3, 1, 1, 1) * 4.0 / 2
    assert (there.abs() < faces).all() and (back.abs() <= faces).all()
    assert (there - module._voxels(secret, None)).norm(dim=0).mean() > 8  # mm


def test_what_was_deformed_comes_back(tiny_brains):
    _, labels = tiny_brains
    for seed in range(3):
        secret = draw(SecretSettings(gamma=0, gain=0), seed)
        warped = warp_scan(blob(), secret)
        assert (warped - blob()).abs().max() > 0.1
        assert (unwarp_maps(warped, secret) - blob()).abs().max() < 0.05
        shares = torch.nn.functional.one_hot(warp_labels(labels[seed], secret).long(), 4).movedim(-1, 0).float()
        found = unwarp_maps(shares, secret).argmax(0).to(torch.uint8)
        assert np.nanmin(dice(found[None].numpy(), labels[seed][None].numpy(), 4)) > 0.8


def test_scans_are_read_by_cubic_splines(tiny_brains):
    image, secret = tiny_brains[0][0], draw(SecretSettings(gamma=0, gain=0, mirror=False), 1)
    places = module._there(secret, None)
    voxels = (places / SPACING + (32 - 1) / 2).numpy()
    expected = np.clip(map_coordinates(image[0].numpy(), voxels, order=3, mode="reflect"), 0, 1)
    inside = ((voxels > 1) & (voxels < 30)).all(0)
    assert np.abs(warp_scan(image, secret)[0].numpy() - expected)[inside].max() < 1e-4


def test_a_window_is_part_of_the_whole(tiny_brains):
    images, labels = tiny_brains
    secret = draw(SecretSettings(), 1)
    window = (slice(3, 19), slice(8, 24), slice(16, 32))
    assert torch.allclose(warp_scan(images[0], secret, window), warp_scan(images[0], secret)[:, *window], atol=1e-6)
    assert torch.equal(warp_labels(labels[0], secret, window), warp_labels(labels[0], secret)[window])


def test_scan_and_labels_bend_alike():
    secret = draw(SecretSettings(gamma=0, gain=0), 2)
    bent = warp_labels((blob()[0] > 0.2).to(torch.uint8), secret) == 1
    # Not in every voxel: a scan is read more sharply than shares of voxels.
    assert (bent != (warp_scan(blob(), secret)[0] > 0.2)).sum() < 0.1 * bent.sum()


def test_intensities_change_with_the_draw():
    secret = draw(NOTHING.changed(gamma=0.3, gain=0.1))
    assert secret.gamma != 1 and secret.gain != 1
    expected = (blob() ** secret.gamma * secret.gain).clamp(0, 1)
    assert torch.allclose(warp_scan(blob(), secret), expected, atol=1e-5)


def test_a_draw_is_repeated_by_its_generator_alone():
    one, again, other = draw(SecretSettings(), 7), draw(SecretSettings(), 7), draw(SecretSettings(), 8)
    assert torch.equal(one.flow, again.flow) and one.gamma == again.gamma
    assert (one.flow - other.flow).abs().mean() > 3


def test_a_secret_survives_its_file():
    secret = draw(SecretSettings(), 5, (32, 40, 32))
    again = Secret.of(json.loads(json.dumps(secret.plain())))
    assert torch.equal(secret.flow, again.flow)
    assert (again.shape, again.spacing, again.mirrored) == (secret.shape, secret.spacing, secret.mirrored)
    assert (again.gamma, again.gain) == (secret.gamma, secret.gain)
    with pytest.raises(KeyError):
        Secret.of({})


def test_a_map_of_another_grid_is_refused():
    with pytest.raises(RemnantError, match=r"deforms volumes of \(32, 32, 32\) voxels. Got \(32, 32, 31\) instead"):
        unwarp_maps(torch.zeros(2, 32, 32, 31), draw(SecretSettings()))


def test_a_bend_between_the_nodes_is_refused():
    with pytest.raises(RemnantError, match="length_mm"):
        Bend.checked(size_mm=2, length_mm=3)
