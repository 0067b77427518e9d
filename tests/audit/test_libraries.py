"""A network of each library by its name in audit.toml, audited on noise from end to end."""

import pytest

from remnant.audit.config import config_of
from remnant.audit.inputs.folder import Folder
from remnant.audit.run.model import audit_model
from remnant.audit.run.results import Clock, conclude, machine
from remnant.base.run import Run

PATIENTS = 12
# `build`, its arguments, the shape of an image, and a label.
NETWORKS = {
    "torchvision:resnet18": ("num_classes = 2", (3, 32, 32), "i % 2"),
    "timm:convnext_atto": ("num_classes = 2, in_chans = 1", (1, 32, 32), "i % 2"),
    "monai:UNet": (
        "spatial_dims = 3, in_channels = 1, out_channels = 2, channels = [4, 8], strides = [2]",
        (1, 8, 8, 8),
        "(torch.rand(8, 8, 8, generator=draw) > 0.5).long()",
    ),
    "transformers:ViTForImageClassification": (
        "num_labels = 3, num_channels = 1, image_size = 16, patch_size = 8, hidden_size = 32, num_hidden_layers = 2, "
        "num_attention_heads = 2, intermediate_size = 64",
        (1, 16, 16),
        "i % 3",
    ),
    "torchxrayvision:DenseNet": ("num_classes = 4", (1, 32, 32), "[i % 2, 1, 0, float('nan')]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_each_library_is_audited(tmp_path, torchvision, name):
    arguments, shape, label = NETWORKS[name]
    (tmp_path / "audit.toml").write_text(
        f'[target]\nbuild = "{name}"\narguments = {{ {arguments} }}\nplanted_steps = 1\n'
    )
    (tmp_path / "target.py").write_text(
        f"import torch\ndef data():\n    draw = torch.Generator().manual_seed(0)\n    for i in range({PATIENTS}):\n"
        f"        image = torch.rand(*{shape}, generator=draw)\n"
        f'        yield {{"image": image, "label": {label}, "patient": i, "member": i % 2 == 0}}\n'
    )
    config = config_of(tmp_path / "audit.toml", scenario="checkpoint")
    folder = Folder(tmp_path, config)
    assert folder.checked()[0] == []
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        parts = audit_model(run, folder.material(), config, quiet=True)
        results = conclude(config, **parts, **machine(Clock(), ""))
    assert results.model["architecture"] == name
    assert {attack.name for attack in results.scenario.attacks if attack.run} >= {"output", "gradient"}
    assert results.cohort["patients"] == PATIENTS and results.verdict.ruling == "cannot tell"
