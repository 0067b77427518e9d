"""Time a step of DP-SGD of the 3D U-Net at 32^3, and weigh its memory, against Opacus' per-sample gradients.

    python benchmarks/dp_step.py [--patients 8] [--repeats 5] [--out docs/results/speed/dp_step.json]

Ours passes patient by patient, in the precision that the machine does fast. Opacus' hooks take the whole batch at once. As it
comes it refuses the U-Net: its hooks do not bear the ReLU in place, and in bfloat16 some layers pass them by. So it gets the
same network in float32 with a ReLU beside. Ways take turns, each in a process of its own; seconds are those of the processor,
and the least of several; memory is what a step adds to the network's own. Both clip to the same gradients, whose sizes are
summed.
"""

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

from remnant.base import provenance
from remnant.base.files import write_json

STEP = """
import json, re, sys, time, warnings
from pathlib import Path

import torch
from torch.nn import functional

way, patients, repeats = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
warnings.filterwarnings("ignore")
if way == "opacus":
    functional.relu_ = functional.relu
from remnant.base.seeds import Seeds
from remnant.defenses.dp_sgd import DpSgdSteps, Guarantee
from remnant.engine.device import as_batch, fabric, place
from remnant.targets.recipes import Batch
from remnant.targets.segmenter import SegmenterSettings, segmentation_loss

torch.set_num_threads(1)
torch.manual_seed(0)
model = SegmenterSettings(norm="group").build("unet", 4).train()
images, labels = torch.rand(patients, 1, 32, 32, 32), torch.randint(4, (patients, 32, 32, 32))
weights = list(model.parameters())

def loss(network, batch):
    return segmentation_loss(network(batch[0]), batch[1])

if way == "opacus":
    from opacus.grad_sample import GradSampleModule

    sampled = GradSampleModule(model, loss_reduction="sum")

    def step():
        sampled.zero_grad()
        logits = sampled(images)
        sum(segmentation_loss(logits[i : i + 1], labels[i : i + 1]) for i in range(patients)).backward()
        norms = torch.stack([w.grad_sample.flatten(1).norm(dim=1) for w in weights], 1).norm(dim=1)
        for w in weights:
            w.grad = torch.einsum("i,i...->...", (1 / norms).clamp(max=1), w.grad_sample) / patients
else:
    network = fabric().setup_module(place(model)) if way == "ours" else model
    steps = DpSgdSteps(Guarantee(1, 1e-5, 0.0, 1.0, 1, 1.0, "rdp", True), patients, Seeds(0))
    records = [Batch(as_batch(images[i : i + 1]), labels[i : i + 1]) for i in range(patients)]

    def step():
        steps.learn(network, records, loss)

def highest():
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

model(images[:1].float()).sum().backward()
before = highest()
step()
added = highest() - before
found = []
for _ in range(repeats):
    started = time.process_time()
    step()
    found.append(time.process_time() - started)
total = float(sum(w.grad.double().abs().sum() for w in weights))
print(json.dumps({"seconds": min(found), "megabytes": added, "sum": total}))
"""
WAYS = ("ours", "ours in float32", "opacus")


def measured(way: str, patients: int, repeats: int) -> dict[str, float]:
    """Seconds and megabytes of a step, and the sum of its gradients' sizes."""
    asked = [sys.executable, "-c", STEP, way, str(patients), str(repeats)]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rounds = [{way: measured(way, asked.patients, asked.repeats) for way in WAYS} for _ in range(2)]
    rows = {way: {key: min(one[way][key] for one in rounds) for key in rounds[0][way]} for way in WAYS}
    peer = rows["opacus"]
    for way, row in rows.items():
        times, share = peer["seconds"] / row["seconds"], row["megabytes"] / peer["megabytes"]
        print(
            f"{way:16s} {row['seconds']:.3f} s ({times:.2f} times as fast as Opacus), {row['megabytes']:.0f} MB ({share:.2f} of "
            f"Opacus'), gradients {row['sum']:.3f}"
        )
    if asked.out:
        told = {"command": shlex.join(sys.argv), "hardware": provenance.hardware(), "versions": provenance.versions()}
        write_json(asked.out, {**told, "rows": rows})


if __name__ == "__main__":
    main()
