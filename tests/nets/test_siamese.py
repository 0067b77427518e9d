import subprocess
import sys

import pytest
import torch
from torch import nn

from remnant.base.errors import RemnantError
from remnant.engine.device import as_batch, fabric, place
from remnant.nets.siamese import TRUNKS, Siamese, build_trunk
from remnant.targets.checkpoint import load_checkpoint, save_checkpoint

SMALL = ["densenet_small", "resnet_small"]


def volumes(n=2, *sides, seed=0):
    return torch.rand(n, 1, *(sides or (16, 12, 16)), generator=torch.Generator().manual_seed(seed))


def siamese(trunk="resnet_small", head="symmetric"):
    torch.manual_seed(0)
    return Siamese(trunk, head)


@pytest.mark.parametrize(
    ("trunk", "features", "parameters"),
    [
        ("densenet121", 1024, 19_639_425),
        ("densenet_small", 88, 212_753),
        ("resnet18", 512, 35_261_249),
        ("resnet_small", 128, 1_029_457),
    ],
)
def test_sizes(trunk, features, parameters):
    with torch.device("meta"):
        model = Siamese(trunk)
    assert model.trunk.features_out == features
    assert sum(weights.numel() for weights in model.parameters()) == parameters


def test_every_trunk_is_tried():
    assert list(TRUNKS) == ["densenet121", "densenet_small", "resnet18", "resnet_small"]


@pytest.mark.parametrize(
    ("trunk", "last", "places"),
    [
        ("densenet121", "features", 1),
        ("densenet_small", "features", 4),
        ("resnet18", "layer4", 1),
        ("resnet_small", "layer4", 2),
    ],
)
def test_places_of_a_patch_of_32_that_are_pooled(trunk, last, places):
    model = siamese(trunk).eval()
    seen = []
    model.trunk.get_submodule(last).register_forward_hook(lambda module, given, out: seen.append(out))
    with torch.no_grad():
        features = model.embed(volumes(1, 32, 32, 32))
    assert seen[0].shape[2:] == (places,) * 3
    torch.testing.assert_close(features, seen[0].relu().mean((2, 3, 4)))


@pytest.mark.parametrize("sides", [(32, 32, 32), (17, 19, 23)])
@pytest.mark.parametrize("trunk", TRUNKS)
def test_single_volumes_of_any_sides(trunk, sides):
    model = siamese(trunk).eval()
    with torch.no_grad():
        assert model.embed(volumes(1, *sides)).shape == (1, model.trunk.features_out)
        assert model(volumes(1, *sides), volumes(1, *sides, seed=1)).shape == (1,)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("trunk", TRUNKS)
def test_features_are_of_their_own_volume_alone(trunk, training):
    model = siamese(trunk).train(training)
    assert not list(model.buffers())
    images = volumes(3, 17, 18, 19)
    with torch.no_grad():
        features = model.embed(images)
        torch.testing.assert_close(model.embed(images[1:2]), features[1:2], atol=1e-4, rtol=1e-4)
    assert (features[0] - features[1]).abs().max() > 1e-3


@pytest.mark.parametrize("trunk", SMALL)
def test_the_order_of_a_pair_matters_to_the_published_head_alone(trunk):
    first, second = volumes(3), volumes(3, seed=1)
    for head, symmetric in (("symmetric", True), ("published", False)):
        model = siamese(trunk, head).eval()
        with torch.no_grad():
            a, b = model.embed(first), model.embed(second)
            # Of the features to the last bit; in a batch, convolutions may round by their place in it.
            assert torch.equal(model.compare(a, b), model.compare(b, a)) == symmetric
            given, turned = model(first, second), model(second, first)
        assert torch.allclose(given, turned, atol=1e-5) == symmetric


@pytest.mark.parametrize("head", ["published", "symmetric"])
def test_logits_are_the_head_s_on_what_each_volume_gives(head):
    model = siamese(head=head).eval()
    first, second = volumes(3), volumes(3, seed=1)
    a, b = model.embed(first), model.embed(second)
    pair = [
        torch.cat([x, y]) if head == "published" else torch.cat([(x - y).abs(), x * y])
        for x, y in zip(a, b, strict=True)
    ]
    (hidden, shift), (last, offset) = ((layer.weight, layer.bias) for layer in (model.head[0], model.head[2]))
    expected = torch.cat([last @ torch.clamp(hidden @ one + shift, min=0) + offset for one in pair])
    torch.testing.assert_close(model(first, second), expected)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_the_slope_that_an_encoder_climbs_reaches_both_volumes(trunk):
    model = siamese(trunk)
    first, second = volumes(2, 17, 18, 19).requires_grad_(), volumes(2, 17, 18, 19, seed=1).requires_grad_()
    model(first, second).sum().backward()
    assert first.grad.any() and second.grad.any()
    assert all(weights.grad is not None and weights.grad.isfinite().all() for weights in model.parameters())
    assert all(weights.grad.any() for weights in model.trunk.parameters())


