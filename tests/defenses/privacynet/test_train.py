import json
import stat
from dataclasses import replace

import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.cohort.case import Cohort
from remnant.cohort.revisit import RevisitSettings
from remnant.defenses.privacynet import drawing, networks, train
from remnant.defenses.privacynet.networks import load_client, load_server
from remnant.defenses.privacynet.settings import GameSettings, privacynet_preset
from remnant.defenses.privacynet.train import patients_of, train_privacynet
from remnant.engine import adversarial
from remnant.measure.correlation import ncc_matrix

SMOKE = privacynet_preset("smoke")


def weights(run):
    client, server = load_client(run.path), load_server(run.path)
    return [*client.network.state_dict().values(), *server.network.state_dict().values()]


def once(cohort):
    """The cohort with one session of each patient."""
    return replace(cohort, cases=tuple({case.patient: case for case in cohort.cases}.values()))


def test_a_run_leaves_two_halves_that_know_each_other(trained, brains):
    client, server = load_client(trained.path), load_server(trained.path)
    assert client.mark == server.mark and len(client.mark) == 12
    assert server.classes == ("none", "gm", "wm", "nuclei", "csf_int", "csf_ext")
    assert client.template.shape == client.grid.shape and client.grid.spacing == 6
    assert 0.3 < client.likeness < 1
    assert stat.S_IMODE(trained.path.stat().st_mode) == 0o700
    assert not (trained.private / "training").exists()


def test_nobody_held_out_was_trained_on(trained, brains):
    parts = patients_of(trained)
    assert len(parts["held_out"]) == 2 and set(parts["training"]) | set(parts["held_out"]) == set(brains.patients)
    assert not set(parts["training"]) & set(parts["held_out"])
    # Nor was anybody prepared who is not needed: his file is not among those that the run leaves behind.
    assert len(json.loads((trained.private / "cache.json").read_text())) == 2 * 2 * 6 + 1


def test_the_curves_hold_every_term(trained):
    terms = {term for event in trained.events() if event["event"] == "step" for term in event["terms"]}
    assert {"encoder's error", "segmentation", "same patient", "hiding", "pairs told right"} <= terms
    drawn = (trained.path / "figures" / "losses.svg").read_text()
    assert drawn.startswith("<svg") and "hiding" in drawn


@pytest.mark.parametrize("part", ["pretraining", "adversarial"])
def test_a_killed_training_goes_on_to_the_same_weights(trained, brains, cache, tmp_path, monkeypatch, part):
    monkeypatch.setattr(adversarial, "SAVE_EVERY_S", 0.0)
    save = adversarial.save_state

    def killed(path, parts, step):
        save(path, parts, step)
        if path.stem == part and step == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(adversarial, "save_state", killed)
    out = tmp_path / "net"
    with pytest.raises(KeyboardInterrupt):
        train_privacynet(brains, SMOKE, out, resume=False, cache=cache, quiet=True)
    with pytest.raises(RemnantError, match="add --resume to go on"):
        train_privacynet(brains, SMOKE, out, resume=False, cache=cache, quiet=True)
    with pytest.raises(RemnantError, match=r"was begun with \(\d+:\d+ removed\)"):
        fewer = Cohort(brains.name, brains.root, brains.cases[:-1], brains.schemes, brains.scheme_file)
        train_privacynet(fewer, SMOKE, out, resume=True, cache=cache, quiet=True)
    with pytest.raises(RemnantError, match=r"lambda_: 1.0 then, 3.0 now"):
        train_privacynet(brains, SMOKE.changed(lambda_=3.0), out, resume=True, cache=cache, quiet=True)
    monkeypatch.setattr(adversarial, "save_state", save)
    train_privacynet(brains, SMOKE, out, resume=True, cache=cache, quiet=True)
    for one, other in zip(weights(Run.open(out)), weights(trained), strict=True):
        assert torch.equal(one, other)


def test_a_finished_run_is_not_trained_again(trained, brains, cache, monkeypatch):
    monkeypatch.setattr(train, "pretrain", None)
    assert train_privacynet(brains, SMOKE, trained.path, resume=True, cache=cache, quiet=True) == trained.checkpoints


@pytest.mark.parametrize("lost", ["discriminator", "segmenter"])
def test_a_training_killed_between_its_last_files_is_not_finished(brains, cache, tmp_path, monkeypatch, lost):
    write = networks.save_checkpoint

    def killed(path, *rest, **notes):
        if path.stem == lost:
            raise KeyboardInterrupt
        write(path, *rest, **notes)

    monkeypatch.setattr(networks, "save_checkpoint", killed)
    out = tmp_path / "net"
    with pytest.raises(KeyboardInterrupt):
        train_privacynet(brains, SMOKE, out, resume=False, cache=cache, quiet=True)
    monkeypatch.setattr(networks, "save_checkpoint", write)
    train_privacynet(brains, SMOKE, out, resume=True, cache=cache, quiet=True)
    assert len([*(out / "checkpoints").glob("*.safetensors")]) == 3
    assert not (out / "private" / "training").exists()


