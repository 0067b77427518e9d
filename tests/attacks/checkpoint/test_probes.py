import pytest
import torch
from torch import nn

from remnant.attacks.checkpoint.probes import (
    Probe,
    attention_reading,
    attentions,
    batch_norms,
    hooked,
    last_of,
    layer_norms,
    look,
    read_attention,
    read_moments,
)
from remnant.base.errors import RemnantError
from remnant.nets.vit import ViT


def hooks_of(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_statistics_are_those_of_the_layer_s_input(memorised, input_range, images):
    """Against what BatchNorm itself stored of the very batch."""
    target = memorised(images).target
    readings = {name: Probe(name, "input", read_moments) for name in batch_norms(target)}
    _, found = look(target, input_range(images), readings)
    # In training bn1 divided by the biased deviation, so that bn2 saw values larger by a thousandth.
    for name, tolerance in (("bn1", 1e-5), ("bn2", 5e-3)):
        pooled, layer = found[name].pooled(), getattr(target, name)
        torch.testing.assert_close(pooled.mean, layer.running_mean, atol=1e-6, rtol=tolerance)
        torch.testing.assert_close(pooled.variance, layer.running_var, atol=1e-6, rtol=tolerance)


def test_moments_alone_are_those_of_a_batch_of_one(tiny, input_range, images):
    target, reading = tiny.vit().eval(), {"ln": Probe("encoder.ln", "input", read_moments)}
    together = look(target, input_range(images), reading)[1]["ln"].alone()
    for i in range(len(images)):
        alone = look(target, input_range(images[i : i + 1]), reading)[1]["ln"].pooled()
        torch.testing.assert_close(together.mean[i], alone.mean)
        torch.testing.assert_close(together.variance[i], alone.variance)


def test_tokens_are_places_before_a_layer_norm(tiny, input_range, images):
    target = tiny.vit().eval()
    reading = {"x": Probe("encoder.ln", "input", read_moments)}
    moments = look(target, input_range(images), reading)[1]["x"].pooled()
    with hooked(target, {"x": Probe("encoder.ln", "input", lambda module, tensor: tensor)}) as found:
        target(input_range(images))
    tokens = found["x"].reshape(-1, 12)
    torch.testing.assert_close(moments.mean, tokens.mean(0))
    torch.testing.assert_close(moments.variance, tokens.var(0))


@pytest.mark.parametrize("batch_first", [True, False])
def test_attention_is_what_the_layer_itself_computes(batch_first):
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(12, 3, batch_first=batch_first)
    nn.init.normal_(layer.in_proj_bias)
    tokens = torch.randn(2, 5, 12)
    given = tokens if batch_first else tokens.transpose(0, 1)
    _, expected = layer(given, given, given, need_weights=True, average_attn_weights=False)
    torch.testing.assert_close(read_attention(layer, given), expected)


def small_vit():
    torch.manual_seed(0)
    return ViT(image_size=16, patch=4, blocks=2, width=12, heads=3, mlp=24).eval()


def test_a_layer_that_keeps_its_attention_says_what_a_second_computation_says(input_range, images):
    target, inputs = small_vit(), input_range(images)
    names = attentions(target)
    unseen, again = look(target, inputs, {name: Probe(name, "input", read_attention) for name in names})
    seen, own = look(target, inputs, {name: attention_reading(target, name) for name in names})
    assert [attention_reading(target, name).module for name in names] == [f"{name}.attention" for name in names]
    for name in names:
        torch.testing.assert_close(own[name], again[name])
    torch.testing.assert_close(seen, unseen)
    foreign = nn.Sequential(nn.MultiheadAttention(12, 3))
    assert attention_reading(foreign, "0") == Probe("0", "input", read_attention)


@pytest.mark.parametrize("kept", [True, False])
def test_attention_is_read_though_nobody_asked_for_it(tiny, input_range, images, kept):
    target = small_vit() if kept else tiny.vit().eval()
    readings = {
        name: attention_reading(target, name) if kept else Probe(name, "input", read_attention)
        for name in attentions(target)
    }
    inputs = input_range(images).requires_grad_(True)
    _, found = look(target, inputs, readings)
    assert [value.shape for value in found.values()] == [(8, 3, 17, 17)] * 2
    torch.testing.assert_close(found[attentions(target)[1]].sum(-1), torch.ones(8, 3, 17))
    assert torch.autograd.grad(found[attentions(target)[1]].square().sum(), inputs)[0].abs().sum() > 0


def test_an_output_is_read_before_it_is_overwritten(tiny, input_range, images):
    """bn2's output is added to in place and goes through an in-place ReLU."""
    target, inputs = tiny.cnn().eval(), input_range(images).clone().requires_grad_(True)
    _, found = look(target, inputs, {"x": Probe("bn2", "output", lambda module, tensor: tensor)})
    before = target.bn2(target.conv2(torch.relu(target.bn1(target.conv1(inputs)))))
    torch.testing.assert_close(found["x"], before)
    _, found = look(target, inputs, {"x": Probe("bn2", "output", read_moments)})
    found["x"].variance.sum().backward()
    assert inputs.grad.abs().sum() > 0


def test_no_hook_is_left_behind(tiny, input_range, images):
    target = tiny.cnn().eval()
    reading = {"x": Probe("bn1", "input", read_moments)}
    look(target, input_range(images), reading)
    assert hooks_of(target) == 0
    with pytest.raises(ZeroDivisionError), hooked(target, reading):
        assert hooks_of(target) == 1
        raise ZeroDivisionError
    with pytest.raises(RemnantError), hooked(target, reading | {"y": Probe("nowhere", "input", read_moments)}):
        pass
    assert hooks_of(target) == 0


def test_a_hook_that_matches_nothing_is_an_error(tiny, input_range, images):
    target = tiny.vit().eval()
    with pytest.raises(RemnantError, match=r"no module 'encoder.layers.0' to read 'x' at; it has .*encoder"):
        look(target, input_range(images), {"x": Probe("encoder.layers.0", "input", read_moments)})
    target.unused = nn.BatchNorm2d(3)
    with pytest.raises(RemnantError, match="never called its module 'unused'"):
        look(target, input_range(images), {"x": Probe("unused", "input", read_moments)})


def test_layers_are_found_by_what_they_are(tiny):
    cnn, vit = tiny.cnn(), tiny.vit()
    assert batch_norms(cnn) == ["bn1", "bn2"] and batch_norms(vit) == attentions(cnn) == []
    assert last_of(cnn, nn.Conv2d) == "conv2" and last_of(vit, nn.Linear) == "heads.head"
    assert len(layer_norms(vit)) == 5 and attentions(vit)[-1] == "encoder.layers.encoder_layer_1.self_attention"
    cnn.bn1 = nn.BatchNorm2d(6, track_running_stats=False)
    assert batch_norms(cnn) == ["bn2"]
    with pytest.raises(RemnantError, match="has no LayerNorm"):
        last_of(cnn, nn.LayerNorm)
