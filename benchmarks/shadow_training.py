"""Shadow models of an audit against a plain PyTorch loop that trains the same networks one after the other, in one run.

    python benchmarks/shadow_training.py [--out shadow_training.json]

ResNet18 (torchvision's structure) at 64 pixels, each of a random half of 170 patients with one drawn image, by the training of
one `target.py`. The peer is a process that calls it in a loop, in float32, with as many threads as PyTorch takes by itself, and
asks each network of all patients and their shifts. Ours is a process that trains and asks them as `remnant audit` does, by
default one a core at a time, start of the processes and reading included. More of them than these would take as long each. The
machine should be idle; times are those of the clock on the wall, of so many pairs in turn.
"""

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from remnant.base import provenance
from remnant.base.files import write_json

PATIENTS, MODELS, EPOCHS, PAIRS = 170, 8, 36, 2
TARGET = f"""
import numpy as np
import torch

from remnant.nets.classifiers import build_classifier


def build():
    return build_classifier("resnet18", channels=1, classes=2)


def data():
    draw = np.random.default_rng(0)
    for patient in range({PATIENTS}):
        image = torch.from_numpy(draw.normal(size=(1, 64, 64)).astype(np.float32))
        yield {{"image": image, "label": patient % 2, "patient": f"p{{patient}}", "member": patient < {PATIENTS // 2}}}


def train(model, items, seed):
    torch.manual_seed(seed)
    images = torch.stack([item["image"] for item in items])
    labels = torch.tensor([item["label"] for item in items])
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()
    for _ in range({EPOCHS}):
        for batch in torch.randperm(len(images)).split(17):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimiser.step()
"""
PLAIN = f"""
import random, runpy, torch
own = runpy.run_path("target.py")
items = list(own["data"]())
images = torch.stack([item["image"] for item in items])
for seed in range({MODELS}):
    model = own["build"]()
    own["train"](model, random.Random(seed).sample(items, {PATIENTS // 2}), seed)
    model.eval()
    with torch.inference_mode():
        answers = [model(images.roll(shift, (2, 3))) for shift in [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]]
"""
OURS = """
from dataclasses import replace
from pathlib import Path
from remnant.audit.cells.shadows import shadow_cells, with_shadows
from remnant.audit.config import config_of
from remnant.audit.inputs.folder import Folder
from remnant.audit.inputs.folder_again import FolderAgain
from remnant.audit.materials.material import digests_of
from remnant.base.run import Run
from remnant.cli.options import CORES
from remnant.engine.cells import run_cells

if __name__ == "__main__":
    folder = Folder(Path("."), config_of(Path("audit.toml"), scenario="checkpoint"))
    material = folder.material()
    again = FolderAgain(folder.path, folder.config, digests_of(material))
    material = with_shadows(replace(material, elsewhere=again), folder.config)
    with Run.start(Path("run"), "audit", {}, resume=True) as run:
        run_cells(run, shadow_cells(material, [], 0), workers=CORES, quiet=True)
"""


def seconds(program: str, folder: Path) -> float:
    """On the wall, of one process."""
    (folder / "program.py").write_text(program, "utf-8")
    # The command's own setting of threads is for tests; whoever trains has PyTorch's default.
    free = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    start = time.perf_counter()
    subprocess.run([sys.executable, "program.py"], cwd=folder, check=True, env=free, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("shadow_training.json"))
    options = parser.parse_args()
    rows = []
    for pair in range(PAIRS):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "target.py").write_text(TARGET, "utf-8")
            (folder / "audit.toml").write_text(f"[target]\nbatch = 64\n[shadows]\ncount = {MODELS}\n", "utf-8")
            plain, ours = seconds(PLAIN, folder), seconds(OURS, folder)
        rows.append(
            {"pair": pair, "plain_s": round(plain, 1), "ours_s": round(ours, 1), "ratio": round(plain / ours, 2)}
        )
        print(f"plain {plain:.0f} s, ours {ours:.0f} s, {plain / ours:.2f} times as fast", flush=True)
    print(f"median {statistics.median(row['ratio'] for row in rows):.2f}")
    write_json(
        options.out,
        {
            "command": shlex.join(["python", "benchmarks/shadow_training.py", *sys.argv[1:]]),
            "patients": PATIENTS,
            "models": MODELS,
            "epochs": EPOCHS,
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "tables": {"pairs": rows},
        },
    )


if __name__ == "__main__":
    main()
