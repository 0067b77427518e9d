import json
import os
import sys

import numpy as np
import pytest
import safetensors.torch
import torch

from remnant import cli
from remnant.attacks.prior import Prior, digest_of, import_prior, load_discriminator, load_prior, save_prior
from remnant.base.errors import RemnantError
from remnant.nets.pggan import Discriminator, Generator
from remnant.targets.checkpoint import save_checkpoint

WIDTHS = (6, 5, 4)
LATENTS = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))


def generator(colours=1, side=16):
    torch.manual_seed(0)
    return Generator(7, WIDTHS, side, colours).eval()


@torch.no_grad()
def images(model):
    return model(LATENTS)


def test_what_is_saved_is_loaded_and_copies_are_tuned_apart(tmp_path):
    save_prior(tmp_path / "a.safetensors", Prior(generator()))
    prior = load_prior(tmp_path / "a.safetensors")
    assert (prior.side, prior.latent) == (16, 7) and not prior.generator.training
    assert torch.equal(images(prior.generator), images(generator()))
    copy = prior.fresh()
    with torch.no_grad():
        for value in copy.parameters():
            assert value.requires_grad
            value.add_(1)
    assert torch.equal(images(prior.generator), images(generator()))


def test_a_prior_knows_whose_images_it_was_trained_on_without_their_names(tmp_path):
    path = tmp_path / "a.safetensors"
    save_prior(path, Prior(generator(), digest_of(["bert", "anna", "anna"])))
    assert load_prior(path).patients == digest_of(["anna", "bert"]) != digest_of(["anna"])
    assert b"anna" not in path.read_bytes()
    save_prior(path, Prior(generator()))
    assert load_prior(path).patients is None


def test_the_discriminator_lies_beside_its_prior(tmp_path):
    path, beside = tmp_path / "a.safetensors", tmp_path / "discriminator.safetensors"
    save_prior(path, Prior(generator()))
    assert load_discriminator(path) is None
    save_checkpoint(beside, Discriminator(WIDTHS, 16), {"channels": WIDTHS, "side": 16})
    assert load_discriminator(path)(torch.rand(2, 1, 16, 16)).shape == (2, 1)
    save_checkpoint(beside, Discriminator(WIDTHS, 8), {"channels": WIDTHS, "side": 8})
    with pytest.raises(RemnantError, match="judges images of 8 pixels, and the prior beside it draws 16"):
        load_discriminator(path)


def public(colours=3, **changed):
    """The tensors of a checkpoint as the public code writes it: 0-dim numbers are integers there."""
    state = generator(colours).state_dict()
    return {**state, "alpha": torch.tensor(0), **changed}


WRAPPED = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "settings": {"channel_depth": [6, 5, 4]}},
    "training": lambda state: {
        "state_dict": {
            **{f"generator.{name}": value * 2 for name, value in state.items()},
            **{f"gen_shadow.{name}": value for name, value in state.items()},
            **{f"discriminator.{name}": value for name, value in Discriminator(WIDTHS, 16, 3).state_dict().items()},
            "alpha": torch.tensor(0),
        }
    },
}


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize("colours", [1, 3])
def test_a_public_checkpoint_is_read_and_its_colours_become_grey(tmp_path, wrapped, colours):
    torch.save(WRAPPED[wrapped](public(colours)), tmp_path / "a.pt")
    prior = import_prior(tmp_path / "a.pt")
    given = images(prior.generator)
    assert given.shape == (3, 1, 16, 16) and not prior.generator.training
    assert torch.allclose(given, images(generator(colours)).mean(1, keepdim=True), atol=1e-6)


def test_one_that_is_still_fading_keeps_its_old_path(tmp_path):
    torch.save(public(alpha=torch.tensor(0.25, dtype=torch.float64)), tmp_path / "a.pt")
    fading = generator(3)
    fading.alpha.fill_(0.25)
    given = images(import_prior(tmp_path / "a.pt").generator)
    assert torch.allclose(given, images(fading).mean(1, keepdim=True), atol=1e-6)


