import pytest
import torch

from remnant.cohort.warp import WarpSettings, apply_warp, draw_warp

SHAPE = (12, 16, 20)
NONE = WarpSettings(rotation=0, scaling=0, shift=0, elastic=0, gamma=0, gain=0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def image():
    return torch.rand(1, 1, *SHAPE, generator=generator(7))


def test_a_draw_replays_and_applying_it_draws_nothing():
    drawing = generator()
    first, second = draw_warp(SHAPE, WarpSettings(), drawing), draw_warp(SHAPE, WarpSettings(), drawing)
    replayed = draw_warp(SHAPE, WarpSettings(), generator())
    before = torch.random.get_rng_state()
    assert torch.equal(apply_warp(image(), first), apply_warp(image(), replayed))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert (apply_warp(image(), first) - apply_warp(image(), second)).abs().max() > 0.1


def test_no_warp_changes_nothing():
    torch.testing.assert_close(apply_warp(image(), draw_warp(SHAPE, NONE, generator())), image(), atol=1e-5, rtol=0)


def test_a_shift_moves_by_that_many_voxels():
    warp = draw_warp(SHAPE, NONE, generator())
    moved = apply_warp(image(), type(warp)(**{**vars(warp), "shift": torch.tensor([2.0, 0.0, -3.0])}))
    expected = torch.zeros_like(image())
    expected[:, :, :-2, :, 3:] = image()[:, :, 2:, :, :-3]
    torch.testing.assert_close(moved, expected, atol=1e-4, rtol=0)


def test_intensities_follow_gamma_and_gain_and_stay_in_range():
    warp = draw_warp(SHAPE, NONE, generator())
    changed = apply_warp(image(), type(warp)(**{**vars(warp), "gamma": 2.0, "gain": 1.5}))
    torch.testing.assert_close(changed, (1.5 * image() ** 2).clamp(0, 1), atol=1e-4, rtol=0)
    for seed in range(5):
        warped = apply_warp(image(), draw_warp(SHAPE, WarpSettings(gain=0.9, shift=5), generator(seed)))
        assert warped.shape == image().shape and warped.min() >= 0 and warped.max() <= 1


def test_draws_stay_within_the_settings():
    settings = WarpSettings(rotation=10, scaling=0, gamma=0.2, gain=0.1, lattice=(6, 9))
    warps = [draw_warp(SHAPE, settings, generator(seed)) for seed in range(50)]
    for warp in warps:
        torch.testing.assert_close(warp.matrix @ warp.matrix.T, torch.eye(3), atol=1e-5, rtol=0)
        assert abs(torch.tensor(warp.gamma).log()) <= 0.2001 and abs(warp.gain - 1) <= 0.1001
    traces = torch.stack([warp.matrix.trace() for warp in warps])
    degrees = torch.rad2deg(torch.acos(((traces - 1) / 2).clamp(-1, 1)))
    assert 5 < degrees.max() <= 10 * 3**0.5 + 1e-3
    # A point per lattice spacing along every side.
    assert {tuple(warp.displacement.shape[2:]) for warp in warps} == {(6, 8, 10), (7, 9, 12), (8, 11, 13), (9, 12, 15)}


@pytest.mark.parametrize("spatial", [(20, 30), (12, 16, 20)])
def test_images_of_any_greys_keep_them_and_repeat_their_border(spatial):
    image = 5 * torch.randn(1, 2, *spatial, generator=generator())
    loose = {"bounded": False, "side": 64}
    still = draw_warp(spatial, NONE.changed(**loose), generator())
    assert torch.allclose(apply_warp(image, still), image, atol=1e-4)
    place = torch.stack(torch.meshgrid(*(torch.linspace(-1, 1, side) for side in spatial), indexing="ij"))[None]
    moved = apply_warp(place, draw_warp(spatial, WarpSettings(gain=0, **loose), generator(1)))
    assert 0.005 < (moved - place).abs().mean() < 0.2
    plain = torch.full((1, 1, *spatial), -3.0)
    warp = draw_warp(spatial, WarpSettings(shift=9, **loose), generator(1))
    torch.testing.assert_close(apply_warp(plain, warp), plain * warp.gain)


def test_two_axes_turn_shift_and_bend_as_three_do():
    flat = draw_warp((16, 20), NONE.changed(rotation=90, shift=1.0), generator())
    angle = torch.atan2(flat.matrix[1, 0], flat.matrix[0, 0])
    torch.testing.assert_close(flat.matrix, torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]]))
    assert flat.shift.shape == (2,) and flat.displacement.shape[:2] == (1, 2)
    still = draw_warp((16, 20), NONE, generator())
    image = torch.rand(1, 1, 16, 20, generator=generator())
    moved = apply_warp(image, type(still)(**vars(still) | {"shift": torch.tensor([2.0, -3.0])}))
    expected = torch.zeros_like(image)
    expected[:, :, :-2, 3:] = image[:, :, 2:, :-3]
    torch.testing.assert_close(moved, expected, atol=1e-4, rtol=0)


def test_voxels_may_be_those_of_an_image_of_another_side():
    own, other = (
        draw_warp((32, 40), NONE.changed(shift=1.0, elastic=1.0, side=side), generator()) for side in (None, 64)
    )
    torch.testing.assert_close(other.shift, own.shift / 2)
    torch.testing.assert_close(other.displacement, own.displacement / 2)
