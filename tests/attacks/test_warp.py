import torch

from remnant.attacks.warp import WarpSettings, apply_warp, draw_warp

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
