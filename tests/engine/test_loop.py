import pytest
import torch
from torch import nn
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.engine.loop import FitSettings, fit


def toy(epochs=12, learning_rate=0.1, **options):
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
        FitSettings(epochs=epochs, learning_rate=learning_rate),
        report=lambda *report: reports.append(report),
        **options,
    )
    assert fitted is model and epochs_drawn == list(range(epochs))
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
