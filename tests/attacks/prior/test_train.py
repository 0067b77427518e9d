import json

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from remnant.attacks.prior import digest_of, load_prior, train_prior
from remnant.base.errors import RemnantError
from remnant.base.purge import purge
from remnant.base.run import Run
from remnant.engine import gan
from remnant.nets.pggan import Discriminator, Generator
from remnant.targets.checkpoint import load_checkpoint


def drawn(generator, latents=64):
    with torch.no_grad():
        return generator(torch.randn(latents, generator.latent, generator=torch.Generator().manual_seed(1))).numpy()


def weights(path):
    return {name: value.clone() for name, value in load_prior(path).generator.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def test_training_brings_the_mean_image_nearer(blobs, tiny, tmp_path):
    settings = tiny.changed(latent=16, channels=(16,) * 3, images=(320, 480, 640), gan={"learning_rate": 3e-3})
    prior = load_prior(train_prior(blobs, settings, tmp_path / "run", resume=False, quiet=True))
    torch.manual_seed(0)
    untrained = Generator(16, (16,) * 3, 16)
    before, after = (np.abs(drawn(g).mean(0) - blobs.mean(0)).mean() for g in (untrained, prior.generator))
    # Seen: 1.25 before, 0.10 after.
    assert after < 0.25 * before


def test_what_a_run_leaves(blobs, tiny, tmp_path):
    path = train_prior(blobs, tiny, tmp_path / "run", resume=False, quiet=True, patients=["b", "a"])
    run = tmp_path / "run"
    assert path == run / "checkpoints" / "prior.safetensors"
    assert load_prior(path).side == 16 and load_prior(path).latent == 8
    assert load_prior(path).patients == digest_of(["a", "b"])
    kept = load_checkpoint(run / "checkpoints" / "discriminator.safetensors", {"Discriminator": Discriminator})
    assert kept(torch.rand(2, 1, 16, 16)).shape == (2, 1)
    assert sorted(file.name for file in (run / "private" / "previews").iterdir()) == [
        *("0004px.png", "0008px.png", "0016px.png")
    ]
    assert imread(run / "private" / "previews" / "0016px.png").shape[:2] == (8 * 16, 8 * 16)
    assert not (run / "private" / "training").exists()
    steps = [event["step"] for event in Run(run).events() if event["event"] == "step"]
    assert steps == [4, 10, 18]
    assert json.loads((run / "config.json").read_text())["images"] == [32, 48, 64]
    assert purge(Run.open(run)) >= 5 and path.exists()


def test_a_killed_run_goes_on_to_the_same_weights(blobs, tiny, tmp_path, monkeypatch):
    whole = weights(train_prior(blobs, tiny, tmp_path / "whole", resume=False, quiet=True))
    monkeypatch.setattr(gan, "SAVE_EVERY_S", 0.0)
    save = gan.save_state

    def killed(path, parts, step):
        save(path, parts, step)
        if step == 7:
            raise KeyboardInterrupt

    monkeypatch.setattr(gan, "save_state", killed)
    with pytest.raises(KeyboardInterrupt):
        train_prior(blobs, tiny, tmp_path / "run", resume=False, quiet=True)
    with pytest.raises(RemnantError, match="add --resume to go on"):
        train_prior(blobs, tiny, tmp_path / "run", resume=False, quiet=True)
    with pytest.raises(RemnantError, match="was begun with other images"):
        train_prior(blobs[::-1], tiny, tmp_path / "run", resume=True, quiet=True)
    with pytest.raises(RemnantError, match="was started with other settings"):
        train_prior(blobs, tiny.changed(seed=1), tmp_path / "run", resume=True, quiet=True)
    path = train_prior(blobs, tiny, tmp_path / "run", resume=True, quiet=True)
    assert same(weights(path), whole)
    assert [event["step"] for event in Run(tmp_path / "run").events() if event["event"] == "step"] == [4, 10, 18]
    # A finished run is not trained again.
    written = path.stat().st_mtime_ns
    assert train_prior(blobs, tiny, tmp_path / "run", resume=True).stat().st_mtime_ns == written


def test_another_seed_gives_another_prior(blobs, tiny, tmp_path):
    one, other = (
        weights(train_prior(blobs, tiny.changed(seed=seed), tmp_path / str(seed), resume=False, quiet=True))
        for seed in (0, 1)
    )
    assert not same(one, other)


def test_every_image_is_shown_before_any_comes_again():
    from remnant.attacks.prior.train import _drawing
    from remnant.base.seeds import Seeds

    draw = _drawing(torch.arange(10), 4, Seeds(0))
    shown = torch.cat([draw(step) for step in range(5)])
    assert sorted(shown[:10].tolist()) == sorted(shown[10:].tolist()) == list(range(10))
    assert shown[:10].tolist() != shown[10:].tolist()
    assert _drawing(torch.arange(3), 8, Seeds(0))(0).bincount().min() >= 2


def test_progress_says_the_time_left(blobs, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gan, "REPORT_EVERY", 2)
    train_prior(blobs, tiny, tmp_path / "run", resume=False)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("prior 1000/1000, 0 s left at 16 px, real and generated ")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda images: images[:1], "at least two images"),
        (lambda images: images[:0], "at least two images"),
        (
            lambda images: images.repeat(3, 1),
            r"float32 images \(n, 1, 16, 16\)\. Got float32 \(40, 3, 16, 16\) instead",
        ),
        (lambda images: images[:, :, :8], r"Got float32 \(40, 1, 8, 16\) instead"),
        (lambda images: images[:, 0], r"Got float32 \(40, 16, 16\) instead"),
        (lambda images: images.astype(float), "Got float64"),
        (lambda images: images * 255, r"images in \[0, 1\]\. Got values from"),
        (lambda images: np.where(images > 0.8, np.nan, images), "Got values from nan to nan"),
    ],
)
def test_images_that_do_not_serve_leave_nothing_behind(blobs, tiny, tmp_path, spoil, sentence):
    with pytest.raises(RemnantError, match=sentence):
        train_prior(spoil(blobs), tiny, tmp_path / "run", resume=False)
    assert not (tmp_path / "run").exists()
