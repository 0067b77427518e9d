"""A reference mixed into a scan: undone exactly where the server is right, and by nobody without the secret."""

import json
import shutil
import stat

import numpy as np
import pytest
import torch
from tests.defenses.privacynet.test_deploy import run

from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.files.volume import read_header as header_of
from remnant.cohort.files.volume import read_volume
from remnant.cohort.images import Images
from remnant.cohort.layouts.tissues import as_tissue3
from remnant.defenses.privacynet import deploy
from remnant.defenses.privacynet.concealing import drawn_of
from remnant.defenses.privacynet.drawing import pair_drawing
from remnant.defenses.privacynet.mixing import (
    Mix,
    MixingSettings,
    References,
    draw_mix,
    mix_labels,
    mix_scan,
    unmix_maps,
)
from remnant.defenses.privacynet.networks import ENCODER, load_client, load_server
from remnant.defenses.privacynet.retraining import RetrainSettings
from remnant.defenses.privacynet.settings import privacynet_preset
from remnant.defenses.privacynet.train import train_privacynet
from remnant.defenses.privacynet.view import View
from remnant.defenses.privacynet.worth import elsewhere
from remnant.measure.overlap import dice
from remnant.targets.checkpoint import read_header, save_checkpoint

CLASSES = 4


@pytest.fixture(scope="module")
def drawn(tiny_brains):
    """Scans and label maps of two patients, and references of four others."""
    images, labels = tiny_brains
    whose = Images(images[2:6], labels[2:6], tuple("cdef"))
    return images[:2], labels[:2], References.of(whose, MixingSettings(), Seeds(0))


@pytest.fixture(scope="session")
def mixed(brains, cache, tmp_path_factory):
    """A finished run of the smallest Privacy-Net by the method "mixing"."""
    out = tmp_path_factory.mktemp("runs") / "mixing"
    train_privacynet(
        brains, privacynet_preset("smoke").changed(method="mixing"), out, resume=False, cache=cache, quiet=True
    )
    return Run.open(out)


def draw(references, seed=0):
    return draw_mix(references, np.random.default_rng(seed))


def one_hot(labels):
    return torch.nn.functional.one_hot(labels.long(), CLASSES).movedim(-1, -4).float()


def perfect(labels, mix):
    """The logits of a server that is right about both parts of a mixture."""
    return (mix.weight * one_hot(labels) + (1 - mix.weight) * one_hot(mix.labels)).log()


def right(found, labels):
    """Mean Dice of the classes but the background."""
    return np.nanmean(dice(found.numpy()[None], labels.numpy()[None], CLASSES)[0, 1:])


@pytest.mark.parametrize("seed", range(4))
def test_unmixing_is_exact_for_a_perfect_server_and_with_the_secret_alone(drawn, seed):
    _, (labels, _), references = drawn
    mix = draw(references, seed)
    maps = perfect(labels, mix)
    probability = unmix_maps(maps, mix).softmax(0)
    assert torch.equal(probability.argmax(0), labels.long()) and torch.allclose(probability, one_hot(labels), atol=0.01)
    # Less any other reference it is not the scan's.
    others = [one for one in (draw(references, i) for i in range(60)) if not torch.equal(one.labels, mix.labels)]
    assert max(right(unmix_maps(maps, one).argmax(0), labels) for one in others) < 0.9


def test_the_heavier_part_is_what_the_server_sees(drawn):
    _, (labels, _), references = drawn
    mixes = [draw(references, seed) for seed in range(40)]
    assert 10 < sum(mix.weight > 0.5 for mix in mixes) < 30
    assert all(0.4 <= mix.weight <= 0.6 for mix in mixes)
    for mix in mixes[:6]:
        seen = perfect(labels, mix).argmax(0)
        assert torch.equal(seen, labels.long() if mix.weight > 0.5 else mix.labels.long())


def test_a_scan_is_mixed_by_its_weight_and_a_window_is_part_of_the_whole(drawn):
    (image, _), _, references = drawn
    mix, window = draw(references), (slice(3, 19), slice(8, 24), slice(16, 32))
    whole = mix_scan(image, mix)
    assert torch.allclose(whole - mix.image, mix.weight * (image - mix.image), atol=1e-6)
    assert (whole - image).abs().max() > 0.1
    assert torch.equal(mix_scan(image, mix, window), whole[:, *window])


