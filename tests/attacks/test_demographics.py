from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.targets.tiny import TinyCNN

from remnant.attacks import demographics
from remnant.attacks.demographics import (
    DemographicSettings,
    balanced_by_age,
    load_demographics,
    save_demographics,
    train_demographics,
)
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.images import AGE, SEX, Images
from remnant.nets import classifiers
from remnant.targets import checkpoint
from remnant.targets.inputs import InputRange

SETTINGS = DemographicSettings.checked(
    input_range=InputRange(16, channels=1), fit={"epochs": 40, "learning_rate": 5e-3}, augmentation=None
)


@pytest.fixture
def tiny(monkeypatch):
    """Another network behind the name of the DenseNet, which takes seconds to build and to train."""
    monkeypatch.setitem(
        classifiers.CLASSIFIERS,
        "densenet121",
        lambda channels, classes, dropout: TinyCNN("", channels, classes, dropout),
    )
    monkeypatch.setitem(checkpoint.MODULES, "TinyCNN", TinyCNN)


def people(n, first=0, sessions=1):
    """Age is how bright the upper half is, sex how bright the left edge; `sessions` images of each person."""
    numbers = np.random.default_rng([7, first])
    ages = np.repeat(numbers.uniform(20, 90, n), sessions)
    male = np.repeat(numbers.random(n) < 0.5, sessions)
    images = numbers.random((n * sessions, 1, 16, 16), dtype=np.float32) * 0.2
    images[:, :, :8] += (ages / 200).astype(np.float32)[:, None, None, None]
    images[male, :, 8:, :4] += np.float32(0.3)
    patients = tuple(f"zq{first + i // sessions}hk" for i in range(n * sessions))
    return Images(torch.from_numpy(images), None, patients, {AGE: ages, SEX: male.astype(float)})


def known(group, name, change):
    """The group with another detail."""
    return replace(group, details={**group.details, name: change(group.details[name])})


def train(training=None, validation=None, settings=SETTINGS, seed=0):
    return train_demographics(training or people(60), validation or people(40, 100), settings, Seeds(seed))


def test_age_and_sex_are_read_off_people_never_seen(tiny):
    model = train()
    age, sex = model.skills(np.random.default_rng(0))
    assert age.r2.mean > 0.8 and age.mae.mean < 8 < age.guess_mae and age.mae.n == 40
    assert sex.balanced.mean > 0.9 and sex.auc.mean > 0.95
    ages, male = model.predict(people(40, 100).images)
    assert ages.shape == male.shape == (40,) and ages.dtype == male.dtype == float
    assert np.allclose(ages, [row.predicted_age for row in model.validation])
    assert 0 <= male.min() < 0.2 and 0.8 < male.max() <= 1
    assert model.training_patients == 60 and model.age_mean == pytest.approx(people(60).details[AGE].mean())
    errors = model.errors()
    assert np.abs(errors.age).mean() == pytest.approx(age.mae.mean)
    assert errors.sex_right.mean() == pytest.approx(sex.accuracy.mean)


def test_people_count_once_and_have_pseudonyms(tiny):
    model = train(people(30, sessions=2), people(20, 100, sessions=3))
    assert len(model.validation) == 60 and model.training_patients == 30
    assert {row.patient for row in model.validation} == {f"v{number:04d}" for number in range(1, 21)}
    age, sex = model.skills(np.random.default_rng(0))
    assert age.mae.n == sex.balanced.n == len(model.errors().age) == 20
    rows = [row for row in model.validation if row.patient == "v0001"]
    assert model.errors().age[0] == pytest.approx(np.mean([row.predicted_age - row.age for row in rows]))


def test_what_is_saved_is_loaded(tiny, tmp_path):
    model, path, images = train(), tmp_path / "demographics.safetensors", people(5, 100).images
    save_demographics(path, model)
    loaded = load_demographics(path)
    for mine, theirs in zip(model.predict(images), loaded.predict(images), strict=True):
        assert np.array_equal(mine, theirs)
    assert replace(loaded, network=None) == replace(model, network=None)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["demographics.json", "demographics.safetensors"]
    assert "zq" not in path.with_suffix(".json").read_text()


