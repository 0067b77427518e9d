"""The variants by the paper's own recipe: how they are built, and that they are held against raw scans by the same recipe."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.studies.kim2019.example import study, subject, with_pairs

from remnant.base.errors import RemnantError
from remnant.base.results import Results
from remnant.base.seeds import Seeds
from remnant.defenses.privacynet.networks import Networks, load_discriminator, load_server
from remnant.defenses.privacynet.settings import GameSettings, Schedule
from remnant.studies.frame import RunOptions
from remnant.studies.kim2019 import page, preset, run_study
from remnant.studies.kim2019.recipe import RecipeSettings, departures
from remnant.studies.kim2019.tables import make_tables
from remnant.studies.kim2019.variants import VARIANTS

WAYS = ("raw", "kim2019-raw", "kim2019-1")


def one(rows, **where):
    (found,) = (row for row in rows if all(row[name] == value for name, value in where.items()))
    return found


@pytest.mark.parametrize("name", ["cpu", "paper"])
def test_the_recipe_is_the_papers_at_any_size(name):
    settings = preset(name)
    net = VARIANTS["kim2019-1"].settings(settings.trained_by("kim2019"))
    assert (net.method, net.adversary, net.lambda_) == ("encoder", "published", 1)
    assert (net.segmentation, net.head, net.order) == ("published", "published", "encoder_first")
    assert net.pretraining.learning_rate == net.adversarial.learning_rate == 1e-4
    assert (net.encoder, net.segmenter) == ((16, 32, 64, 128), (32, 64, 128, 256)) and net.trunk == "densenet121"
    # Three poolings, of what the scans are prepared to.
    assert net.patch % 8 == 0 and abs(net.patch * net.preparation.spacing_mm - 64) <= 12
    assert (net.preparation, net.held_out) == (settings.net.preparation, settings.net.held_out)
    networks = Networks.untrained(net, 6, Seeds(0))
    assert networks.encoder.squash and not networks.segmenter.squash and not networks.discriminator.symmetric
    first, second = torch.randn(2, 3, 1024, generator=torch.Generator().manual_seed(0))
    hidden, _, out = networks.discriminator.head
    by_hand = out(torch.relu(hidden(torch.cat([first, second], dim=1))))[:, 0]
    torch.testing.assert_close(networks.discriminator.compare(first, second), by_hand)


def test_with_batch_norm_the_recipe_is_the_papers_but_for_the_discriminator():
    settings = preset("cpu")
    plain, batch = (settings.trained_by(recipe) for recipe in ("kim2019", "kim2019_batch"))
    assert batch.norm == "batch" and batch.changed(norm="group") == plain


@pytest.mark.parametrize("name", ["smoke", "cpu", "paper"])
def test_the_game_differs_from_the_study_in_how_it_is_played_alone(name):
    settings = preset(name)
    net = settings.trained_by("game")
    assert net.order == "encoder_first" and net.game.own_batch and net.game.gradient_ratio and net.game.finishing
    same = {key: getattr(settings.net, key) for key in ("order", "game", "patch", "batch", "adversarial")}
    assert net.changed(**same) == settings.net and settings.net.game == GameSettings()


def test_at_the_papers_size_patches_and_steps_are_its_own_too():
    net = preset("paper").trained_by("kim2019")
    assert (net.patch, net.preparation.spacing_mm, net.preparation.shape) == (64, 1, (144, 192, 160))
    assert (net.pretraining, net.adversarial) == (Schedule(steps=20_000), Schedule(steps=100_000))


def test_what_still_differs_is_told_by_what_differs():
    full = " ".join(departures(RecipeSettings(), 1))
    assert "Patches" not in full and "Widths" not in full and "DenseNet121" not in full and "100,000" in full
    small = " ".join(departures(preset("smoke").recipe, 9))
    assert "Patches of 24 voxels of 9 mm, 216 mm a side, where the paper has 64 of 1 mm." in small
    assert "Widths of the encoder of 4 to 8, where its authors have 16 to 128." in small and "densenet_small" in small
    assert "2 steps of pre-training and 2 against each other, of 2 pairs each" in small
    cpu = " ".join(departures(preset("cpu").recipe, 3))
    assert "24 voxels of 3 mm, 72 mm a side" in cpu and "Widths" not in cpu


def test_a_patch_that_three_poolings_cannot_halve_is_refused():
    with pytest.raises(RemnantError, match="patch"):
        RecipeSettings.checked(patch=20)


def test_the_recipe_needs_its_own_raw_scans():
    with pytest.raises(RemnantError, match="variants must hold 'kim2019-raw'"):
        preset("cpu").changed(variants=("raw", "kim2019-1"))
    assert set(preset("cpu").changed(variants=("raw", "published-1")).nets()) == {"ours"}
    assert set(preset("cpu").changed(variants=WAYS).nets()) == {"ours", "kim2019"}


def invented():
    """Three ways to send a scan, as the study measures them: the recipe's own raw scans by its networks alone."""
    given = study({"raw": (6.0, 3.0, 0.90), "kim2019-raw": (6.0, 3.0, 0.65), "kim2019-1": (2.5, 1.0, 0.60)})
    raw, own, hidden = given["subjects"]
    own = replace(own, pairs={"code": own.pairs["code"]}, drawn={}, read=(), controls=())
    return given | {"subjects": [raw, own, hidden]}


def blind(given, variant):
    """The same, with a discriminator of this variant that knows nothing."""

    def dull(one):
        return replace(one, scores=np.arange(len(one.scores)) % 7.0) if one.adversary == "d_adv" else one

    subjects = [with_pairs(one, "code", dull) if one.variant == variant else one for one in given["subjects"]]
    return given | {"subjects": subjects}


