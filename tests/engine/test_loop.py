from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.engine.loop import FitSettings, Plateau, fit, rate_at


def toy(epochs=12, learning_rate=0.1, settings=None, **options):
    """Fit one 3D convolution to another; returns the trained one and what was reported."""
    torch.manual_seed(0)
    true, model = nn.Conv3d(1, 1, 1), nn.Conv3d(1, 1, 1)
    images = torch.rand(4, 1, 4, 4, 4)
    reports, epochs_drawn = [], []

    def draw_epoch(epoch):
        epochs_drawn.append(epoch)
        for image in images:
            yield image[None], true(image[None]).detach()

    fitted = fit(
        model,
        draw_epoch,
        len(images),
        lambda m, batch: functional.mse_loss(m(batch[0]), batch[1]),
        settings or FitSettings(epochs=epochs, learning_rate=learning_rate),
        report=lambda *report: reports.append(report),
        **options,
    )
    assert fitted is model and epochs_drawn == list(range(len(reports)))
    assert "stop" in options or len(reports) == epochs
    return model, reports


def test_the_loss_goes_down_and_every_epoch_is_reported():
    model, reports = toy()
    assert [epoch for epoch, _, _ in reports] == list(range(12))
    assert reports[-1][1] < 0.05 * reports[0][1]
    assert not model.training and all(validation is None for _, _, validation in reports)


def test_validation_is_asked_ten_times_in_evaluation_mode():
    modes = []

    def validate(model):
        modes.append(model.training)
        return 0.5

    _, reports = toy(epochs=25, validate=validate)
    asked = [epoch for epoch, _, validation in reports if validation == 0.5]
    assert asked == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 24] and modes == [False] * len(asked)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_is_not_finite_ends_the_training(bad):
    model = nn.Conv3d(1, 1, 1)
    with pytest.raises(RemnantError, match="in epoch 1; lower the learning rate"):
        fit(
            model,
            lambda epoch: iter([torch.rand(1, 1, 2, 2, 2)] * 2),
            2,
            lambda m, batch: m(batch).sum() * 0 + bad,
            FitSettings(epochs=2, learning_rate=0.1),
        )


@pytest.mark.usefixtures("float32")
def test_at_a_constant_rate_without_decay_it_is_adam():
    model, _ = toy(settings=FitSettings(epochs=12, learning_rate=0.1, weight_decay=0, schedule="constant"))
    torch.manual_seed(0)
    true, other = nn.Conv3d(1, 1, 1), nn.Conv3d(1, 1, 1)
    images = torch.rand(4, 1, 4, 4, 4)
    adam = torch.optim.Adam(other.parameters(), 0.1)
    for _ in range(12):
        for image in images:
            adam.zero_grad()
            functional.mse_loss(other(image[None]), true(image[None]).detach()).backward()
            adam.step()
    torch.testing.assert_close(model.weight, other.weight)
    torch.testing.assert_close(model.bias, other.bias)


def test_it_ends_once_it_is_told_to():
    asked = []

    def stop(losses):
        asked.append(list(losses))
        return len(losses) == 3

    _, reports = toy(stop=stop)
    assert [epoch for epoch, _, _ in reports] == [0, 1, 2]
    assert asked[-1] == [loss for _, loss, _ in reports] and len(asked) == 3


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize(("epochs", "stopped"), [(100, 8), (12, None)])
def test_the_rate_rises_and_falls_before_the_end_whoever_says_that_it_comes(epochs, stopped):
    """Adam moves a weight whose slope never changes by the rate itself."""
    model, seen, asked = nn.Linear(1, 1, bias=False), [], []
    settings = FitSettings(
        epochs=epochs, learning_rate=0.1, weight_decay=0, schedule="constant", warm_up=4, cool_down=0.5
    )

    def stop(losses):
        asked.append(len(losses))
        return len(losses) == stopped

    fit(
        model,
        lambda epoch: [torch.ones(1, 1)],
        1,
        lambda m, batch: m(batch).sum(),
        settings,
        report=lambda *_: seen.append(model.weight.item()),
        stop=stop,
    )
    rates = -torch.tensor(seen).diff() / 0.1
    expected = torch.tensor([0.5, 0.75, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])
    torch.testing.assert_close(rates, expected, atol=1e-4, rtol=1e-4)
    assert asked == list(range(1, 9))


def test_a_loss_has_levelled_off_when_its_moving_median_hardly_gains():
    plateau = Plateau(window=3, span=4, gain=0.1)
    falling = [100 * 0.9**i for i in range(20)]
    assert not any(plateau.reached(falling[:count]) for count in range(21))
    assert plateau.reached([1.0] * 7) and not plateau.reached([1.0] * 6)
    # One wild epoch does not count for progress, nor for its end.
    assert plateau.reached([1.0] * 6 + [0.01]) and not plateau.reached([*falling[:6], 1e6])
    assert plateau.reached([1.0] * 4 + [2.0] * 3)
    assert plateau.reached([1.0] * 4 + [0.91] * 3) and not plateau.reached([1.0] * 4 + [0.89] * 3)
    # Of what has fallen far, a share of the way counts: a tenth of 90 here.
    assert plateau.reached([100.0] * 3 + [10.0] * 4 + [2.0] * 3) and not plateau.reached(
        [100.0] * 3 + [12.0] * 4 + [2.0] * 3
    )
    assert plateau.reached([-1.0] * 4 + [-1.09] * 3) and not plateau.reached([-1.0] * 4 + [-1.11] * 3)


def test_under_one_cycle_the_rate_rises_for_a_tenth_and_falls_to_nothing():
    rates = [rate_at(step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[55] == pytest.approx(0.5) and rates[99] < 1e-3
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))
    # `fit` goes by it: Adam moves a weight whose slope never changes by the rate itself.
    model, seen = nn.Linear(1, 1, bias=False), []
    settings = FitSettings(epochs=20, learning_rate=0.1, weight_decay=0)
    fit(
        model,
        lambda epoch: [torch.ones(1, 1)],
        1,
        lambda m, batch: m(batch).sum(),
        settings,
        report=lambda *_: seen.append(model.weight.item()),
    )
    moved = -torch.tensor(seen).diff() / 0.1
    expected = torch.tensor([rate_at(step, 20) for step in range(1, 20)])
    torch.testing.assert_close(moved, expected, atol=2e-3, rtol=0)


def test_no_epoch_leaves_an_untrained_network():
    assert FitSettings(epochs=0, learning_rate=0.1).epochs == 0
    with pytest.raises(ValueError, match="epochs"):
        FitSettings(epochs=-1, learning_rate=0.1)