def test_a_map_to_learn_from_is_of_both_by_their_weights(drawn):
    _, (labels, _), references = drawn
    mix = draw(references, 3)
    found, apart = mix_labels(labels, mix), labels != mix.labels
    assert torch.equal(found, mix_labels(labels, mix)) and found.dtype == torch.uint8
    assert torch.equal(found[~apart], labels[~apart])
    assert abs(float((found == labels)[apart].float().mean()) - mix.weight) < 0.03


def test_each_call_mixes_anew_and_is_undone_by_its_own_seeds_alone(drawn):
    """With a segmenter that is right about mixtures of scans whose intensities are their labels."""
    _, labels, references = drawn
    scans = (labels.float() / (CLASSES - 1))[:, None]
    references = References.of(
        Images((references.labels.float() / 3)[:, None], references.labels, tuple("cdef")), MixingSettings(), Seeds(1)
    )
    view = View(None, torch.nn.Identity(), references, 32, 6.0)
    seeds = Seeds(0)
    one, again, other = view.code(scans, seeds), view.code(scans, seeds), view.code(scans, seeds.child("other"))
    assert view.varies and torch.equal(one, again) and (one - other).abs().max() > 0.1
    answers = torch.stack(
        [perfect(own, mix) for own, mix in zip(labels, view._secrets(scans.shape, seeds), strict=True)]
    )
    assert torch.equal(view.undone(answers, seeds), labels)
    own = view._secrets(scans.shape, seeds)[0].labels
    wrong = [seeds.child("wrong", i) for i in range(20)]
    wrong = next(one for one in wrong if not torch.equal(view._secrets(scans.shape, one)[0].labels, own))
    assert right(view.undone(answers, wrong)[0], labels[0]) < 0.9
    moved = view.moved(labels, seeds)
    assert moved.dtype == torch.uint8 and not torch.equal(moved, labels)


def test_the_segmenter_learns_by_what_the_client_makes_of_its_answer(drawn):
    images, labels, references = drawn
    scans = Images(images.repeat_interleave(2, 0), labels.repeat_interleave(2, 0), ("a", "a", "b", "b"))
    settings = privacynet_preset("smoke").changed(method="mixing", batch=2)
    batch = pair_drawing(scans, settings, Seeds(0), references)(0)
    assert batch.scans.shape == (4, 1, 16, 16, 16) and batch.labels.shape == batch.mixed[0].shape == (4, 16, 16, 16)
    answers = torch.stack(
        [perfect(own, Mix(float(weight), other)) for own, other, weight in zip(batch.labels, *batch.mixed, strict=True)]
    ).requires_grad_()
    logits = batch.recovered(answers)
    assert torch.equal(logits.argmax(1), batch.labels.long())
    torch.nn.functional.cross_entropy(logits, batch.labels.long()).backward()
    assert answers.grad.isfinite().all()
    # Raw scans are answered for as they are.
    raw = pair_drawing(scans, settings, Seeds(0))(0)
    assert raw.mixed is None and raw.recovered(answers) is answers


def test_references_are_of_as_many_patients_as_there_are(drawn):
    _, _, references = drawn
    several = Images(references.images, references.labels, tuple("cccd"))
    found = References.of(several, MixingSettings(references=3), Seeds(0))
    firsts = {float(several.images[i].sum()) for i in (0, 3)}
    assert {float(image.sum()) for image in found.images} == firsts and len(found.labels) == 2
    assert len(References.of(several, MixingSettings(references=1), Seeds(0)).images) == 1
    coarse = found.relabelled(lambda labels: np.minimum(labels, 1))
    assert coarse.labels.max() == 1 and torch.equal(coarse.images, found.images) and coarse.weights == found.weights


def test_a_key_survives_its_file_and_holds_no_image(drawn):
    mix = draw(drawn[2], 5)
    again = drawn_of(json.loads(json.dumps(mix.plain())))
    assert again.weight == mix.weight and torch.equal(again.labels, mix.labels) and again.image is None
    for broken in (
        {**mix.plain(), "weight": 0},
        {**mix.plain(), "labels": "AAAA"},
        {**mix.plain(), "shape": [1, 2, 3]},
    ):
        with pytest.raises((KeyError, TypeError, ValueError)):
            Mix.of(broken)


def test_a_map_of_another_grid_is_refused(drawn):
    with pytest.raises(RemnantError, match=r"mixed into volumes of \(32, 32, 32\) voxels. Got \(32, 32, 31\) instead"):
        unmix_maps(torch.zeros(4, 32, 32, 31), draw(drawn[2]))