@pytest.mark.parametrize("trunk", SMALL)
def test_channels_last_gives_the_same(trunk):
    model = siamese(trunk).eval()
    with torch.no_grad():
        expected = model.embed(volumes())
        model = model.to(memory_format=torch.channels_last_3d)
        given = model.embed(volumes().contiguous(memory_format=torch.channels_last_3d))
    torch.testing.assert_close(given, expected, atol=1e-4, rtol=1e-4)


def test_the_last_voxels_of_odd_sides_are_seen():
    model = siamese("densenet_small").eval()
    # Halved to 9 places, of which pooling without a remainder would drop the last.
    reached = volumes(1, 18, 18, 18).requires_grad_()
    model.trunk.features[:6](reached)[0, :, 4, 4, 4].sum().backward()
    assert reached.grad[0, 0, -1, -1, -1] != 0


@pytest.mark.parametrize(("trunk", "side"), [("densenet121", 17), ("densenet_small", 5), ("resnet_small", 1)])
def test_the_smallest_sides(trunk, side):
    model = siamese(trunk).eval()
    with torch.no_grad():
        assert model.embed(volumes(1, side, 18, 18)).isfinite().all()
    with pytest.raises(RemnantError, match=rf"sides of {side} or more\. Got 18 x {side - 1} x 18 instead; give larger"):
        model(*2 * [volumes(1, 18, side - 1, 18)])


@pytest.mark.parametrize("trunk", ["resnet_small", pytest.param("resnet18", marks=pytest.mark.slow)])
@pytest.mark.parametrize("side", [8, 16])
def test_gradients_of_small_volumes_are_finite_whatever_lay_in_memory(trunk, side):
    model = place(siamese(trunk))

    def litter():
        for weight in model.trunk.parameters():
            for kind in (torch.float32, torch.bfloat16):
                torch.full_like(weight, float("nan"), dtype=kind)

    for _ in range(4):
        model.zero_grad()
        litter()
        with fabric().autocast():
            embedded = model.embed(as_batch(volumes(16, side, side, side)))
        litter()
        embedded.float().square().sum().backward()
        assert all(weight.grad.isfinite().all() for weight in model.trunk.parameters())


@pytest.mark.parametrize("trunk", SMALL)
@pytest.mark.parametrize("head", ["published", "symmetric"])
def test_it_is_built_again_from_its_checkpoint(tmp_path, trunk, head):
    model = siamese(trunk, head)
    save_checkpoint(tmp_path / "d.safetensors", model, {"trunk": trunk, "head": head})
    loaded = load_checkpoint(tmp_path / "d.safetensors", {"Siamese": Siamese})
    pair = volumes(), volumes(seed=1)
    assert type(loaded) is Siamese and torch.equal(loaded(*pair), model.eval()(*pair))


def test_it_learns_to_tell_pairs():
    """Of 16 people, each a cube somewhere in noise."""
    generator = torch.Generator().manual_seed(0)
    people = torch.zeros(16, 1, 8, 8, 8)
    for person, at in enumerate(torch.randint(0, 5, (16, 3), generator=generator).tolist()):
        people[person, 0, at[0] : at[0] + 4, at[1] : at[1] + 4, at[2] : at[2] + 4] = 0.2 + 0.05 * person
    model = siamese()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    same = (torch.arange(16) % 2 == 0).float()
    for _ in range(60):
        order = torch.randperm(16, generator=generator)
        other = torch.where(same > 0, order, order.roll(1))
        scans = [people[who] + 0.02 * torch.randn(people.shape, generator=generator) for who in (order, other)]
        loss = nn.functional.binary_cross_entropy_with_logits(model(*scans), same)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.3


def test_what_a_user_can_mend():
    with pytest.raises(RemnantError, match=r"one of densenet121, densenet_small, .*Got 'vgg' instead"):
        Siamese("vgg")
    with pytest.raises(RemnantError, match=r"one of published, symmetric\. Got 'loud' instead"):
        Siamese("resnet_small", "loud")
    with pytest.raises(RemnantError, match="Got 'vgg' instead"):
        build_trunk("vgg")


def test_monai_is_imported_only_for_a_trunk():
    program = "import sys, remnant.nets.siamese, remnant.nets.unet; assert 'monai' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_batch_norm_is_kept_where_it_is_asked_for(trunk, tmp_path):
    model = Siamese(trunk, "published", norm="batch").train()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm3d)]
    assert norms and not any(isinstance(module, nn.GroupNorm) for module in model.modules())
    with torch.no_grad():
        model(volumes(2, 17, 17, 17), volumes(2, 17, 17, 17, seed=1))
    assert all(norm.num_batches_tracked == 1 for norm in norms)
    save_checkpoint(tmp_path / "d.safetensors", model, {"trunk": trunk, "head": "published", "norm": "batch"})
    again = load_checkpoint(tmp_path / "d.safetensors", {"Siamese": Siamese})
    assert torch.equal(next(again.buffers()), next(model.buffers()))
