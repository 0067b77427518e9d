"""What an attacker sees of his own scans is the same for all attacks, and is made once."""

import pytest
import torch
from tests.audit.coded import material

from remnant.defenses.privacynet.secret import SecretSettings
from remnant.defenses.privacynet.view import View


def test_a_scan_that_is_sent_for_the_nth_time_gives_the_same_to_every_attack():
    made = material(members=2, others=2, secret=SecretSettings())
    sent, scans = made.sent, torch.stack(made.images.images[:3])
    first, second = (sent.seen("code", made.images).view for _ in range(2))
    alone, rest, again = first(scans[:1]), first(scans[1:]), first(scans)
    assert torch.equal(torch.cat([alone, rest]), second(scans)) and torch.equal(again, second(scans))
    assert not torch.equal(again, torch.cat([alone, rest])), "each time another secret"
    maps = sent.view.logits(second(scans)).argmax(1)
    labels = sent.seen("labels", made.images).view
    assert torch.equal([labels(scans) for _ in range(3)][2].argmax(1), maps)


@pytest.mark.parametrize("seen", ["code", "labels"])
def test_what_was_seen_before_is_not_made_again(seen, monkeypatch):
    made, later = (material(members=2, others=2, secret=SecretSettings()) for _ in range(2))
    own, scans = made.images.take(range(3)), torch.stack(made.images.images[:3])
    wanted, again = made.sent.seen(seen, own).view, later.sent.seen(seen, own).view
    before = made.sent.own_looks(own, 2)
    assert before.codes.shape == (2, *scans.shape) and before.maps.shape == (2, 3, *scans.shape[2:])
    wanted = [wanted(scans) for _ in range(3)]
    later.sent.recall_looks(before)
    with monkeypatch.context() as patched:
        for name in ("code", "logits"):
            patched.delattr(View, name)
        assert all(torch.equal(again(scans), wanted[time]) for time in range(2))
    assert torch.equal(again(scans), wanted[2]), "and goes on from there"
