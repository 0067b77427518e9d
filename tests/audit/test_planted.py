"""The planted positive: a dose as of training, one look at it, and an attack that sees nothing of it does not pass."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import norm
from tests.audit.example import Classifier, Segmenter, folds, material

from remnant.attacks.attack import Attack, PatientScores
from remnant.attacks.membership.gradient import GRADIENT
from remnant.attacks.membership.output import OUTPUT
from remnant.audit.cells import planted as planting
from remnant.audit.cells.planted_leak import planted_cell, why_unplanted
from remnant.audit.findings.controls import PLANTED_LEVEL, planted_control
from remnant.audit.inputs.trained import material_of
from remnant.base.findings import Control
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.targets.seen import SeenWeights

PATIENTS = 48


def planted(tmp_path, own, attacks, steps=400):
    with Run.start(tmp_path / "run", "audit", {}, resume=False) as run:
        cell = planted_cell(run, own, attacks, 0, steps)
    return cell, {one["attack"]: Control(**one) for one in cell["controls"]}


def altered(name: str, change) -> Attack:
    """The attack by output, of which `change` leaves of the first score what it likes."""

    def run(*given):
        first = OUTPUT.run(*given)[0]
        return [replace(first, scores=change(first.scores))]

    return replace(OUTPUT, name=name, run=run)


def ends(scores):
    """Two values, of which the upper one is beyond whatever ordinary training brings about."""
    return (scores > FAR).astype(float)


def test_of_too_few_non_members_nobody_is_planted():
    own = material(Classifier, leaks=False, patients=6)
    assert why_unplanted(own, 0, 400) == "too few non-members, give 10"


FAR = 12.0
NOISY = altered("noisy", lambda scores: scores + np.random.default_rng(3).normal(0, 3 * scores.std(), len(scores)))


def right(access, own, settings, work) -> list[PatientScores]:
    return [claim for claim in OUTPUT.run(access, own, settings, work) if claim.view == "right or wrong"]


@pytest.mark.parametrize("leaks", [False, True])
@pytest.mark.parametrize("kind", [Classifier, Segmenter])
def test_an_attack_that_sees_passes_and_one_that_hardly_does_is_too_weak(tmp_path, kind, leaks):
    """Whether the audited network knows its members by heart or nobody."""
    blind = [NOISY]
    if kind is Classifier:
        blind += [altered("two values", ends)]
        # Where strangers are answered wrongly, this sees enough of the planted to be in doubt; coarse scores clear nobody anyhow.
        blind += [] if leaks else [replace(OUTPUT, name="right or wrong", run=right)]
    cell, found = planted(tmp_path, material(kind, leaks=leaks, patients=PATIENTS), [OUTPUT, *blind])
    assert found["output"].passed and found["output"].p <= PLANTED_LEVEL
    assert [found[attack.name].passed for attack in blind] == [False] * len(blind), found
    assert cell["patients"] == 6


def test_the_gradient_of_a_segmenter_is_too_weak_half_way(tmp_path):
    """There it is larger than that of strangers; by heart it is smaller."""
    assert planted(tmp_path, material(Segmenter, leaks=True, patients=PATIENTS), [GRADIENT])[1]["gradient"].passed
    (tmp_path / "run").rename(tmp_path / "first")
    assert (
        planted(tmp_path, material(Segmenter, leaks=False, patients=PATIENTS), [GRADIENT])[1]["gradient"].passed
        is False
    )


@pytest.mark.parametrize("kind", [Classifier, Segmenter])
@pytest.mark.parametrize("asked", [0.3, 0.02])
def test_the_copy_is_not_trained_below_the_dose(kind, asked):
    own, told = material(kind, leaks=False, patients=PATIENTS), []
    target, others = own.planting
    who = own.images.of(planting.chosen(others, Seeds(0)))
    copied, loss = planting.trained_on(target, who, Seeds(0), 400, asked, lambda *one: told.append(one))
    assert asked <= loss <= planting.NEAR * asked
    assert planting.mean_loss(copied, who) == pytest.approx(loss)
    assert told[-1][1] == loss and told[-1][0] < 400
    assert not any(
        torch.equal(a, b) for a, b in zip(copied.module.parameters(), target.module.parameters(), strict=True)
    )


class OneAtATime(Segmenter):
    """What takes memory for each image until its gradient is taken, and has it for so many."""

    most = 1000

    def forward(self, images):
        if torch.is_grad_enabled():
            self.kept = getattr(self, "kept", 0) + len(images)
            if self.kept > self.most:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        answer = super().forward(images)
        if answer.requires_grad:
            answer.register_hook(lambda gradient: setattr(self, "kept", 0))
        return answer


@pytest.mark.parametrize("what", ["planting", "gradient"])
def test_memory_for_one_image_is_enough_to_take_gradients(what):
    own = material(OneAtATime, leaks=False, patients=PATIENTS)
    target, others = own.planting
    target.module.kept, target.module.most = 0, 1
    images = own.images.of(others)
    if what == "gradient":
        assert GRADIENT.applies(target, images, None) == ""
        assert np.isfinite(GRADIENT.run(SeenWeights(images, target), None, None, None)[0].scores).all()
        return
    _, loss = planting.trained_on(target, images, Seeds(0), 20, 0.0, lambda *one: None)
    assert loss < planting.mean_loss(target, images)


def test_a_round_that_raises_the_loss_is_taken_back(monkeypatch):
    """Steps so large that they lead astray: what is left is never worse than what was, and goes on by smaller ones."""
    monkeypatch.setattr(planting, "RATE", 1.0)
    monkeypatch.setattr(planting, "HIGHEST", 1.0)
    own, told = material(Segmenter, leaks=False, patients=PATIENTS), []
    target, others = own.planting
    who = own.images.of(planting.chosen(others, Seeds(0)))
    before = planting.mean_loss(target, who)
    copied, loss = planting.trained_on(target, who, Seeds(0), 200, 0.1, lambda *one: told.append(one))
    losses = [before, *(one for _, one in told)]
    assert losses[1] == before and losses == sorted(losses, reverse=True) and loss < 0.5 * before
    assert planting.mean_loss(copied, who) == pytest.approx(loss)


def test_the_dose_is_the_members_loss_or_a_tenth_of_a_strangers():
    between = planting.Dose(before=1.0, members=0.49)
    assert between.asked == 0.49 and planting.Dose(before=1.0, members=0.5).asked == 0.1
    heart = planting.Dose(before=1.0, members=0.02, loss=0.0201)
    assert heart.asked == 0.02 and heart.reached and heart.said.startswith("when known as well as ")
    assert heart.said.endswith("members (loss 0.02, members' 0.02)")
    nobody = planting.Dose(before=0.8, members=0.7, loss=0.082)
    assert nobody.asked == pytest.approx(0.08) and nobody.reached
    assert nobody.said == "when known by heart (loss 0.082, members' 0.7, strangers' 0.8)"
    short = replace(nobody, loss=0.5)
    assert not short.reached and "when not known by heart (loss 0.5" in short.said
    assert "known less well than members (loss 0.5" in replace(heart, loss=0.5).said
    assert not planting.Dose(before=1.0, members=0.02).reached


def test_every_attack_looks_once_and_the_sentence_says_at_what_dose(tmp_path):
    looks = []

    def run(access, *given):
        looks.append(len(access.candidates))
        return OUTPUT.run(access, *given)

    own = material(Classifier, leaks=True, patients=PATIENTS)
    cell, found = planted(tmp_path, own, [replace(OUTPUT, run=run)])
    assert looks == [PATIENTS // 2]
    dose = cell["dose"]
    assert dose["asked"] == dose["members"] < 0.1 * dose["before"]
    said = f"when known as well as members (loss {dose['loss']:.2g}, members' {dose['members']:.2g})."
    assert found["output"].sentence == (
        f"Planted members are found (AUC {found['output'].value:.2f}, asked 0.75; {PATIENTS // 8} planted) {said}"
    )


def test_each_view_is_a_look(tmp_path):
    once = altered("once", lambda scores: scores)
    often = replace(once, name="often", run=lambda *given: 5 * once.run(*given))
    _, found = planted(tmp_path, material(Classifier, leaks=True, patients=PATIENTS), [once, often])
    assert found["often"].p == pytest.approx(5 * found["once"].p)


def test_an_attack_that_misses_those_who_were_not_learned_is_not_called_too_weak(tmp_path):
    _, found = planted(tmp_path, material(Classifier, leaks=True, patients=PATIENTS), [NOISY], steps=1)
    assert found["noisy"].passed is None and "known less well than members" in found["noisy"].sentence
    assert "raise planted_steps" in found["noisy"].sentence


def test_without_steps_nothing_is_planted_and_it_is_said(tmp_path):
    cell, found = planted(tmp_path, material(Classifier, leaks=False), [OUTPUT], steps=0)
    assert not found and cell["why"] == "planted_steps is 0, give more"


def test_members_of_a_fold_are_those_who_trained_its_model():
    own, _ = material_of(folds(Classifier, leaks=False), 2, Seeds(0))
    assert own.folds
    assert sorted(own.trainers) == sorted(one for one, fold in own.folds.held_out.items() if fold != 2)


@pytest.mark.parametrize(
    ("planted", "others", "looks", "passed"),
    [
        (3, 3, 1, None),
        (4, 4, 1, None),
        (5, 5, 1, True),
        (5, 5, 3, None),
        (6, 6, 4, True),
        (4, 99, 1, None),
        (5, 99, 1, True),
        (1, 99, 1, None),
    ],
)
def test_so_few_that_chance_could_find_them_tell_nothing(planted, others, looks, passed):
    """Of 3 against 3 patients one deal in twenty separates all, of 5 against 5 one in 252; the looks multiply that."""
    found = planted_control("output", np.arange(planted) + 1000.0, np.arange(others), looks=looks)
    assert found.passed is passed
    assert found.p == pytest.approx(min(1, looks / math.comb(planted + others, planted)))
    assert passed or f"{5 if looks == 1 else 6} against" in found.sentence
    assert planted_control("output", np.zeros(planted), np.arange(others), looks=looks).passed is (
        None if not passed else False
    )


def test_an_area_that_chance_may_give_neither_passes_nor_fails():
    """Of 5 against 7 with one pair the wrong way round: AUC 0.97, p 2 / 792."""
    others = np.array([0, 1, 2, 3, 4, 5, 9.5])
    for looks, passed in ((1, True), (3, True), (4, None)):
        found = planted_control("output", np.arange(9.0, 14), others, looks=looks)
        assert found.value == pytest.approx(34 / 35) and found.p == pytest.approx(looks * 2 / 792)
        assert found.passed is passed
    assert planted_control("output", np.arange(5.0), np.arange(5.0), looks=1).passed is False


def test_too_few_planted_say_what_was_asked_and_what_would_tell():
    """Of 8 against 22 an AUC of 0.76 may be chance; the same of more is none."""

    def of(k, n):
        # Scores as those of which one area is 0.76, at even distances.
        return norm.ppf((np.arange(k) + 0.5) / k) + 1.0, norm.ppf((np.arange(n) + 0.5) / n)

    few = planted_control("output", *of(8, 22), asked=0.75, looks=4)
    assert few.passed is None and few.value == pytest.approx(0.76, abs=0.01)
    needed = re.search(
        r"^8 planted against 22 others are too few to tell whether the attack finds them \(AUC 0\.76, asked 0\.75; p = 0\.0\d+, "
        r"asked 0\.01\)\. About (\d+) against (\d+) would tell\.$",
        few.sentence,
    )
    k, n = map(int, needed.groups())
    assert planted_control("output", *of(k, n), asked=0.75, looks=4).passed is True
    assert planted_control("output", *of(k - 2, n - 6), asked=0.75, looks=4).passed is None
    of_model = planted_control("output", *of(8, 22), asked=0.75, looks=4, dose="when their loss is 0.1")
    assert of_model.sentence.endswith(
        "Give more non-members: a quarter of them is planted. They were looked for when their loss is 0.1."
    )


@pytest.mark.parametrize("stronger", ["", "With train() attacks may see more."])
def test_what_may_show_more_is_advised_only_where_it_is_taken(tmp_path, stronger):
    own = replace(material(Classifier, leaks=False, patients=PATIENTS), stronger=stronger)
    _, found = planted(tmp_path, own, [NOISY])
    assert found["noisy"].passed is False
    assert found["noisy"].sentence.endswith(f"too weak to clear anybody. {stronger}".rstrip())


def test_a_blind_attack_passes_one_time_in_a_hundred_at_most():
    draw = np.random.default_rng(0)
    for count in (1, 2, 5):
        passed = [planted_control("output", draw.normal(size=count), draw.normal(size=200)).passed for _ in range(400)]
        assert np.mean([bool(one) for one in passed]) <= 0.02