def test_an_adversary_is_held_against_the_recipes_own_raw_scans(few_draws):
    where = {"variant": "kim2019-1", "view": "code", "adversary": "d_adv"}
    for weak, counts in (("raw", True), ("kim2019-raw", False)):
        rows = make_tables(**blind(invented(), weak))[1]["identity"]
        assert one(rows, **where)["counts"] is counts and one(rows, **where)["published"] == 0.520
        control = one(rows, variant="kim2019-raw", view="code", adversary="d_adv")
        assert control["counts"] is counts and one(rows, **where)["control"] == control["balanced"]


def test_dice_is_lost_against_a_segmenter_of_the_recipe(few_draws):
    rows = make_tables(**invented())[1]["segmentation"]
    overall = {row["variant"]: row for row in rows if row["class"] == "overall"}
    assert overall["kim2019-1"]["loss"] == pytest.approx(0.05, abs=0.01)
    assert overall["raw"]["loss"] is None and overall["kim2019-raw"]["loss"] is None
    assert [overall[name]["published"] for name in WAYS] == [0.848, 0.848, 0.812]


def test_the_recipes_raw_scans_are_no_defence(few_draws):
    findings, tables = make_tables(**invented())
    variants = {name: VARIANTS[name] for name in WAYS}
    words = page.words(findings, tables, variants, [], departures(preset("cpu").recipe, 3))
    assert words["headline"].startswith(
        "Of 1 way to hide a scan, 1 exposes patients by what is sent. Recipe of Kim 2019"
    )
    assert not [row for row in tables["difference"] if row["variant"] == "kim2019-raw"]
    names = {row["variant"]: row["name"] for row in tables["headline"]}
    assert names["kim2019-1"] == "recipe of Kim 2019, λ 1"
    (chapter,) = (each for each in words["sections"] if each.title == "How near is the recipe to Kim 2019?")
    assert "72 mm a side" in chapter.text[1]
    plain = page.words(findings, tables, variants, [])
    assert chapter.title not in {section.title for section in plain["sections"]}


@pytest.mark.parametrize("still", ["ours", "kim2019"])
def test_a_pre_training_that_learned_nothing_silences_its_recipe_alone(few_draws, still):
    given = invented()
    given["variants"] |= {"deformation": VARIANTS["deformation"]}
    given["subjects"].append(subject("deformation", 0.0, 0.0, 0.84))
    findings, tables = make_tables(**given)
    trained = [(row["name"], row["recipe"]) for row in tables["headline"]]
    tables["stage1"] = [
        {"name": name, "recipe": recipe, "term": "segmentation", "value": value}
        for name, recipe, values in (
            *((*each, (1.0, 0.5)) for each in trained),
            *((f"before, {recipe}", recipe, (1.0, 1.0 if recipe == still else 0.5)) for recipe in ("ours", "kim2019")),
        )
        for value in values
    ]
    # One is exposed, so that the other's silence alone is asked about.
    silent = {"ours": "secret deformation", "kim2019": "recipe of Kim 2019, λ 1"}
    for recipe, name in silent.items():
        exposed = [
            each.model_copy(update={"outcome": "exposed" if each.target != name else "not shown"}) for each in findings
        ]
        told = page.conclusion(exposed, tables, "cpu").left_open
        assert any(f"before, {still}" in text for text in told) is (recipe == still)


@pytest.mark.slow
def test_a_study_of_the_recipe_from_phantoms_to_its_report(tmp_path):
    out = tmp_path / "run"
    settings = preset("smoke").changed(variants=WAYS)
    options = RunOptions(out, workers=2, quiet=True, command="remnant study kim2019")
    report = run_study(settings, options, cache=tmp_path / "cache")
    results = Results.read(out / "results.json")
    assert "How near is the recipe to Kim 2019?" in report.read_text()
    assert {row["target"] for row in results.tables["stage1"]} == {"pretrain", "pretrain-kim2019", *WAYS}
    for name in ("d_adv", "d_adv_patch"):
        row = one(results.tables["identity"], variant="kim2019-1", view="code", adversary=name)
        own = one(results.tables["identity"], variant="kim2019-raw", view="code", adversary=name)
        assert row["control"] == own["balanced"]
    folder = out / "checkpoints" / "kim2019-1"
    assert not load_discriminator(folder).symmetric and load_server(folder).patch == settings.recipe.patch


@pytest.mark.slow
def test_a_study_of_the_game_and_of_batch_norm_from_phantoms_to_its_report(tmp_path):
    out = tmp_path / "run"
    names = ("raw", "kim2019-batch-raw", "kim2019-batch-1", "game-raw", "game-1")
    settings = preset("smoke").changed(variants=names)
    run_study(settings, RunOptions(out, quiet=True, command="remnant study kim2019"), cache=tmp_path / "cache")
    results = Results.read(out / "results.json")
    assert {row["target"] for row in results.tables["stage1"]} == {
        "pretrain",
        "pretrain-kim2019_batch",
        "pretrain-game",
        *names,
    }
    steps = [
        row["step"] for row in results.tables["stage1"] if (row["target"], row["term"]) == ("game-1", "segmentation")
    ]
    assert steps == [2, 4]
    codes = [row for row in results.tables["identity"] if row["view"] == "code"]
    again = {row["variant"] for row in codes if row["adversary"] == "d_adv_patch_recalibrated"}
    assert again == {"kim2019-batch-raw", "kim2019-batch-1"}
