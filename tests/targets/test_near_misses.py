"""What is nearly a network that Remnant builds: told by a hint, not by silence, and never by the wrong network."""

import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.targets.loading import load_target
from remnant.targets.opening import open_checkpoint
from remnant.targets.recognise import recognise


@pytest.fixture
def inspected(tmp_path):
    """`inspected(value)`: what is told of a file of torch.save."""

    def of(value):
        torch.save(value, tmp_path / "a.pt")
        return recognise(open_checkpoint(tmp_path / "a.pt"))

    return of


@pytest.mark.parametrize(("name", "head"), [("resnet18", "fc"), ("densenet121", "classifier")])
def test_a_head_of_several_layers(inspected, tmp_path, state, name, head):
    weights = state(name)
    width = weights.pop(f"{head}.weight").shape[1]
    weights.pop(f"{head}.bias")
    weights |= {f"{head}.0.weight": torch.rand(16, width), f"{head}.3.weight": torch.rand(5, 16)}
    one = inspected(weights)
    assert (one.architecture, one.classes) == (name, 5) and not one.attacks[0].applies
    assert any(f"2 layers ({head}.0 and {head}.3)" in text for text in one.findings)
    with pytest.raises(RemnantError, match="single linear"):
        load_target(tmp_path / "a.pt")


def test_an_average_of_the_weights(inspected, state):
    one = inspected(
        {"n_averaged": torch.tensor(7)} | {f"module.{key}": value for key, value in state("resnet18").items()}
    )
    assert one.architecture == "resnet18" and one.attacks[0].applies
    assert any("AveragedModel" in text for text in one.findings)


def test_a_layer_that_normalises_images(inspected, state):
    buffers = {
        "normalize.mean": torch.tensor([0.485, 0.456, 0.406]),
        "normalize.std": torch.tensor([0.229, 0.224, 0.225]),
    }
    one = inspected(buffers | {f"model.{key}": value for key, value in state("resnet18").items()})
    assert one.architecture == "resnet18"
    assert any("normalize.mean is 0.485, 0.456, 0.406" in text for text in one.findings)


@pytest.mark.parametrize(
    ("part", "beside"),
    [
        ("backbone", {"head.fc.weight": torch.ones(2, 512), "head.fc.bias": torch.ones(2)}),
        ("encoder_q", {"queue": torch.ones(2, 9), "queue_ptr": torch.tensor([0])}),
    ],
)
def test_a_backbone_and_its_head_apart(inspected, state, part, beside):
    one = inspected({f"{part}.{key}": value for key, value in state("resnet18").items()} | beside)
    assert one.architecture is None and one.nearest.startswith(f"resnet18, under `{part}.`")
    assert f"`{part}.`" in one.advice


@pytest.mark.parametrize(
    ("leaves", "told"),
    [
        (("weight_orig", "weight_mask"), "prune.remove"),
        (("weight_orig", "weight_u"), "remove_spectral_norm"),
        (("weight_g", "weight_v"), "remove_weight_norm"),
    ],
)
def test_weights_in_parts(inspected, state, leaves, told):
    weights = state("resnet18")
    kernel = weights.pop("layer1.0.conv1.weight")
    one = inspected(weights | {f"layer1.0.conv1.{leaf}": kernel for leaf in leaves})
    assert any(told in text and "layer1.0.conv1" in text for text in one.findings)


def test_what_is_like_nothing_is_not_compared(inspected, state):
    few = {"features.conv0.weight": torch.ones(4, 1, 3, 3), "features.denseblock1.denselayer1.a": torch.ones(1)}
    assert inspected(few).nearest is None


def test_group_norm_or_statistics_removed(inspected, state):
    weights = {key: value for key, value in state("resnet18").items() if not key.endswith(("mean", "var", "tracked"))}
    assert any("GroupNorm" in text for text in inspected(weights).findings)
    # Where some layers keep theirs, the others' were removed.
    weights["bn1.running_mean"], weights["bn1.running_var"] = torch.ones(64), torch.ones(64)
    one = inspected(weights)
    assert one.statistics.removed == 19 and not any("GroupNorm" in text for text in one.findings)


def test_the_file_calls_it_another_network(inspected, tmp_path, state):
    one = inspected({"state_dict": state("resnet18"), "arch": "resnetblur18"})
    assert not one.attacks[0].applies and any("resnetblur18" in text for text in one.findings)
    with pytest.raises(RemnantError, match="resnetblur18"):
        load_target(tmp_path / "a.pt")
    assert inspected({"state_dict": state("resnet18"), "arch": "resnet18"}).attacks[0].applies


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda one: torch.zeros_like(one), "zero"),
        (lambda one: torch.full_like(one, torch.nan), "NaN"),
        (lambda one: one.to(torch.complex64), "complex"),
    ],
)
def test_weights_that_are_broken(inspected, tmp_path, state, change, told):
    one = inspected({key: change(value) if value.ndim > 1 else value for key, value in state("resnet18").items()})
    assert any(told in text for text in one.findings) and not any("quantised" in text for text in one.findings)
    assert not one.attacks[0].applies and told in one.attacks[0].why
    with pytest.raises(RemnantError, match=told):
        load_target(tmp_path / "a.pt")


def test_a_negative_variance(inspected, tmp_path, state):
    one = inspected(state("resnet18") | {"bn1.running_var": -torch.ones(64)})
    assert any("1 running variance is negative (e.g. bn1.running_var)" in text for text in one.findings)
    assert "negative variance" in one.attacks[0].why
    with pytest.raises(RemnantError, match="negative variance"):
        load_target(tmp_path / "a.pt")
