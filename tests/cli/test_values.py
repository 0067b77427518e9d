"""What options refuse by themselves is what settings refuse."""

import typing
from types import SimpleNamespace

import pytest

from remnant.base.errors import RemnantError
from remnant.cli import attack, phantom, protect, study, values
from remnant.cohort.phantoms import BrainPhantoms, ChestPhantoms
from remnant.cohort.prepare.radiographs import RadiographSettings
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.nets.pggan import doublings
from remnant.studies.kim2019.settings import StudySettings as Kim2019
from remnant.studies.lee2025.settings import StudySettings as Lee2025
from remnant.studies.subbanna2021.settings import StudySettings as Subbanna2021

PARAM = SimpleNamespace(opts=["--it"])


def words_of(annotation):
    inner = typing.get_args(annotation)
    return set(inner) if all(isinstance(one, str) for one in inner) else words_of(inner[0])


@pytest.mark.parametrize(
    ("known", "settings", "name"),
    [
        (study.NETWORKS, Subbanna2021, "networks"),
        (study.EXPERIMENTS, Subbanna2021, "experiments"),
        (study.TARGETS, Lee2025, "targets"),
        (study.METHODS, Lee2025, "methods"),
        (study.VARIANTS, Kim2019, "variants"),
        (protect.ADVERSARIES, PrivacyNetSettings, "adversary"),
        (protect.HIDES, PrivacyNetSettings, "method"),
    ],
)
def test_words_are_those_of_the_settings(known, settings, name):
    assert set(known) == words_of(settings.model_fields[name].annotation)


@pytest.mark.parametrize(
    ("command", "option", "settings", "name"),
    [
        (attack.attack_checkpoint, "size", RadiographSettings, "side"),
        (study.study_lee2025, "site", Lee2025, "site"),
        (protect.protect_train, "lambda_", PrivacyNetSettings, "lambda_"),
        (phantom.phantom_brains, "side", BrainPhantoms, "side"),
        (phantom.phantom_chests, "side", ChestPhantoms, "side"),
    ],
)
def test_limits_are_those_of_the_settings(command, option, settings, name):
    limits = {
        key: getattr(one, key)
        for one in settings.model_fields[name].metadata
        for key in ("ge", "le")
        if hasattr(one, key)
    }
    checked = next(
        one.callback
        for one in typing.get_type_hints(command, include_extras=True)[option].__metadata__
        if getattr(one, "callback", None)
    )
    assert limits
    for value, beyond in ((limits["ge"], -1), *([(limits["le"], 1)] if "le" in limits else [])):
        assert checked(PARAM, value) == value
        with pytest.raises(RemnantError, match="--it must be"):
            checked(PARAM, value + beyond)


def test_sides_of_a_prior_are_those_of_its_network():
    for side in range(1, 2049):
        try:
            doublings(side)
        except RemnantError:
            assert side not in values.PRIOR_SIDES
        else:
            assert values.prior_side(PARAM, side) == side


@pytest.mark.parametrize(
    ("text", "sound"), [("0.5", True), ("0.2,1e-3", True), ("nan", False), ("inf", False), ("", True), ("1,", False)]
)
def test_numbers(text, sound):
    if sound:
        assert values.numbers(above=0)(PARAM, text) == text
    else:
        with pytest.raises(RemnantError, match="a number above 0"):
            values.numbers(above=0)(PARAM, text)
