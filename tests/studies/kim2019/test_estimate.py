"""The forecast knows every cell of the study."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.audit.coded import material
from tests.studies.kim2019.example import scans

from remnant.audit.cells.code_cells import code_attribute_cell
from remnant.audit.cells.piece import Piece
from remnant.cohort.images import AGE, SEX
from remnant.defenses.privacynet.mixing import References
from remnant.defenses.privacynet.secret import SecretSettings
from remnant.measure.roles import MEMBER
from remnant.studies.kim2019 import estimate, materials, preset
from remnant.studies.kim2019.cells import inversion_cell, pairs_cell
from remnant.studies.kim2019.estimate import costs_of
from remnant.studies.kim2019.plan import cells_of
from remnant.studies.kim2019.training import pretrain_cell, train_cell
from remnant.studies.kim2019.variants import VARIANTS

SMOKE = preset("smoke")


@pytest.fixture(scope="module")
def small():
    """A few scans that the networks can take."""
    images = torch.rand(8, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))
    return replace(
        scans().take([0, 1, 2, 3, 48, 49, 50, 51]),
        images=images,
        labels=(images[:, 0] > 0.5).to(torch.uint8),
        details={AGE: np.linspace(20.0, 80.0, 8), SEX: np.full(8, np.nan)},
    )


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["raw", "deformation-entropy-1"])
def test_every_cell_takes_some_time(small, variant):
    settings = SMOKE.changed(variants=tuple(dict.fromkeys(("raw", variant))))
    variants = {name: VARIANTS[name] for name in settings.variants}
    piece_of = costs_of(settings, small, {})
    for cell in cells_of(settings, variants, small, ()):
        assert piece_of(cell).seconds > 0, cell.name


@pytest.mark.parametrize(
    ("variant", "secret"), [("raw", type(None)), ("deformation", SecretSettings), ("mixup", References)]
)
def test_what_is_timed_keeps_the_secret_of_its_variant(monkeypatch, small, variant, secret):
    monkeypatch.setattr(materials, "step_seconds", lambda *_: 1.0)
    net = VARIANTS[variant].settings(SMOKE.trained_by("ours"))
    found = materials.untrained(SMOKE, net, small, {})[1]
    assert isinstance(found.sent.view.secret, secret) and found.sent.view.varies == (variant != "raw")


def test_a_cell_costs_what_its_recipe_and_method_do(monkeypatch, small):
    """A step and a piece of a minute each, half without an encoder, a view of two seconds, a second a scan that is sent."""
    asked = []

    def untrained(settings, net, scans, second):
        asked.append((net.trunk, net.method))
        secret = net.secret if net.method == "deformation" else None
        return 60.0 if net.encodes else 30.0, material(members=2, others=3, secret=secret)

    piece = Piece("some", "", 60.0, 30)
    monkeypatch.setattr(estimate, "untrained", untrained)
    monkeypatch.setattr(estimate, "timed", lambda work: work() is None or 1.0)
    monkeypatch.setattr(estimate, "at_first_visits", lambda own: own)
    monkeypatch.setattr(estimate, "view_seconds", lambda own, attack, shown, seed: 2.0)
    monkeypatch.setattr(estimate, "score_piece", lambda own, attack, config: piece)
    for name in ("worth_piece", "blind_piece"):
        monkeypatch.setattr(estimate, name, lambda own: piece)
    settings = preset("cpu").changed(
        variants=("raw", "published-1", "entropy-1", "deformation", "kim2019-raw", "kim2019-1")
    )
    variants = {name: VARIANTS[name] for name in settings.variants}
    piece_of, cells = costs_of(settings, small, {}), cells_of(settings, variants, small, ())
    for cell in cells:
        found, name = piece_of(cell), cell.arguments.get("variant")
        if cell.work is pretrain_cell:
            assert found.seconds == 60 * settings.trained_by(cell.arguments["recipe"]).pretraining.steps
        elif cell.work is train_cell:
            # Of a secret the two visits of both of the attacker's own, three times each.
            sent = len(small) + (3 * 4 if variants[name].secret else 0)
            step = 60 if variants[name].encodes else 30
            assert found.seconds == step * settings.trained_by(variants[name].recipe).adversarial.steps + sent
        elif cell.work in (pairs_cell, inversion_cell):
            assert found.seconds == 2 and (found.bytes > 0) == (cell.work is inversion_cell)
        elif cell.arguments.get("work") is code_attribute_cell:
            assert found.seconds == 2 * (4 if name == "raw" else 3), "what is planted in scans is the same for all"
        else:
            assert (found.seconds, found.bytes) == (60, 30)
    ours, theirs = settings.net.trunk, settings.recipe.trunk
    methods = {ours: ("none", "encoder", "deformation"), theirs: ("none", "encoder")}
    assert sorted(asked) == sorted((trunk, method) for trunk, own in methods.items() for method in own)


def test_what_an_attacker_saw_of_his_own_scans_takes_no_time_again():
    own = material(members=2, others=3, secret=SecretSettings())
    scans = torch.stack(own.images.of(own.group(MEMBER)).images)
    estimate._as_if_sent(own)
    view = own.sent.seen("code", own.images).view
    assert all(torch.equal(view(scans), scans) for _ in range(5))
    assert not torch.equal(view(scans.flip(2)), scans.flip(2)), "but of others"
