import pytest
import torch
from tests.targets.tiny import noise

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.defenses.dropout import DROPOUT
from remnant.nets.classifiers import build_classifier
from remnant.targets.classifier import train_classifier
from remnant.targets.initial import load_initial
from remnant.targets.inputs import InputRange
from remnant.targets.recipes import ClassifierSettings

VIT = {"image_size": 16, "patch": 8, "blocks": 1, "width": 64, "heads": 1, "mlp": 24}


def vit(seed=0, **changes):
    torch.manual_seed(seed)
    return build_classifier("vit", **(VIT | changes))


def kept(tmp_path, model, **others):
    torch.save(model.state_dict() | others, tmp_path / "a.pt")
    return tmp_path / "a.pt"


def differing(one, other):
    return {name for name, value in one.state_dict().items() if not torch.equal(value, other.state_dict()[name])}


def test_all_weights_come_along(tmp_path):
    given, model = vit(1), vit(0)
    assert load_initial(model, kept(tmp_path, given)) and not differing(model, given)


def test_a_head_of_other_classes_is_replaced(tmp_path):
    given, model, fresh = vit(1, classes=14), vit(0), vit(0)
    assert not load_initial(model, kept(tmp_path, given))
    assert differing(model, fresh) and torch.equal(model.heads.head.weight, fresh.heads.head.weight)
    others = {name: value for name, value in model.state_dict().items() if not name.startswith("heads.")}
    assert all(torch.equal(value, given.state_dict()[name]) for name, value in others.items())


def test_training_starts_there(tmp_path):
    path = kept(tmp_path, given := vit(1))
    settings = ClassifierSettings.checked(
        network="vit",
        arguments=VIT,
        input_range=InputRange(16),
        initial=path,
        epochs=1,
        learning_rate=1e-9,
    )
    trained = train_classifier(
        noise(8), noise(8, 100), settings, Seeds(0), recipe=DROPOUT.defend(settings.recipe)
    ).model
    for name, value in trained.state_dict().items():
        torch.testing.assert_close(value, given.state_dict()[name], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (lambda: vit(channels=1), r"conv_proj.weight is \(64, 1, 8, 8\) and should be \(64, 3, 8, 8\)"),
        (lambda: vit(image_size=24), r"pos_embedding is \(1, 10, 64\) and should be \(1, 5, 64\)"),
        (lambda: vit(blocks=2), r"encoder_layer_1.* is \(.*\) and should be None"),
        (lambda: torch.nn.Linear(3, 4), "architecture of .* is unknown"),
    ],
)
def test_weights_that_do_not_fit(tmp_path, given, sentence):
    with pytest.raises(RemnantError, match=sentence):
        load_initial(vit(), kept(tmp_path, given()))


def test_weights_that_are_unsound_or_missing(tmp_path):
    with pytest.raises(RemnantError, match="NaN or infinity"):
        load_initial(vit(), kept(tmp_path, vit(), class_token=torch.full((1, 1, 64), float("nan"))))
    with pytest.raises(RemnantError, match="does not exist"):
        load_initial(vit(), tmp_path / "b.pt")


def test_no_code_runs(tmp_path, touch):
    given = vit()
    assert load_initial(model := vit(), kept(tmp_path, given, more=touch(tmp_path / "executed")))
    assert not differing(model, given) and not (tmp_path / "executed").exists()


@pytest.mark.slow
def test_a_resnet_with_and_without_dropout(tmp_path):
    given, model = build_classifier("resnet18", classes=1), build_classifier("resnet18", classes=1, dropout=0.5)
    assert load_initial(model, kept(tmp_path, given))
    assert torch.equal(model.fc[1].weight, given.fc.weight) and torch.equal(model.conv1.weight, given.conv1.weight)
    again = build_classifier("resnet18", classes=1)
    assert load_initial(again, kept(tmp_path, model)) and not differing(again, given)
