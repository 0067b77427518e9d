from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch.nn import functional

from remnant.attacks import adversaries
from remnant.attacks.adversaries import (
    AdversaryScores,
    AdversarySettings,
    _calibrated,
    _together,
    adversary_scores,
    kept_apart,
    ms_ssim_scores,
)
from remnant.attacks.learnt import Learnt
from remnant.attacks.reidentify import ReidentifierSettings
from remnant.base.seeds import Seeds
from remnant.cohort.pairs import Pair, draw_pairs
from remnant.engine.loop import FitSettings
from remnant.measure.ms_ssim import ms_ssim_matrix
from remnant.measure.threshold import best_threshold
from remnant.measure.verification import verification
from remnant.nets.siamese import Siamese
from remnant.targets.access import Codes

SETTINGS = AdversarySettings(
    trunks=("resnet_small",),
    seeds=1,
    reidentifier=ReidentifierSettings(batch=8, pairs=48, fit=FitSettings(epochs=4, learning_rate=3e-3)),
)


def people(count, first, side=12):
    """Two scans each of `count` people: blocks of the person's own grey levels, with a little noise."""
    scans, names = [], []
    for person in range(first, first + count):
        levels = torch.rand(1, 1, 2, 2, 2, generator=Seeds(person).torch())
        own = functional.interpolate(levels, size=(side,) * 3)
        for session in range(2):
            noise = torch.randn(own.shape, generator=Seeds(person).child(session).torch())
            scans.append((own + 0.02 * noise).clamp(0, 1))
            names.append(f"p{person}")
    return torch.cat(scans), names


@dataclass
class Examined:
    """All adversaries' scores, with whose the pairs are."""

    found: dict
    training: list
    test: list

    def judged(self, name):
        scored = self.found[name]
        return verification(scored.test, self.test, scored.threshold, np.random.default_rng(0), resamples=50)


def examined(view, settings=SETTINGS, discriminator=None, looks=1, first=100, **more):
    own, names = people(16, 0)
    others, whose = people(12, first)
    training, test = draw_pairs(names, seeds=Seeds(1)), draw_pairs(whose, seeds=Seeds(2))
    access = Codes(view, view(others))
    found = adversary_scores(
        access, own, names, training, test, settings, Seeds(0), lambda *said: None, discriminator, looks, **more
    )
    return Examined(
        found,
        [(names[pair.anchor], names[pair.other]) for pair in training],
        [(whose[pair.anchor], whose[pair.other]) for pair in test],
    )


def test_everybody_tells_patients_apart_by_codes_that_hide_nothing():
    seen = examined(lambda scans: scans, discriminator=(Siamese("resnet_small"), 8))
    assert list(seen.found) == ["ms_ssim", "likelihood", "d_adv", "d_adv_patch", "d_new_resnet_small_0", "d_new_all"]
    for name in ("ms_ssim", "likelihood", "d_new_resnet_small_0", "d_new_all"):
        assert seen.judged(name).auc.mean > 0.9, name
    for name in ("ms_ssim", "likelihood"):
        assert seen.found[name].threshold == best_threshold(seen.found[name].training, seen.training)
        assert seen.judged(name).balanced.mean > 0.8
    for name in ("d_adv", "d_adv_patch"):
        assert seen.found[name].threshold == 0
    # Of volumes of 12 there are eight patches of 8: one says something else than their mean.
    assert not np.allclose(seen.found["d_adv"].test, seen.found["d_adv_patch"].test)
    embedded = {name for name, each in seen.found.items() if each.embeddings is not None}
    assert embedded == {*seen.found} - {"ms_ssim", "d_adv_patch"}
    assert all(len(seen.found[name].embeddings) == 24 for name in embedded)


def test_a_discriminator_with_batch_norm_is_read_by_both_statistics():
    found = examined(lambda scans: scans, discriminator=(Siamese("resnet_small", norm="batch"), 8)).found
    for name in ("d_adv", "d_adv_patch"):
        assert not np.allclose(found[name].test, found[f"{name}_recalibrated"].test)


def test_a_fifth_of_those_with_several_scans_is_kept_apart():
    twice = [f"p{i}" for i in range(10) for _ in range(2)]
    apart = kept_apart([*twice, *(f"once{i}" for i in range(40))], Seeds(0))
    assert (
        len(apart) == 2 and apart < set(twice) and apart == kept_apart([f"once{i}" for i in range(9)] + twice, Seeds(0))
    )
    assert kept_apart(twice[:18], Seeds(0)) == set()
    # The same people whatever they are called: pseudonyms differ from run to run.
    called = [f"q{9 - int(name[1:])}" for name in twice]
    assert kept_apart(called, Seeds(0)) == {f"q{9 - int(name[1:])}" for name in apart}