def test_files_that_do_not_belong_together(tiny, tmp_path):
    one, other = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    for path, seed in ((one, 0), (other, 1)):
        save_demographics(path, train(settings=SETTINGS.changed(fit={"epochs": 1, "learning_rate": 1e-3}), seed=seed))
    (tmp_path / "b.json").replace(tmp_path / "a.json")
    with pytest.raises(RemnantError, match=r"describes other weights than those in .*a\.safetensors"):
        load_demographics(one)
    with pytest.raises(RemnantError, match=r"b\.json does not exist"):
        load_demographics(other)
    for text in (
        "{}",
        "[]",
        '{"weights": "", "validation": [{}], "input_range": {}}',
        '{"weights": "", "validation": 3}',
    ):
        (tmp_path / "b.json").write_text(text)
        with pytest.raises(RemnantError, match="does not describe a demographic model"):
            load_demographics(other)


def test_features_are_what_the_head_reads(tiny):
    model = train(settings=SETTINGS.changed(fit={"epochs": 1, "learning_rate": 1e-3}))
    images = people(7, 100).images
    found = model.features(images)
    assert found.shape == (7, 288)
    ages = model.network.fc(found)[:, 0].double() * model.age_std + model.age_mean
    np.testing.assert_allclose(ages.detach(), model.predict(images)[0], rtol=1e-5)


def test_weights_repeat_with_the_seed_and_differ_with_another(tiny):
    settings = DemographicSettings.checked(
        input_range=InputRange(16, channels=1), fit={"epochs": 2, "learning_rate": 1e-3}
    )
    one, again, other = (train(settings=settings, seed=seed).predict(people(5, 100).images)[0] for seed in (0, 0, 1))
    assert np.array_equal(one, again) and not np.allclose(one, other)


def test_rare_ages_come_as_often_as_common_ones():
    ages = np.repeat([25.0, 44.0, 47.0, 85.0], [10, 300, 600, 40])
    sampler = balanced_by_age(ages, 10, Seeds(0))
    drawn = Counter(int(ages[i]) // 10 for _ in range(20) for i in sampler)
    total = sum(drawn.values())
    assert len(sampler) == 950 and total == 20 * 950
    assert all(abs(count / total - 1 / 3) < 0.02 for count in drawn.values()) and drawn.keys() == {2, 4, 8}
    assert list(balanced_by_age(ages, 10, Seeds(1))) == list(balanced_by_age(ages, 10, Seeds(1)))
    assert list(balanced_by_age(ages, 10, Seeds(1))) != list(balanced_by_age(ages, 10, Seeds(2)))


def test_training_draws_by_age_and_never_one_image_alone(tiny, monkeypatch):
    asked = []

    def sampler(ages, bin_years, seeds):
        asked.append((len(ages), bin_years))
        return [0] * len(ages)

    monkeypatch.setattr(demographics, "balanced_by_age", sampler)
    model = train(people(17), settings=SETTINGS.changed(bin_years=5, fit={"epochs": 1, "learning_rate": 1e-3}))
    assert asked == [(17, 5)] and sorted(model.network.seen) == [8, 9]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda g: replace(g, patients=("zq100hk", *g.patients[1:])), "in the training and in the validation group"),
        (lambda g: known(g, AGE, lambda ages: np.where(ages > 50, np.nan, ages)), "must be known and from 0 to 120"),
        (lambda g: known(g, AGE, lambda ages: ages * 10), "must be known and from 0 to 120"),
        (lambda g: known(g, SEX, lambda male: male / 2), "sexes must be known"),
        (lambda g: known(g, SEX, lambda male: male * np.nan), "sexes must be known"),
        (lambda g: known(g, AGE, lambda ages: ages * 0 + 50), "one age or one sex"),
        (lambda g: known(g, SEX, lambda male: male * 0), "one age or one sex"),
        (lambda g: replace(g, images=g.images + 1), r"must be in \[0, 1\]"),
    ],
)
def test_people_that_do_not_serve(tiny, spoil, sentence):
    with pytest.raises(RemnantError, match=sentence):
        train(spoil(people(20)))


@pytest.mark.slow
def test_the_real_network(tmp_path):
    settings = DemographicSettings.checked(
        input_range=InputRange(32, channels=3), fit={"epochs": 2, "learning_rate": 1e-3}, batch=8
    )
    model = train(people(24), people(10, 100), settings)
    save_demographics(tmp_path / "a.safetensors", model)
    loaded, images = load_demographics(tmp_path / "a.safetensors"), people(3).images
    assert loaded.features(images).shape == (3, 1024)
    assert np.allclose(loaded.predict(images), model.predict(images))