def test_weights_in_the_wrong_order_are_refused():
    with pytest.raises(RemnantError, match="must not be above the highest"):
        MixingSettings.checked(lowest=0.6, highest=0.5)


def test_a_client_mixes_each_scan_anew_with_what_its_file_holds(mixed, brains, monkeypatch):
    client, server = load_client(mixed.path), load_server(mixed.path)
    assert client.network is None and isinstance(client.secret, References) and server.keyed
    assert client.mark == server.mark and len(client.secret.images) == 6
    scan = brains.cases[0].image
    # The system's entropy may draw one reference twice: here never.
    drawn = {float(mix.labels.sum()): mix for mix in (draw(client.secret, seed) for seed in range(40))}
    drawn = iter([*drawn.values()])
    monkeypatch.setattr(deploy, "draw_from", lambda *_: next(drawn))
    (one, ticket), (other, _) = deploy.encode_scan(client, scan), deploy.encode_scan(client, scan)
    assert not np.allclose(one, other, atol=0.05)
    image, _ = deploy.place_scan(scan, client.grid, client.preparation, client.template.numpy())
    assert np.allclose(one, mix_scan(torch.from_numpy(image)[None], ticket.secret)[0].numpy(), atol=1e-6)
    assert View.load(mixed.path).secret.weights == (0.4, 0.6)


def test_the_commands_take_the_reference_off_and_tell_a_lost_or_a_strange_key(
    mixed, trained, brains, tmp_path, capsys, monkeypatch
):
    scan, code, labels = brains.cases[0].image, tmp_path / "c.nii.gz", tmp_path / "labels.nii.gz"
    assert run(capsys, monkeypatch, "protect", "encode", scan, "--encoder", mixed.path, "--out", code)[0] == 0
    words = ("protect", "segment", code, "--segmenter", mixed.path, "--out")
    assert run(capsys, monkeypatch, *words, labels)[0] == 0
    found, header = header_of(labels), header_of(scan)
    assert found.shape == header.shape and np.allclose(found.affine, header.affine)
    kept = deploy.ticket_file(code)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    maps, _ = deploy.segment_code(load_server(mixed.path), code)
    assert np.array_equal(read_volume(labels)[0], deploy.Ticket.read(kept).undo(maps))
    # Of another encoder, then none.
    shutil.move(kept, tmp_path / "aside")
    other = tmp_path / "other.nii.gz"
    assert run(capsys, monkeypatch, "protect", "encode", scan, "--encoder", trained.path, "--out", other)[0] == 0
    shutil.copy(deploy.ticket_file(other), kept)
    ended, _, said = run(capsys, monkeypatch, *words, tmp_path / "a.nii.gz")
    assert (
        ended == 2
        and said.count("\n") == 0
        and f"is of a code of the encoder {load_client(trained.path).mark}, and" in said
    )
    kept.unlink()
    ended, _, said = run(capsys, monkeypatch, *words, tmp_path / "a.nii.gz")
    assert ended == 2 and said.count("\n") == 0 and f"{kept} is missing, without which nobody can tell the scan" in said
    assert not (tmp_path / "a.nii.gz").exists()


def test_mixtures_are_not_contributed(mixed, brains):
    client = load_client(mixed.path)
    with pytest.raises(
        RemnantError, match="a mixture has no label map to learn from; contribute by a client of another method"
    ):
        deploy.encode_case(client, brains.cases[0], brains.scheme(client.preparation.scheme))


def test_references_of_another_grid_are_told(mixed, tmp_path):
    folder = shutil.copytree(mixed.checkpoints, tmp_path / "client")
    other = References(1, (8, 8, 8), 0.4, 0.6)
    save_checkpoint(folder / ENCODER, other, other.arguments, client=read_header(folder / ENCODER)["client"])
    with pytest.raises(RemnantError, match="has notes that no Privacy-Net wrote"):
        load_client(folder)


def test_what_is_retrained_on_tissues_is_mixed_with_tissues(mixed):
    view, short = View.load(mixed.path), RetrainSettings(steps=1, batch=1)
    images, tissues = view.secret.images[:2], view.secret.relabelled(as_tissue3).labels[:2]
    assert view.secret.labels.max() > 3 >= tissues.max()
    found = elsewhere(view, images, tissues, short, Seeds(0), lambda *_: None)
    assert {maps.shape for maps in found.values()} == {tuple(tissues.shape)} and found["retrained"].max() <= 3