def without(name):
    return {key: value for key, value in public().items() if key != name}


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (without("latent_linear.0.module.weight"), "holds no generator of the chest PGGAN"),
        (Discriminator(WIDTHS, 16).state_dict(), "holds no generator of the chest PGGAN"),
        ([1, 2], "holds no|state_dict of a network"),
        (without("init_conv.0.module.bias"), "does not have the form of the chest PGGAN"),
        (without("ScaleBlocks.0.convolv.3.module.weight"), "does not have the form of the chest PGGAN"),
        (without("alpha"), "does not have the form of the chest PGGAN"),
        (public(**{"ScaleBlocks.x.a": torch.zeros(1)}), "does not have the form of the chest PGGAN"),
        (public(4), r"does not have the form of the chest PGGAN \(it draws 4 colours, of 1 to 3\)"),
        (public(**{"toRGB.1.module.weight": torch.zeros(3, 9, 1, 1)}), "size mismatch"),
        (public(**{"latent_linear.0.module.weight": torch.zeros(5)}), "does not have the form of the chest PGGAN"),
        (public(current_size=torch.tensor(8)), "is not grown to the 16 pixels it has layers for"),
        (public(current_depth=torch.tensor(99)), "is not grown to the 16 pixels"),
        (public(alpha=torch.tensor(2)), "is not grown to the 16 pixels"),
        (public(**{"toRGB.1.module.bias": torch.full((3,), float("nan"))}), "numbers that are not finite"),
    ],
)
def test_what_is_no_public_checkpoint(tmp_path, state, sentence):
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(RemnantError, match=sentence):
        import_prior(tmp_path / "a.pt")


def test_files_that_are_cut_off_or_would_run_code(tmp_path, touch):
    path = tmp_path / "a.pt"
    with pytest.raises(RemnantError, match="does not exist"):
        import_prior(path)
    torch.save(public(), path)
    whole = path.read_bytes()
    for content in (b"", whole[:100], whole[: len(whole) // 2], whole[:-20], os.urandom(4096)):
        path.write_bytes(content)
        with pytest.raises(RemnantError, match=r"a\.pt"):
            import_prior(path)
    torch.save({"state_dict": public(), "settings": touch(tmp_path / "executed")}, path)
    import_prior(path)
    assert not (tmp_path / "executed").exists()


def test_priors_that_do_not_serve(tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, generator(3), {"latent": 7, "channels": WIDTHS, "side": 16, "colours": 3})
    with pytest.raises(RemnantError, match="draws 3 colours, radiographs have one"):
        load_prior(path)
    save_checkpoint(path, generator(), {"latent": 7, "channels": WIDTHS, "side": 24})
    with pytest.raises(RemnantError, match=r"4 times a power of 2, at most 1024\. Got 24 instead"):
        load_prior(path)
    growing = generator()
    growing.grow_to(1)
    save_prior(path, Prior(growing))
    with pytest.raises(RemnantError, match="is not grown to the 16 pixels"):
        load_prior(path)
    save_checkpoint(path, Discriminator(WIDTHS, 16), {"channels": WIDTHS, "side": 16})
    with pytest.raises(RemnantError, match="does not describe a network of Remnant"):
        load_prior(path)
    described = {"module": "Generator", "arguments": {"latent": 7, "channels": [], "side": 16}}
    safetensors.torch.save_file({"a": torch.zeros(1)}, path, metadata={"remnant": json.dumps(described)})
    with pytest.raises(RemnantError, match="positive numbers of channels"):
        load_prior(path)


def test_the_import_command(tmp_path, monkeypatch, capsys):
    torch.save(public(), tmp_path / "a.pt")
    monkeypatch.setattr(
        sys, "argv", ["remnant", "prior", "import", str(tmp_path / "a.pt"), "--out", str(tmp_path / "b")]
    )
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code and capsys.readouterr().out.strip() == str(tmp_path / "b")
    given = images(load_prior(tmp_path / "b").generator)
    assert np.allclose(given, images(generator(3)).mean(1, keepdim=True), atol=1e-6)
    (tmp_path / "a.pt").write_bytes(b"nothing")
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2 and capsys.readouterr().err.startswith("remnant: ")