def test_a_training_killed_before_its_states_are_removed_leaves_none(trained, brains, cache):
    (trained.private / "training").mkdir()
    (trained.private / "training" / "pretraining.pt").touch()
    train_privacynet(brains, SMOKE, trained.path, resume=True, cache=cache, quiet=True)
    assert not (trained.private / "training").exists()


def test_one_session_everywhere_is_told_and_nothing_is_left_half_written(brains, cache, tmp_path):
    with pytest.raises(RemnantError, match="no pair of one patient"):
        train_privacynet(once(brains), SMOKE, tmp_path / "net", resume=False, cache=cache, quiet=True)
    assert not (tmp_path / "net").exists()


def test_too_few_patients_leave_no_run(brains, cache, tmp_path):
    few = Cohort(brains.name, brains.root, brains.cases[:4], brains.schemes, brains.scheme_file)
    with pytest.raises(RemnantError, match="Holding out"):
        train_privacynet(few, SMOKE, tmp_path / "net", resume=False, cache=cache, quiet=True)
    assert not (tmp_path / "net").exists()


def test_revisits_are_simulated_where_nobody_came_twice(brains, cache, tmp_path, monkeypatch):
    settings = SMOKE.changed(revisits=RevisitSettings())
    drawn = []

    def looking(networks, scans, *rest):
        drawn.append(scans)
        return pretrain(networks, scans, *rest)

    pretrain = train.pretrain
    monkeypatch.setattr(train, "pretrain", looking)
    train_privacynet(once(brains), settings, tmp_path / "net", resume=False, cache=cache, quiet=True)
    (scans,) = drawn
    assert len(scans.images) == 12 and scans.patients[::2] == scans.patients[1::2]
    like = ncc_matrix(scans.images[::2, 0].numpy(), scans.images[1::2, 0].numpy())
    assert (like.argmax(1) == range(6)).all() and like.max() < 0.9999
    assert load_server(tmp_path / "net").mark


def test_a_deformation_trains_no_encoder(deformed):
    terms = {term for event in deformed.events() if event["event"] == "step" for term in event["terms"]}
    assert terms == {"segmentation", "same patient"}


def test_both_play_on_deformed_scans(brains, cache, tmp_path, monkeypatch):
    seen = []
    warp = drawing.warp_scan
    monkeypatch.setattr(drawing, "warp_scan", lambda *words: seen.append(words[1]) or warp(*words))
    train_privacynet(brains, SMOKE.changed(method="both"), tmp_path / "net", resume=False, cache=cache, quiet=True)
    client = load_client(tmp_path / "net")
    assert client.network is not None and client.secret == SMOKE.secret
    # Four patches a step of the adversarial part, and one batch to see that it can be drawn; each by a flow of its own.
    assert len(seen) == (SMOKE.adversarial.steps + 1) * 2 * SMOKE.batch
    assert len({float(secret.flow.sum()) for secret in seen}) == SMOKE.adversarial.steps * 2 * SMOKE.batch


def test_a_segmenter_that_finishes_alone_is_told_as_a_part(brains, cache, tmp_path):
    settings, out = SMOKE.changed(game=GameSettings(finishing=2, discriminators=2)), tmp_path / "net"
    train_privacynet(brains, settings, out, resume=False, cache=cache, quiet=True)
    steps = [(event["cell"], event["step"]) for event in Run.open(out).events() if event["event"] == "step"]
    assert steps == [("pretraining", 4), ("adversarial", 4), ("finishing", 2)]
    assert load_server(out).mark == load_client(out).mark and not (out / "private" / "training").exists()


def test_an_unknown_method():
    with pytest.raises(RemnantError, match="method must be 'encoder'"):
        SMOKE.changed(method="mixup")


def test_a_lambda_below_zero():
    with pytest.raises(RemnantError, match=r"lambda_ must be at least 0\.0\. Got -1\.0 instead"):
        SMOKE.changed(lambda_=-1.0)


def test_a_patch_larger_than_the_scans(brains, cache, tmp_path):
    with pytest.raises(RemnantError, match="A patch of 128 voxels a side does not fit"):
        train_privacynet(brains, SMOKE.changed(patch=128), tmp_path / "net", resume=False, cache=cache, quiet=True)
