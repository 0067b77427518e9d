import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from tests.targets.tiny import noise

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.defenses.dropout import DROPOUT
from remnant.targets import classifier_files
from remnant.targets.checkpoint import load_checkpoint
from remnant.targets.classifier import train_classifier
from remnant.targets.classifier_files import save_classifier, save_state_dict
from remnant.targets.features import predict_logits
from remnant.targets.inputs import InputRange
from remnant.targets.loading import load_target
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


@pytest.mark.parametrize("name", ["a.pt", "a.pth", "a.safetensors"])
def test_a_stranger_finds_a_plain_state_dict(trained, tmp_path, name):
    save_state_dict(tmp_path / name, trained.model)
    read = safetensors.torch.load_file if name.endswith("s") else lambda path: torch.load(path, weights_only=True)
    tensors = read(tmp_path / name)
    assert list(sorted(tensors)) == sorted(trained.model.state_dict()) and "heads.head.weight" in tensors
    target = load_target(tmp_path / name)
    images = InputRange(16)(noise(5).images)
    np.testing.assert_allclose(target(images).detach(), trained.model(images).detach(), atol=1e-5)
    if name.endswith("s"):
        with safetensors.safe_open(tmp_path / name, framework="pt") as file:
            assert not file.metadata()


def test_another_ending_is_refused(trained, tmp_path):
    with pytest.raises(RemnantError, match=r"\.pt, \.pth or \.safetensors"):
        save_state_dict(tmp_path / "a.onnx", trained.model)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
def test_a_full_disk_is_said_to_be_full(monkeypatch, name):
    monkeypatch.setattr(classifier_files, "atomic_path", lambda path: contextlib.nullcontext(Path("/dev/full")))
    with pytest.raises(OSError, match="No space left on device"):
        save_state_dict(Path(name), torch.nn.Linear(300, 300))
