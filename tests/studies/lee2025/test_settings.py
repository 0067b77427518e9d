"""Which methods are run on which target, and what settings refuse."""

import pytest

from remnant.base.errors import RemnantError
from remnant.defenses.registry import DEFENSES
from remnant.studies.lee2025 import preset
from remnant.studies.lee2025.sections import LABELS
from remnant.studies.lee2025.settings import ATTACKS
from remnant.studies.lee2025.targets import BY_DEFAULT, MITIGATED, MITIGATIONS, RECIPES, TARGETS


@pytest.mark.parametrize("name", ["smoke", "cpu", "paper"])
def test_a_preset_fits_itself_and_comes_back_from_its_file(name):
    settings = preset(name)
    assert type(settings).model_validate(settings.resolved()) == settings
    for network in (settings.cnn, settings.vit):
        assert network.input_range.size == network.arguments.get("image_size", network.input_range.size)
    assert settings.attack.pixels.side == settings.side


def test_the_cpu_preset_is_what_was_asked_for():
    settings = preset("cpu")
    assert settings.side == 64 and settings.targets == BY_DEFAULT and settings.cnn.network == "resnet18"
    vit = settings.vit.arguments
    assert vit["blocks"] >= 6 and vit["width"] == 192 and (vit["image_size"] // vit["patch"]) ** 2 == 64
    assert settings.attack.candidates == 1000 and settings.attack.manifold.plateau


def test_every_recipe_has_a_target():
    assert {target.recipe for target in TARGETS.values()} == set(RECIPES)
    settings = preset("cpu")
    for name, target in TARGETS.items():
        assert tuple(settings.recipe(name).defenses) == RECIPES[target.recipe]
        assert settings.classifier(name).memorise == (target.recipe in ("overfit", "planted"))
    assert settings.classifier("vit_overfit").network == "vit"
    epochs = {name: settings.recipe(name).fit.epochs for name in ("cnn", "cnn_planted", "cnn_untrained", "vit")}
    assert epochs == {"cnn": 60, "cnn_planted": 1000, "cnn_untrained": 0, "vit": 100}


def test_mitigations_are_the_defences_of_the_list_that_change_a_classifier_s_training():
    listed = {one.name: one for one in DEFENSES if one.kind == "training"}
    # One is of segmenters, the other leaves no statistics that guide the attacks.
    left_out = {"narrow_latents", "dp_sgd"}
    assert set(MITIGATED) == set(listed) - left_out and ("cnn", *(f"cnn_{one}" for one in MITIGATED)) == MITIGATIONS
    for name, defense in MITIGATED.items():
        # The overfit recipe and one thing more.
        assert TARGETS[f"cnn_{name}"] == TARGETS["cnn_overfit"]._replace(recipe=name)
        assert LABELS[f"cnn_{name}"] == f"CNN with {defense.words}"
    # The paper's alone are trained unasked.
    assert set(TARGETS) - set(BY_DEFAULT) == {f"cnn_{one}" for one in ("weight_decay", "label_smoothing", "mixup")}


def test_how_strong_a_defence_is_the_study_s_settings_say(tmp_path):
    (tmp_path / "a.toml").write_text("[defenses]\ndropout.rate = 0.2\nearly_stopping.patience = 4\n")
    settings = preset("cpu").with_toml(tmp_path / "a.toml")
    assert settings.recipe("cnn_dropout").arguments["dropout"] == 0.2
    assert settings.recipe("cnn").stopping().patience == 4 and settings.recipe("cnn").fit.weight_decay == 0.05
    assert not settings.recipe("cnn_overfit").stopping and not settings.recipe("cnn_overfit").fit.weight_decay


def test_more_methods_are_run_on_more_targets_of_their_kind():
    settings = preset("cpu")
    assert settings.methods_on("cnn") == ("published", "joint", "gmi")
    assert settings.methods_on("vit") == ("published", "gmi")
    assert set(settings.methods_on("cnn_overfit")) == set(ATTACKS)
    # There the published attack is as the author ran it.
    assert set(preset("paper").methods_on("cnn_overfit")) == set(ATTACKS) - {"author"}
    assert settings.methods_on("vit_overfit") == ("published", "gmi", "pixels")
    assert settings.changed(more_methods=[]).methods_on("cnn_planted") == ("published", "joint", "gmi")
    assert settings.methods_on("cnn_overfit_swapped") == ("joint",)


def test_the_author_s_own_stage_1_has_his_rate_and_length():
    author = preset("cpu").attack.author
    assert (author.steps, author.learning_rate, author.batch) == (2500, 1e-5, 8)
    assert author == preset("paper").attack.manifold and not author.plateau


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"methods": []}, "methods"),
        ({"methods": ["gmi", "magic"]}, r"methods\.1 must be .*'magic'"),
        ({"targets": ["cnn_huge"]}, r"targets\.0"),
        ({"targets": []}, "targets"),
        ({"targets": ["cnn_overfit_swapped"]}, "has the weights of cnn_overfit, which must be among the targets too"),
        ({"side": 32}, r"Attack\.pixels\.side is 64 and must be the study's side, 32"),
    ],
)
def test_settings_that_do_not_fit(changes, sentence):
    with pytest.raises(RemnantError, match=sentence):
        preset("cpu").changed(**changes)


def test_a_preset_that_there_is_not():
    with pytest.raises(RemnantError, match=r"must be one of smoke, cpu, paper\. Got 'demo' instead"):
        preset("demo")
