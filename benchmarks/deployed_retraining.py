"""Train a served segmenter on with codes of a second cohort, as Kim 2019's Table 4, by the deployed commands alone.

    python benchmarks/deployed_retraining.py --net RUN --second COHORT... [--out docs/results/serving/retraining.json]

RUN is of `remnant protect train`. `remnant serve` offers its segmenter, `client contribute` sends the codes and label maps of
each COHORT, `server retrain` makes version 2 of what was not held out, and `server promote` asks the check on what was. The Dice
of both versions is of the held-out scans, one a patient, which neither was trained on: the mean over the classes, which the check
takes, and that of three tissues weighted by their sizes, which the study kim2019 and the paper take.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from remnant.base import provenance
from remnant.base.files import write_json
from remnant.cohort.case import CLASSES
from remnant.cohort.layouts.tissues import as_tissue3
from remnant.engine.stitch import stitched
from remnant.measure.overlap import dice, weighted_dice
from remnant.serve.server.store import Store
from remnant.serve.server.versions import Versions

REMNANT = [sys.executable, "-m", "remnant"]


def said(*command: str | Path, codes: tuple[int, ...] = (0,)) -> str:
    """What a command of ours prints; an exit code that is none of `codes` ends the benchmark."""
    began = time.monotonic()
    done = subprocess.run([*REMNANT, *map(str, command)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in codes:
        raise SystemExit(f"remnant {shlex.join(map(str, command))} ended with {done.returncode}")
    print(
        f"remnant {shlex.join(map(str, command))}: {time.monotonic() - began:.0f} s\n{done.stdout}", end="", flush=True
    )
    return done.stdout


def contributed(net: Path, cohorts: list[Path], folder: Path) -> None:
    """Serve the segmenter of `net` and contribute each cohort to it, but for scans that the client finds unfit."""
    command = [*REMNANT, "serve", str(net), "--port", "0", "--store", str(folder / "store")]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        asked = ("--encoder", net, "--server", address, "--model", net.name, "--queue", folder / "queue", "--yes")
        for cohort in cohorts:
            said("client", "contribute", cohort, *asked, codes=(0, 2))
    finally:
        server.terminate()
        server.wait()


def of_tissues(store: Path) -> dict[str, list[float]]:
    """The overall Dice of three tissues in both versions, of each held-out scan."""
    found: dict[str, list[float]] = {"old": [], "new": []}
    with closing(Store.existing(store)) as opened:
        versions = Versions.existing(opened, None)
        for one in opened.contributions(versions.model):
            if one.held_out:
                code, labels = opened.read(one)
                truth = as_tissue3(labels[None])
                for name, number in (("old", 1), ("new", 2)):
                    version = versions[number]
                    logits = stitched(version.network, torch.from_numpy(code.astype(np.float32)), version.patch)
                    maps = as_tissue3(logits.argmax(0).numpy()[None])
                    dices = weighted_dice(dice(maps, truth, len(CLASSES["tissue3"])), truth)
                    found[name].append(float(dices[0]))
    return found


def main() -> None:
    """Run the commands, print what they say, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", type=Path, required=True, metavar="RUN")
    parser.add_argument("--second", type=Path, required=True, metavar="COHORT", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/results/serving/retraining.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contributed(options.net, options.second, folder)
        store = folder / "store"
        said("server", "retrain", store, "--seed", str(options.seed))
        said("server", "promote", store, "--version", "2", codes=(0, 2))
        listing = json.loads(said("server", "versions", store, "--json"))
        tissues = of_tissues(store)
    new = next(one for one in listing if one["number"] == 2)
    write_json(
        options.out,
        {
            "command": shlex.join(["python", "benchmarks/deployed_retraining.py", *sys.argv[1:]]),
            "seed": options.seed,
            "contributions": new["contributions"],
            "number": new["number"],
            "promoted": next(one["number"] for one in listing if one["promoted"]),
            "check": new["check"],
            "overall_of_three_tissues": {name: float(np.mean(values)) for name, values in tissues.items()},
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
        },
    )


if __name__ == "__main__":
    main()
