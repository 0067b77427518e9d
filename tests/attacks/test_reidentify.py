import numpy as np
import pytest
import torch

from remnant.attacks.reidentify import (
    ReidentifierSettings,
    embedded,
    pair_scores,
    patch_scores,
    recalibrated,
    train_on_codes,
)
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.pairs import Pair, draw_pairs
from remnant.engine.loop import FitSettings
from remnant.measure.threshold import best_threshold
from remnant.measure.verification import verification
from remnant.nets.siamese import Siamese

SETTINGS = ReidentifierSettings(batch=8, pairs=48, fit=FitSettings(epochs=8, learning_rate=3e-3))


def people(count, first, side=16):
    """Two scans each of `count` people: a block of the person's own grey levels, with a little noise."""
    scans, names = [], []
    for person in range(first, first + count):
        levels = torch.rand(1, 1, 2, 2, 2, generator=Seeds(person).torch())
        own = torch.nn.functional.interpolate(levels, size=(side,) * 3)
        for session in range(2):
            noise = torch.randn(own.shape, generator=Seeds(person).child(session).torch())
            scans.append((own + 0.02 * noise).clamp(0, 1))
            names.append(f"p{person}")
    return torch.cat(scans), names


def examined(view, settings=SETTINGS):
    own, names = people(24, 0)
    others, whose = people(24, 100)
    model = train_on_codes(view(own), names, settings, Seeds(0), lambda *said: None)
    scores = []
    for codes, patients in ((view(own), names), (view(others), whose)):
        pairs = draw_pairs(patients, seeds=Seeds(1))
        found = pair_scores(model, embedded(model, codes, settings.patch), pairs)
        scores.append((found, [(patients[pair.anchor], patients[pair.other]) for pair in pairs]))
    return verification(*scores[1], best_threshold(*scores[0]), np.random.default_rng(0), resamples=100)


def test_it_tells_strangers_apart_by_what_it_learnt_on_its_own_patients():
    found = examined(lambda scans: scans)
    assert found.auc.mean > 0.9 and found.p < 0.01 and found.balanced.mean > 0.8


def test_it_knows_nothing_of_codes_that_hold_nothing():
    found = examined(lambda scans: torch.rand(scans.shape, generator=Seeds(int(1000 * scans.sum())).torch()))
    assert found.p > 0.05


def test_the_same_seed_gives_the_same_scores():
    short = SETTINGS.changed(patch=8, pairs=16, fit=FitSettings(epochs=1, learning_rate=1e-3))
    assert examined(lambda scans: scans, short) == examined(lambda scans: scans, short)


@pytest.mark.usefixtures("float32")
def test_tiles_cover_the_code_and_their_logits_are_averaged():
    own, names = people(2, 0, side=20)
    short = SETTINGS.changed(patch=16, pairs=2, batch=2, fit=FitSettings(epochs=1, learning_rate=1e-3))
    model = train_on_codes(own, names, short, Seeds(0), lambda *said: None)
    features = embedded(model, own, 16)
    assert features.shape[:2] == (4, 8)
    pairs = draw_pairs(names, seeds=Seeds(1))
    with torch.no_grad():
        corners = [own[:, :, x : x + 16, y : y + 16, z : z + 16] for x in (0, 4) for y in (0, 4) for z in (0, 4)]
        by_tile = [[model(part[[pair.anchor]], part[[pair.other]]).item() for pair in pairs] for part in corners]
    assert pair_scores(model, features, pairs) == pytest.approx(np.mean(by_tile, axis=0), abs=1e-4)


def test_a_patch_of_each_pair_is_drawn_and_judged_alone():
    model = Siamese("resnet_small")
    features = torch.randn(4, 5, model.trunk.features_out, generator=Seeds(0).torch())
    pairs = [Pair(0, 1, True)] * 300 + [Pair(2, 3, True)] * 300
    found = patch_scores(model, features, pairs, Seeds(1))
    with torch.no_grad():
        by_tile = model.compare(features[[0, 2]].flatten(0, 1), features[[1, 3]].flatten(0, 1)).reshape(2, 5).numpy()
    drawn = np.abs(found.reshape(2, 300, 1) - by_tile[:, None]).argmin(2)
    assert found == pytest.approx(np.take_along_axis(by_tile, drawn, 1).ravel(), abs=1e-5)
    # Each of the five about as often, and not the same place for both.
    assert all(min(np.bincount(own, minlength=5)) > 30 for own in drawn) and (drawn[0] != drawn[1]).any()
    assert (found == patch_scores(model, features, pairs, Seeds(1))).all()
    assert pair_scores(model, features, pairs[::300]) == pytest.approx(by_tile.mean(1), abs=1e-5)


def test_an_order_does_not_matter_whatever_the_head():
    own, names = people(3, 0)
    short = SETTINGS.changed(head="published", pairs=2, batch=2, fit=FitSettings(epochs=1, learning_rate=1e-3))
    model = train_on_codes(own, names, short, Seeds(0), lambda *said: None)
    features = embedded(model, own, None)
    pairs = draw_pairs(names, seeds=Seeds(1))
    turned = [type(pair)(pair.other, pair.anchor, pair.same) for pair in pairs]
    assert pair_scores(model, features, pairs) == pytest.approx(pair_scores(model, features, turned), abs=1e-6)


def test_it_needs_somebody_with_two_scans():
    own, _ = people(2, 0)
    with pytest.raises(RemnantError, match="no pair of one patient"):
        train_on_codes(own, list("abcd"), SETTINGS, Seeds(0), lambda *said: None)


@pytest.mark.usefixtures("float32")
def test_a_recalibrated_network_stands_on_the_statistics_of_the_codes_of_today():
    torch.manual_seed(0)
    model = Siamese("resnet_small", norm="batch").eval()
    codes, _ = people(3, 0)
    codes = 0.2 * codes + 0.7
    again = recalibrated(model, codes, 8)
    first, kept = (next(m for m in each.modules() if isinstance(m, torch.nn.BatchNorm3d)) for each in (again, model))
    with torch.no_grad():
        features = [
            model.trunk.conv1(codes[i : i + 1].unfold(2, 8, 8).unfold(3, 8, 8).unfold(4, 8, 8).reshape(8, 1, 8, 8, 8))
            for i in range(6)
        ]
    means = torch.stack([each.mean((0, 2, 3, 4)) for each in features]).mean(0)
    torch.testing.assert_close(first.running_mean, means, atol=1e-5, rtol=1e-4)
    assert not kept.running_mean.any() and not again.training
    assert not torch.allclose(embedded(again, codes, 8), embedded(model, codes, 8))


def test_a_network_without_batch_norm_is_not_recalibrated():
    assert recalibrated(Siamese("resnet_small"), torch.rand(2, 1, 8, 8, 8), 8) is None
