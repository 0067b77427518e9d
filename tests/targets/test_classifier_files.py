import json

import pytest
import torch
from tests.targets.tiny import noise

from remnant.base.seeds import Seeds
from remnant.defenses.dropout import DROPOUT
from remnant.targets.checkpoint import load_checkpoint
from remnant.targets.classifier import train_classifier
from remnant.targets.classifier_files import save_classifier
from remnant.targets.features import predict_logits
from remnant.targets.inputs import InputRange
from remnant.targets.recipes import ClassifierSettings

VIT = {"image_size": 16, "patch": 8, "blocks": 1, "width": 64, "heads": 1, "mlp": 24}


@pytest.fixture(scope="module")
def trained():
    settings = ClassifierSettings(network="vit", arguments=VIT, input_range=InputRange(16), epochs=2)
    return train_classifier(noise(12), noise(12, 100), settings, Seeds(0), recipe=DROPOUT.defend(settings.recipe))


def test_a_target_is_read_again(trained, tmp_path):
    save_classifier(tmp_path / "target.safetensors", trained)
    images = noise(5).images
    loaded = load_checkpoint(tmp_path / "target.safetensors")
    found, expected = (predict_logits(model, images, InputRange(16)) for model in (loaded, trained.model))
    assert torch.equal(found, expected)
    record = json.loads((tmp_path / "target.json").read_text())
    assert ClassifierSettings.model_validate(record["settings"]) == trained.settings
    assert record["defenses"] == {"dropout": {"rate": 0.5}}
    assert len(record["epochs"]) == 2 and record["kept"] == 1 and record["accuracy"] == trained.accuracy
    assert record["validation"]["balanced"]["mean"] == trained.validation.balanced.mean
    assert record["validation"]["majority_accuracy"] == 0.75
    # Of so few patients of a class the AUC has no interval, for which JSON has no number.
    auc = {"mean": trained.validation.auc.mean, "low": None, "high": None, "n": 12}
    assert record["validation"]["auc"] == auc
    # Neither patient nor image.
    assert "p100" not in json.dumps(record)
