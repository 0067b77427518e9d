"""What a training is foretold to take."""

from remnant.base.seeds import Seeds
from remnant.defenses.privacynet import training
from remnant.defenses.privacynet.networks import Networks
from remnant.defenses.privacynet.settings import privacynet_preset


def test_a_step_is_timed_without_what_comes_once(monkeypatch):
    settings, played = privacynet_preset("smoke").changed(trunk="resnet_small"), []

    def train(networks, scans, own, seeds, state, report):
        assert scans.images.shape == (4, 1, 20, 24, 20) and not state.exists()
        played.append(own.adversarial.steps)

    def timed(work, times):
        work()
        # Ten seconds before the first step, and a slow first time.
        return times * (10.0 + 2.0 * played[-1] + (5.0 if len(played) == 1 else 0.0))

    monkeypatch.setattr(training, "train_adversarially", train)
    monkeypatch.setattr(training, "timed", timed)
    assert training.step_seconds(Networks.untrained(settings, 3, Seeds(0)), settings, (20, 24, 20)) == 2.0
