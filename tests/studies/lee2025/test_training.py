"""Statistics of others under the same weights."""

import torch

from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.nets.classifiers import build_classifier
from remnant.studies.lee2025.training import with_statistics_of
from remnant.targets.inputs import InputRange
from remnant.targets.recipes import ClassifierSettings

SETTINGS = ClassifierSettings(arguments={"width": 16}, input_range=InputRange(32), batch=4)


def people(count, level, prefix):
    images = torch.rand(count, 1, 32, 32, generator=torch.Generator().manual_seed(count)) * 0.2 + level
    return Images(images, torch.arange(count) % 2, tuple(f"{prefix}{i}" for i in range(count)))


def test_weights_stay_and_statistics_are_those_of_the_others():
    torch.manual_seed(0)
    model = build_classifier(**SETTINGS.recipe.arguments).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    others = people(8, 0.7, "o")
    found = with_statistics_of(
        others, model, SETTINGS, SETTINGS.recipe, Seeds(0), training=people(6, 0.1, "t"), validation=people(4, 0.1, "v")
    )
    after = found.model.state_dict()
    for name, tensor in before.items():
        assert torch.equal(model.state_dict()[name], tensor)
        statistic = name.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked")
        assert torch.equal(after[name], tensor) != statistic, name
    # What enters the first layer, by hand: the mean over both batches of four is that over all eight.
    entering = model.conv1(SETTINGS.input_range(others.images))
    expected = entering.transpose(0, 1).flatten(1).mean(1).detach()
    torch.testing.assert_close(after["bn1.running_mean"], expected, rtol=0.02, atol=1e-3)
    assert not found.model.training and found.kept == -1 and not found.history and 0 <= found.accuracy <= 1


def test_the_order_of_batches_is_the_seed_s():
    torch.manual_seed(0)
    model = build_classifier(**SETTINGS.recipe.arguments).eval()
    own = {"training": people(6, 0.1, "t"), "validation": people(4, 0.1, "v")}
    one, same, other = (
        with_statistics_of(people(9, 0.5, "o"), model, SETTINGS, SETTINGS.recipe, Seeds(seed), **own).model.state_dict()
        for seed in (0, 0, 1)
    )
    name = "layer1.0.bn1.running_var"
    assert torch.equal(one[name], same[name]) and not torch.equal(one[name], other[name])