def test_no_fresh_adversary_learns_from_whom_its_threshold_is_chosen_by(monkeypatch):
    learnt, calibrated = [], []

    def train(codes, patients, settings, *_):
        learnt.append((len(codes), set(patients)))
        return Siamese(settings.trunk).eval()

    def calibrate(scored, whose, apart):
        calibrated.append(apart)
        return scored

    monkeypatch.setattr(adversaries, "train_on_codes", train)
    monkeypatch.setattr(adversaries, "_calibrated", calibrate)
    examined(lambda scans: scans, looks=2)
    (apart, _), ((codes, patients),) = calibrated, learnt
    assert len(apart) == 3 and not apart & patients and len(apart | patients) == 16 and codes == 2 * 26


def test_of_other_codes_they_are_asked_without_learning_again(tmp_path, monkeypatch):
    short = SETTINGS.changed(
        reidentifier=SETTINGS.reidentifier.changed(pairs=8, fit=FitSettings(epochs=1, learning_rate=1e-3))
    )
    expected = examined(lambda scans: scans, short, first=200, spacing_mm=3.0).found
    before = Learnt(tmp_path / "learnt")
    examined(lambda scans: scans, short, spacing_mm=3.0, before=before)
    monkeypatch.setattr(adversaries, "train_on_codes", None)
    found = examined(lambda scans: scans, short, first=200, spacing_mm=3.0, before=before).found
    assert {"shapes", "d_new_resnet_small_0"} < {*found} == {*expected}
    for name, scored in found.items():
        assert np.allclose(scored.test, expected[name].test) and np.allclose(
            scored.training, expected[name].training
        ), name


def test_a_threshold_is_that_of_pairs_kept_apart():
    whose = [("a", "a"), ("b", "b"), ("a", "b"), ("c", "c"), ("a", "c"), ("d", "d")]
    scored = AdversaryScores(np.array([5.0, 4.0, 2.0, 9.0, 8.0, 9.0]), np.zeros(1))
    assert _calibrated(scored, whose, {"a", "b"}).threshold == 3
    assert _calibrated(scored, whose, {"a"}).threshold == _calibrated(scored, whose, set()).threshold == 0


@pytest.mark.slow
def test_nobody_does_by_codes_that_hold_nothing():
    # The area of so few people scatters by 0.1 with what is drawn, so that one drawing would be a matter of luck.
    areas = []
    for number in range(4):
        drawing = Seeds(number).torch()
        seen = examined(lambda scans, drawing=drawing: torch.rand(scans.shape, generator=drawing))
        areas.append([seen.judged(name).auc.mean for name in seen.found])
    assert np.mean(areas, axis=0) == pytest.approx(0.5, abs=0.2)


def test_who_saw_several_draws_of_a_secret_knows_better_what_is_the_person_s():
    few = SETTINGS.changed(
        reidentifier=SETTINGS.reidentifier.changed(fit=FitSettings(epochs=1, learning_rate=1e-3), pairs=4)
    )
    areas = {1: [], 8: []}
    for looks, found in areas.items():
        for number in (4, 5):
            drawing, shown = Seeds(number).torch(), []

            def view(scans, drawing=drawing, shown=shown):
                shown.append(len(scans))
                noise = torch.randn(scans.shape, generator=drawing)
                noise[:, :, 6:] *= 3
                return ((scans + noise) / 40 + 0.5).clamp(0, 1)

            found.append(examined(view, few, looks=looks).judged("likelihood").auc.mean)
            assert sum(shown) == 24 + 32 * looks
    assert np.mean(areas[8]) > np.mean(areas[1]) + 0.03


def test_label_maps_have_adversaries_too():
    def view(scans):
        return functional.one_hot((scans[:, 0] * 3).long().clamp(0, 2), 3).movedim(-1, 1).float()

    few = SETTINGS.reidentifier.changed(fit=FitSettings(epochs=1, learning_rate=1e-3), pairs=16)
    seen = examined(view, SETTINGS.changed(reidentifier=few))
    assert seen.judged("likelihood").auc.mean > 0.9 and seen.judged("ms_ssim").auc.mean > 0.9


def test_ms_ssim_is_of_the_pairs_and_of_the_classes_without_the_background():
    maps = torch.rand(4, 3, 12, 12, 12, generator=Seeds(0).torch())
    pairs = [Pair(3, 1, False), Pair(1, 3, False), Pair(1, 1, True)]
    wanted = [ms_ssim_matrix(maps[3:, channel], maps[1:2, channel]).item() for channel in (1, 2)]
    found = ms_ssim_scores(maps, pairs)
    assert found == pytest.approx([np.mean(wanted), np.mean(wanted), 1])
    assert ms_ssim_scores(maps[:, :1], pairs)[0] == pytest.approx(ms_ssim_matrix(maps[3:, 0], maps[1:2, 0]).item())


def test_together_is_the_mean_in_units_of_each():
    random = np.random.default_rng(0)
    one, other = (
        AdversaryScores(
            *(scale * random.normal(size=n) for n in (500, 9)), embeddings=scale * random.normal(size=(4, 3))
        )
        for scale in (1.0, 1000.0)
    )
    found = _together([one, other])
    assert found.test == pytest.approx((one.test + other.test / 1000) / 2, abs=0.15)
    assert found.embeddings.shape == (4, 6) and found.embeddings.std() == pytest.approx(1, abs=0.1)
