"""A small ViT of transformers, trained by its Trainer on radiographs: `python target.py` trains, `remnant audit .` audits."""

import sys
from pathlib import Path

import torch
from transformers import ViTConfig, ViTForImageClassification

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import radiographs  # noqa: E402

SIDE, EPOCHS = 64, 40


def build() -> ViTForImageClassification:
    sizes = {"hidden_size": 192, "num_hidden_layers": 6, "num_attention_heads": 3, "intermediate_size": 768}
    return ViTForImageClassification(ViTConfig(image_size=SIDE, patch_size=8, num_channels=1, num_labels=2, **sizes))


def data() -> list[dict]:
    return radiographs.prepared(SIDE)


if __name__ == "__main__":
    import hugging_face

    torch.manual_seed(radiographs.SEED)
    network = build()
    hugging_face.train(network, radiographs.members(SIDE), EPOCHS, 3e-4)
    torch.save(network.state_dict(), HERE / "model.pt")
