"""The game beyond the paper's: whom the encoder meets, how lambda weighs, and that a killed training goes on as it would have."""

import copy

import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.defenses.privacynet import game
from remnant.defenses.privacynet.drawing import PairBatch, pair_drawing
from remnant.defenses.privacynet.game import GradientRatio, Played, hider, ramped, renewed, seekers
from remnant.defenses.privacynet.losses import confusion_term, gradient_penalty, same_patient_loss
from remnant.defenses.privacynet.networks import Networks, untrained_rival
from remnant.defenses.privacynet.settings import GameSettings, Schedule, privacynet_preset
from remnant.defenses.privacynet.training import finish, train_adversarially
from remnant.engine import adversarial

SETTINGS = privacynet_preset("smoke").changed(
    head="published",
    trunk="resnet_small",
    order="encoder_first",
    adversary="confusion",
    adversarial=Schedule(steps=1, learning_rate=1e-2),
)
WON = GameSettings(own_batch=True, gradient_ratio=True, ramp=3, penalty=1.0, discriminators=3, renewal=2, finishing=2)


@pytest.fixture
def scans():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (4, 16, 16, 16), generator=generator, dtype=torch.uint8)
    return Images(torch.rand(4, 1, 16, 16, 16, generator=generator), labels, ("a", "a", "b", "b"))


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 3, (4, 16, 16, 16), generator=generator, dtype=torch.uint8)
    return PairBatch(torch.rand(4, 1, 16, 16, 16, generator=generator), labels, torch.tensor([1.0, 0.0]))


def playing(**changes):
    settings = SETTINGS.changed(game=SETTINGS.game.changed(**changes))
    return settings, Networks.untrained(settings, 3, Seeds(1))


def trained(settings, scans, state, steps=1):
    """The networks after so many steps, and the terms of each."""
    settings = settings.changed(adversarial=settings.adversarial.changed(steps=steps))
    networks, said = Networks.untrained(settings, 3, Seeds(1)), []
    train_adversarially(networks, scans, settings, Seeds(0), state, lambda step, terms: said.append(terms))
    return networks, said


