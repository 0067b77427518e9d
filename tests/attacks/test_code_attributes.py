import math

import numpy as np
import pytest
import torch

from remnant.attacks.code_attributes import CodeAttributeSettings, predict_attributes, train_attribute_reader
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.engine.loop import FitSettings
from remnant.measure.demographics import age_skill, sex_skill
from remnant.targets.access import Codes

SETTINGS = CodeAttributeSettings(batch=8, fit=FitSettings(epochs=15, learning_rate=3e-3))


def people(count, seed, side=16):
    """Scans whose middle is the wider the older somebody is, and lies further back in men."""
    random = np.random.default_rng(seed)
    ages, male = random.uniform(20, 80, count), random.random(count) < 0.5
    images = torch.rand(count, 1, side, side, side, generator=Seeds(seed).torch()) * 0.1
    for image, age, man in zip(images, ages, male, strict=True):
        reach = round(side * age / 200)
        front = 2 if man else 8
        image[:, side // 2 - reach : side // 2 + reach, front : front + 6, 4:12] += 0.7
    return images, ages, male


def trained(ages, male, view=lambda images: images, settings=SETTINGS, patients=None):
    images, true_ages, sexes = people(48, 0)
    owners = [str(i) for i in range(48)] if patients is None else patients
    access = Codes(view, view(people(1, 1)[0]))
    return train_attribute_reader(
        access, images, ages(true_ages), male(sexes), owners, settings, Seeds(0), lambda *said: None
    )


def test_it_reads_ages_and_sexes_of_people_it_never_saw():
    unknown = np.arange(48) % 6 == 0
    model = trained(
        lambda ages: np.where(unknown, math.nan, ages),
        lambda male: [None if one else bool(man) for one, man in zip(np.roll(unknown, 1), male, strict=True)],
    )
    images, ages, male = people(40, 1)
    predicted, probability = predict_attributes(model, images)
    age = age_skill(predicted, ages, float(model.age_mean), np.random.default_rng(0), resamples=100)
    assert age.r2.mean > 0.5 and sex_skill(probability, male).balanced.mean > 0.9


def test_it_reads_nothing_off_codes_that_hold_nothing():
    short = SETTINGS.changed(fit=FitSettings(epochs=6, learning_rate=3e-3))
    model = trained(lambda ages: ages, lambda male: male, view=torch.zeros_like, settings=short)
    predicted, probability = predict_attributes(model, torch.zeros(3, 1, 16, 16, 16))
    assert np.ptp(predicted) == 0 and predicted[0] == pytest.approx(float(model.age_mean), abs=6)
    assert np.ptp(probability) == 0 and probability[0] == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("which", ["ages", "sexes"])
def test_what_nobody_knows_is_not_read(which):
    short = SETTINGS.changed(fit=FitSettings(epochs=1, learning_rate=1e-3))
    ages, male = (lambda ages: ages), (lambda male: [None] * len(male))
    if which == "sexes":
        ages, male = (lambda ages: ages * math.nan), (lambda male: male)
    predicted, probability = predict_attributes(trained(ages, male, settings=short), people(2, 1)[0])
    assert np.isnan(predicted).all() == (which == "sexes") and np.isnan(probability).all() == (which == "ages")


def test_there_must_be_something_to_learn():
    with pytest.raises(RemnantError, match="all known ages are equal"):
        trained(lambda ages: ages * 0 + 40, lambda male: male * 0 > 0)
    with pytest.raises(RemnantError, match="needs an age, a sex and a patient"):
        trained(lambda ages: ages[:3], lambda male: male)


def test_what_is_mirrored_is_the_scan_and_not_the_code():
    seen = []

    def view(images):
        seen.append(images)
        return images

    short = SETTINGS.changed(fit=FitSettings(epochs=1, learning_rate=1e-3))
    trained(lambda ages: ages, lambda male: male, view=view, settings=short)
    scans = torch.cat(seen[1:])  # after the codes under attack
    torch.testing.assert_close(scans[48:], scans[:48].flip(2))
