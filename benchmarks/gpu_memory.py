"""What a GPU must hold in a training of Privacy-Net: counted, not measured, so that no GPU is needed.

    python benchmarks/gpu_memory.py [--out docs/results/speed/gpu_memory.json]

`states`: weights, gradients and the two moments of Adam of all networks, in float32. `activations`: what a step of encoder and
segmenter, through the discriminators, keeps for the way back, each storage once, by tensors that have shapes and no
values. In float32; under bfloat16 autocast it is less. Not counted: what a single operation works in, and what the allocator
cannot use for gaps: `together` should be no more than two thirds of a GPU.
"""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks

from remnant.base import provenance
from remnant.base.files import write_json
from remnant.base.seeds import Seeds
from remnant.defenses.privacynet.drawing import PairBatch
from remnant.defenses.privacynet.game import Played, hider
from remnant.defenses.privacynet.networks import Networks
from remnant.defenses.privacynet.settings import PrivacyNetSettings, privacynet_preset

CLASSES = 6  # of tissue5, with the background
STATE_BYTES = 4 * 4  # of a weight: itself, its gradient and two moments
SMALL = Path(__file__).parents[1] / "configs" / "privacynet-12gb.toml"


def counted(net: PrivacyNetSettings) -> dict[str, Any]:
    """`parameters`, and bytes of `states` and `activations`, of a training by `net`."""
    saved: dict[int, tuple[torch.UntypedStorage, int]] = {}

    def keep(tensor: Tensor) -> Tensor:
        # The storage itself is kept, too: another one might get its number.
        storage = tensor.untyped_storage()
        saved[storage._cdata] = storage, storage.nbytes()
        return tensor

    with FakeTensorMode():
        networks = Networks.untrained(net, CLASSES, Seeds(0))
        weights = [weight for network in vars(networks).values() for weight in network.parameters()]
        scans = torch.empty(2 * net.batch, 1, *(net.patch,) * 3)
        batch = PairBatch(scans, torch.zeros(scans[:, 0].shape, dtype=torch.uint8), torch.zeros(net.batch))
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            hider(networks, net, 1e-4).loss(Played(0, batch, networks.encoder(scans)))
        own = {weight.untyped_storage()._cdata for weight in weights}
    parameters = sum(weight.numel() for weight in weights)
    activations = sum(size for number, (_, size) in saved.items() if number not in own)
    return {"parameters": parameters, "states": STATE_BYTES * parameters, "activations": activations}


def main() -> None:
    """Count, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/results/speed/gpu_memory.json"))
    options = parser.parse_args()
    paper = privacynet_preset("paper")
    rows = []
    for name, net in {"paper": paper, SMALL.stem: paper.with_toml(SMALL)}.items():
        row = {"settings": name, "pairs": net.batch, "patch": net.patch, **counted(net)}
        row["together"] = row["states"] + row["activations"]
        rows.append(row)
        print(f"{name}: {row['parameters']:,} weights, {row['together'] / 1e9:.1f} GB")
    write_json(
        options.out,
        {
            "command": shlex.join(["python", "benchmarks/gpu_memory.py", *sys.argv[1:]]),
            "versions": provenance.versions(),
            "rows": rows,
        },
    )


if __name__ == "__main__":
    main()
