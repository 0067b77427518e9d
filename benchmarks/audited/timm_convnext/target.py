"""timm's ConvNeXt atto, trained by Hugging Face's Trainer on radiographs: `python target.py` trains, `remnant audit .` audits."""

import sys
from pathlib import Path

import timm
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import radiographs  # noqa: E402

SIDE, EPOCHS = 96, 30


def build() -> torch.nn.Module:
    return timm.create_model("convnext_atto", num_classes=2, in_chans=1)


def data() -> list[dict]:
    return radiographs.prepared(SIDE)


class WithLoss(torch.nn.Module):
    """The network as the Trainer wants it."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixel_values: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.network(pixel_values)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


if __name__ == "__main__":
    import hugging_face

    torch.manual_seed(radiographs.SEED)
    network = build()
    hugging_face.train(WithLoss(network), radiographs.members(SIDE), EPOCHS, 5e-4)
    torch.save(network.state_dict(), HERE / "model.pt")