def same(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


def test_by_default_a_step_is_the_papers(scans, tmp_path):
    (networks, (terms,)) = trained(SETTINGS, scans, tmp_path / "state.pt")
    assert len(networks.discriminators) == 1 and not len(networks.rivals)
    assert not [term for term in terms if "ratio" in term or "penalty" in term or "discriminator" in term]
    assert terms["total"] == pytest.approx(terms["segmentation"] + terms["hiding"], abs=1e-6)


def test_the_ratio_of_gradients_is_smoothed_kept_and_bounded():
    ratio, codes = GradientRatio(), torch.ones(2, 1, 2, 2, 2, requires_grad=True)

    def found(long, short):
        return ratio(long * codes.sum(), short * codes.sum(), codes).item()

    assert found(6.0, 2.0) == pytest.approx(3)
    expected = (0.95 * 6 + 0.05 * 2) / (0.95 * 2 + 0.05 * 4)
    assert found(2.0, 4.0) == pytest.approx(expected, rel=1e-5)
    again = GradientRatio()
    again.load_state_dict(ratio.state_dict())
    assert again(codes.sum(), codes.sum(), codes).item() == pytest.approx(found(1.0, 1.0), rel=1e-6)
    assert GradientRatio()(codes.sum(), 1e-9 * codes.sum(), codes).item() == game.MOST
    assert GradientRatio()(codes.sum(), 0 * codes.sum(), codes).item() == game.MOST


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize("lambda_", [1.0, 3.0])
def test_at_the_codes_hiding_pulls_lambda_times_as_much_as_segmenting(batch, lambda_, monkeypatch):
    monkeypatch.setattr(game, "MOST", 1e9)
    settings, networks = playing(gradient_ratio=True)
    settings = settings.changed(lambda_=lambda_)
    codes = networks.encoder(batch.scans)
    total, terms = hider(networks, settings, 0.1).loss(Played(0, batch, codes))
    segmenting, hiding, both = (
        torch.autograd.grad(loss, codes, retain_graph=True)[0]
        for loss in (terms["segmentation"], terms["hiding"], total)
    )
    pull = both - segmenting
    assert (pull.norm() / segmenting.norm()).item() == pytest.approx(lambda_, rel=1e-3)
    torch.testing.assert_close(pull / pull.norm(), hiding / hiding.norm(), atol=1e-4, rtol=1e-2)


def test_a_step_is_reckoned_under_bfloat16_as_well(batch):
    settings = SETTINGS.changed(game=WON)
    networks = Networks.untrained(settings, 3, Seeds(1))
    players = {
        "hider": hider(networks, settings, 0.1),
        **seekers(networks, settings, lambda step: batch, 0.1, Seeds(0)),
    }
    with torch.autocast("cpu", torch.bfloat16):
        codes = networks.encoder(batch.scans)
        for player in players.values():
            total, terms = player.loss(Played(4, batch, codes))
            total.backward()
            assert torch.isfinite(torch.stack([*map(torch.as_tensor, terms.values())])).all()
    assert len(players) == 4 and any(weight.grad.any() for weight in networks.encoder.parameters())


@pytest.mark.usefixtures("float32")
def test_lambda_rises_over_the_first_steps(batch):
    settings, networks = playing(ramp=4)
    settings = settings.changed(lambda_=2.0)
    loss = hider(networks, settings, 0.1).loss
    for step, share in ((0, 0.0), (1, 0.25), (4, 1.0), (9, 1.0)):
        total, terms = loss(Played(step, batch, networks.encoder(batch.scans)))
        weight = ((total - terms["segmentation"]) / terms["hiding"]).item()
        assert weight == pytest.approx(2 * share, abs=1e-3)
    assert ramped(0, 0) == 1


@pytest.mark.usefixtures("float32")
def test_the_encoder_plays_against_the_mean_of_all_discriminators(batch):
    settings, networks = playing(discriminators=3)
    codes = networks.encoder(batch.scans)
    _, terms = hider(networks, settings, 0.1).loss(Played(0, batch, codes))
    each = [confusion_term(one(*codes.chunk(2))).item() for one in networks.discriminators]
    assert terms["hiding"].item() == pytest.approx(sum(each) / 3, rel=1e-4) and len({*each}) == 3


@pytest.mark.usefixtures("float32")
def test_an_own_batch_is_of_other_pairs_and_of_an_encoder_that_has_moved(scans, tmp_path):
    """The loss that the discriminator reports is that on codes which the moved encoder makes of another batch."""
    settings, _ = playing(own_batch=True)
    moved, (terms,) = trained(settings, scans, tmp_path / "state.pt")
    untrained = Networks.untrained(settings, 3, Seeds(1))
    draws = [pair_drawing(scans, settings, Seeds(0).child("adversarial", *more)) for more in ((), ("own",))]

    def loss(encoder, batch):
        with torch.no_grad():
            return same_patient_loss(untrained.discriminator(*encoder(batch.scans).chunk(2)), batch.same).item()

    shared, own = (draw(0) for draw in draws)
    assert terms["same patient"] == pytest.approx(loss(moved.encoder, own), abs=1e-5)
    others = [loss(moved.encoder, shared), loss(untrained.encoder, own), loss(untrained.encoder, shared)]
    assert min(abs(terms["same patient"] - other) for other in others) > 1e-4


@pytest.mark.usefixtures("float32")
def test_the_penalty_is_reckoned_every_few_steps_and_weighs_as_if_at_each(batch):
    settings, networks = playing(penalty=2.0)
    loss = seekers(networks, settings, lambda step: batch, 0.1, Seeds(0))["discriminator"].loss
    codes = networks.encoder(batch.scans)
    expected = gradient_penalty(networks.discriminator, codes).item()
    for step in range(5):
        total, terms = loss(Played(step, batch, codes))
        more = 4 * 2 / 2 * expected if step % 4 == 0 else 0
        assert terms.get("gradient penalty", torch.zeros(())).item() == pytest.approx(more, rel=1e-3)
        assert total.item() == pytest.approx(terms["same patient"].item() + more, rel=1e-3)


def test_all_but_the_first_begin_anew_in_turn():
    settings = GameSettings(discriminators=3, renewal=2)
    assert [renewed(step, settings) for step in range(9)] == [0, 0, 1, 0, 2, 0, 1, 0, 2]
    assert [renewed(step, GameSettings(discriminators=3)) for step in range(4)] == [0] * 4


def test_who_begins_anew_has_weights_of_the_step_alone(scans, tmp_path, monkeypatch):
    settings, _ = playing(discriminators=3, renewal=2)
    seen, play = {}, game.untrained_rival

    def drawn(own, seeds):
        seen[len(seen)] = copy.deepcopy(play(own, seeds))
        return play(own, seeds)

    monkeypatch.setattr(game, "untrained_rival", drawn)
    networks, _ = trained(settings, scans, tmp_path / "state.pt", steps=5)
    assert len(seen) == 2 and not same(seen[0], seen[1])
    branch = Seeds(0).child("adversarial")
    assert same(seen[0], untrained_rival(settings, branch.child("renewed", 2)))
    # The second was renewed at step 2, the third at step 4, and moved once since: by no more than one rate.
    after = zip(networks.rivals[1].parameters(), seen[1].parameters(), strict=True)
    assert max(float((one - other).detach().abs().max()) for one, other in after) <= 1.01e-2


@pytest.mark.parametrize("after", [1, 2, 4])
def test_a_killed_game_goes_on_to_the_same_weights(scans, tmp_path, monkeypatch, after):
    settings = SETTINGS.changed(game=WON)
    whole, _ = trained(settings, scans, tmp_path / "whole.pt", steps=5)
    monkeypatch.setattr(adversarial, "SAVE_EVERY_S", 0.0)
    save = adversarial.save_state

    def killed(path, parts, step):
        save(path, parts, step)
        if step == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(adversarial, "save_state", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(settings, scans, tmp_path / "state.pt", steps=5)
    monkeypatch.setattr(adversarial, "save_state", save)
    again, _ = trained(settings, scans, tmp_path / "state.pt", steps=5)
    for name, network in vars(whole).items():
        assert same(network, getattr(again, name)), name


def test_at_the_end_the_segmenter_moves_alone(scans, tmp_path):
    settings = SETTINGS.changed(game=WON)
    networks, _ = trained(settings, scans, tmp_path / "state.pt")
    before, said = copy.deepcopy(networks), []
    finish(networks, scans, settings, Seeds(0), tmp_path / "last.pt", lambda step, terms: said.append((step, terms)))
    assert [step for step, _ in said] == [2] and set(said[0][1]) == {"segmentation"}
    moved = {name for name, network in vars(networks).items() if not same(network, getattr(before, name))}
    assert moved == {"segmenter"} and not networks.segmenter.training


def test_the_parts_of_a_training_are_told_in_order():
    assert list(SETTINGS.parts) == ["pretraining", "adversarial"]
    assert SETTINGS.changed(game=WON).parts == {"pretraining": 4, "adversarial": 1, "finishing": 2}


def test_settings_that_cannot_be_played_are_refused():
    with pytest.raises(RemnantError, match="The renewal needs at least 2 discriminators"):
        GameSettings.checked(renewal=100)
    with pytest.raises(RemnantError, match=r"The setting game\.own_batch needs the order 'encoder_first'"):
        SETTINGS.changed(order="discriminator_first", game=WON)
