import torch
from torch.nn import functional

from remnant.attacks.code_inversion import CodeInversionSettings, train_code_decoder
from remnant.attacks.decoder import reconstruct
from remnant.base.seeds import Seeds
from remnant.cohort.warp import WarpSettings
from remnant.engine.loop import FitSettings
from remnant.targets.access import Codes

SETTINGS = CodeInversionSettings(
    widths=(8, 16),
    fit=FitSettings(epochs=6, learning_rate=1e-2),
    replays=1,
    memory=20,
    warp=WarpSettings(elastic=0.5, shift=0.3),
)


def scans(count, first, shape=(13, 12, 11)):
    """Smooth random heads before an empty background."""
    coarse = [torch.rand(1, 1, 3, 3, 3, generator=Seeds(first + i).torch()) for i in range(count)]
    heads = torch.cat([functional.interpolate(image, size=shape, mode="trilinear") for image in coarse])
    empty = torch.zeros_like(heads)
    empty[..., 2:-2, 2:-2, 2:-2] = 1
    return heads * empty


def error(view, settings=SETTINGS):
    """Squared error of what is redrawn of four unseen scans, as a share of that of the attacker's mean image."""
    own, others = scans(12, 0), scans(4, 100)
    access = Codes(view, view(others))
    drawn = reconstruct(train_code_decoder(access, own, settings, Seeds(0), lambda *said: None), access.codes)
    assert drawn.shape == others.shape
    return functional.mse_loss(drawn, others) / functional.mse_loss(own.mean(0, keepdim=True).expand_as(others), others)


def test_a_code_that_only_turns_grey_levels_over_is_redrawn():
    assert error(lambda images: 1 - images) < 0.6


def test_label_maps_are_codes_with_a_channel_a_class():
    def view(images):
        classes = (images[:, 0] * 4).long().clamp(0, 3)
        return functional.one_hot(classes, 4).movedim(-1, 1).float()

    assert error(view) < 0.8


def test_of_codes_that_hold_nothing_it_redraws_nobody():
    assert error(torch.zeros_like, SETTINGS.changed(fit=FitSettings(epochs=2, learning_rate=1e-2))) > 0.9


def test_the_same_seed_gives_the_same_weights():
    short = SETTINGS.changed(fit=FitSettings(epochs=1, learning_rate=1e-2))
    own = scans(4, 0)
    first, second = (
        train_code_decoder(Codes(lambda images: images, own), own, short, Seeds(3), lambda *said: None).state_dict()
        for _ in range(2)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_code_that_is_nearly_the_same_for_everybody_is_redrawn():
    pattern = torch.rand(1, 1, 13, 12, 11, generator=Seeds(7).torch())
    assert error(lambda images: 0.9 * pattern + 1e-3 * (1 - images)) < 0.7
