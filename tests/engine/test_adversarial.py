from dataclasses import replace

import pytest
import torch
from torch import nn

from remnant.base.errors import RemnantError
from remnant.engine import adversarial
from remnant.engine.adversarial import Player, play


def game(rate=0.1):
    """Two numbers: `low` goes down on (x - y)^2 and `high` up on it, each by its own player."""
    low, high = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    for network, value in ((low, 1.0), (high, 3.0)):
        nn.init.constant_(network.weight, value)

    def share(step):
        return low(torch.ones(2, 1))

    def apart(shared):
        return (high(torch.ones(2, 1)) - shared).square().mean()

    players = {
        "high": Player((high,), rate, lambda shared: (-apart(shared.detach()), {"seen": apart(shared)})),
        "low": Player((low,), rate, lambda shared: (apart(shared), {"loss": apart(shared)})),
    }
    return low, high, players, share


def test_each_player_moves_its_own_network_against_the_other(tmp_path):
    low, high, players, share = game()
    play(players, share, 3, state=tmp_path / "state.pt")
    assert low.weight.item() == pytest.approx(1.3, abs=0.01) and high.weight.item() == pytest.approx(3.3, abs=0.01)
    assert not low.training and not high.training
    assert low.weight.requires_grad and high.weight.requires_grad


def test_a_network_gathers_no_gradient_in_anothers_turn(tmp_path):
    low, high, players, share = game()
    seen = []

    def looking(shared):
        seen.append((low.weight.requires_grad, high.weight.requires_grad))
        return (high(torch.ones(2, 1)) - shared).square().mean(), {}

    play(players | {"low": Player((low,), 0.1, looking)}, share, 1, state=tmp_path / "state.pt")
    assert seen == [(True, False)]


def test_what_is_reported_are_means_since_the_last_report(tmp_path, monkeypatch):
    monkeypatch.setattr(adversarial, "REPORT_EVERY", 2)
    said, each = [], []
    _, _, players, share = game()
    play(players, share, 5, state=tmp_path / "a.pt", report=lambda step, terms: said.append((step, terms)))
    monkeypatch.setattr(adversarial, "REPORT_EVERY", 1)
    _, _, players, share = game()
    play(players, share, 5, state=tmp_path / "b.pt", report=lambda step, terms: each.append(terms["seen"]))
    assert [step for step, _ in said] == [2, 4, 5]
    assert set(said[0][1]) == {"seen", "loss"}
    assert [terms["seen"] for _, terms in said] == pytest.approx([sum(each[:2]) / 2, sum(each[2:4]) / 2, each[4]])


@pytest.mark.parametrize("after", [1, 4])
def test_a_killed_game_goes_on_to_the_same_weights(tmp_path, monkeypatch, after):
    low, high, players, share = game()
    play(players, share, 6, state=tmp_path / "whole.pt")

    def kill(step):
        if step == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(adversarial, "SAVE_EVERY_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        play(*game()[2:], 6, state=tmp_path / "state.pt", saved=kill)
    again_low, again_high, players, share = game()
    steps = []
    play(players, lambda step: steps.append(step) or share(step), 6, state=tmp_path / "state.pt")
    assert steps == list(range(after, 6))
    assert torch.equal(again_low.weight, low.weight) and torch.equal(again_high.weight, high.weight)


def test_a_loss_that_is_no_number_ends_the_game(tmp_path):
    _, high, players, share = game()
    wrong = high.weight.sum() * float("nan")
    broken = Player((high,), 0.1, lambda shared: (high.weight.sum() * float("nan"), {"wrong": wrong}))
    with pytest.raises(RemnantError, match=r"no longer finite at step 2; lower the learning rate \(now 0.1, 0.1\)"):
        play(players | {"high": broken}, share, 2, state=tmp_path / "state.pt")
    assert not (tmp_path / "state.pt").exists()


def renewing(step):
    return {"weight": torch.tensor([[-5.0]])} if step == 3 else None


def test_a_network_begins_anew_with_the_weights_of_the_step_and_without_a_past(tmp_path):
    (_, high, players, share), seen = game(), []

    def looking(step):
        seen.append(high.weight.item())
        return share(step)

    players["high"] = replace(players["high"], anew=renewing)
    play(players, looking, 5, state=tmp_path / "state.pt")
    assert seen[3] == -5 and seen[2] > 3
    # A first step of Adam is as long as its rate; one with a past that pulls the other way is shorter.
    assert seen[4] == pytest.approx(-5.1, abs=1e-4)


@pytest.mark.parametrize("after", [2, 3, 4])
def test_a_killed_game_in_which_a_network_began_anew_goes_on_to_the_same_weights(tmp_path, monkeypatch, after):
    def begun():
        low, high, players, share = game()
        return low, high, players | {"high": replace(players["high"], anew=renewing)}, share

    def kill(step):
        if step == after:
            raise KeyboardInterrupt

    low, high, players, share = begun()
    play(players, share, 6, state=tmp_path / "whole.pt")
    monkeypatch.setattr(adversarial, "SAVE_EVERY_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        play(*begun()[2:], 6, state=tmp_path / "state.pt", saved=kill)
    again_low, again_high, players, share = begun()
    play(players, share, 6, state=tmp_path / "state.pt")
    assert torch.equal(again_low.weight, low.weight) and torch.equal(again_high.weight, high.weight)
