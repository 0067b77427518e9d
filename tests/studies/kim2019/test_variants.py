"""Each variant is trained by the defences of the list that it has, and by nothing else."""

import pytest

from remnant.defenses.privacynet.secret import SecretSettings
from remnant.defenses.registry import DEFENSES
from remnant.studies.kim2019 import preset
from remnant.studies.kim2019.variants import VARIANTS, control_of, described

WAYS = {
    "raw": ("none", "published", 0, []),
    "published-3": ("encoder", "published", 3, ["privacy_net"]),
    "entropy-10": ("encoder", "entropy", 10, ["privacy_net"]),
    "inversion-1": ("encoder", "inversion", 1, ["privacy_net"]),
    "deformation": ("deformation", "published", 0, ["secret_deformation"]),
    "deformation-entropy-1": ("both", "entropy", 1, ["secret_deformation", "privacy_net"]),
    "kim2019-raw": ("none", "published", 0, []),
    "kim2019-1": ("encoder", "published", 1, ["privacy_net"]),
    "kim2019-batch-1": ("encoder", "published", 1, ["privacy_net"]),
    "game-raw": ("none", "published", 0, []),
    "game-3": ("encoder", "confusion", 3, ["privacy_net"]),
    "mixup": ("mixing", "published", 0, ["secret_mixing"]),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_variant_is_trained_by_its_defences(name):
    variant, settings = VARIANTS[name], preset("cpu")
    law = SecretSettings(shift_mm=7)
    shared = settings.trained_by(variant.recipe).changed(secret=law, lambda_=5, method="both", adversary="inversion")
    own = variant.settings(shared)
    method, adversary, lambda_, names = WAYS[name]
    assert (own.method, own.adversary, own.lambda_) == (method, adversary, lambda_)
    assert variant.method == method and own.secret == law
    assert [defense.name for defense, _ in variant.defenses(shared)] == names
    assert all(defense in DEFENSES for defense, _ in variant.defenses(shared))
    # Everything else is what all of the recipe share.
    assert own.changed(method="both", adversary="inversion", lambda_=5) == shared


def test_those_of_the_game_and_of_batch_norm_are_trained_by_request_alone():
    assert preset("paper").variants == tuple(VARIANTS)[:13] and VARIANTS["kim2019-1"].recipe == "kim2019"
    assert {VARIANTS[name].recipe for name in tuple(VARIANTS)[13:-1]} == {"kim2019_batch", "game"}
    assert tuple(VARIANTS)[-1] == "mixup" and VARIANTS["mixup"].recipe == "ours"
    names = {row["variant"]: (row["name"], row["family"]) for row in described(VARIANTS).values()}
    assert names["kim2019-batch-1"] == ("recipe of Kim 2019, D with BatchNorm, \u03bb 1", "kim2019_batch")
    assert names["game-3"] == ("game of ours, \u03bb 3", "game")
    assert names["mixup"] == ("secret mixing", "mixing")
    assert names["game-raw"] == ("raw scan, game of ours", "none")
    words = described(VARIANTS)
    assert [control_of(words, name) for name in ("kim2019-batch-1", "game-3", "published-3")] == [
        "kim2019-batch-raw",
        "game-raw",
        "raw",
    ]
