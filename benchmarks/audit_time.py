"""Time whole audits of a 2D classifier and a 3D segmenter, in one run.

    python benchmarks/audit_time.py [--out audit_time.json]

The networks are those of `benchmarks/audited`, trained beforehand: a ConvNeXt on radiographs of 170 patients, a UNet on 24
brains at 3 mm. An audit is one process, with `--minutes 30`. What it takes for the network's own output alone, tier 0, with
the blind baseline and the fit of the members, is all of that process but the pieces that are not these. The peer is a process
of the owner's own code: `target.py` builds the network, reads the images and predicts each once, in PyTorch. The machine should
be idle; times are those of the clock on the wall, of one run each.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from remnant.base import provenance
from remnant.base.files import read_json, write_json

AUDITED = Path(__file__).resolve().parent / "audited"
LIMITS = {"timm_convnext": 120.0, "monai_unet": 300.0}  # seconds of tier 0 and the blind baseline
MINUTES = 30
TIER_0 = ("attack-output", "blind", "fit")
PREDICT = """
import sys, runpy, torch
own = runpy.run_path(sys.argv[1])
network = own["build"]()
network.load_state_dict(torch.load(sys.argv[2]))
network.eval()
with torch.no_grad():
    for item in own["data"]():
        network(item["image"][None])
"""


def timed(command: list[str], folder: Path, codes: tuple[int, ...]) -> dict[str, float]:
    """Seconds on the wall and the peak resident set in MiB of one process, which ends with one of `codes`."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) not in codes:
        raise SystemExit(f"{shlex.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return {"seconds": round(wall, 2), "peak_mib": round(usage.ru_maxrss / 1024)}


def audit(name: str, folder: Path) -> dict[str, object]:
    """A row of one network: the whole audit, its tier 0, and the owner's own prediction."""
    own, run = AUDITED / name, folder / name
    command = [
        sys.executable,
        "-m",
        "remnant",
        "audit",
        str(own),
        "--minutes",
        str(MINUTES),
        "--out",
        str(run),
        "--quiet",
    ]
    whole = timed(command, folder, (0, 1, 3))
    pieces = {path.stem: read_json(path).get("seconds", 0.0) for path in (run / "cells").glob("*.json")}
    predict = [sys.executable, "-c", PREDICT, str(own / "target.py"), str(own / "model.pt")]
    peer = timed(predict, folder, (0,))
    tier_0 = whole["seconds"] - sum(seconds for piece, seconds in pieces.items() if piece not in TIER_0)
    results = read_json(run / "results.json")
    return {
        "network": name,
        "members": results["cohort"]["members"],
        "non_members": results["cohort"]["non_members"],
        "tier_0_s": round(tier_0, 1),
        "limit_s": LIMITS[name],
        "audit_s": round(whole["seconds"], 1),
        "limit_audit_s": 60.0 * MINUTES,
        "left_out": [one for one in results["not_tested"] if "--minutes" in one],
        "predict_s": round(peer["seconds"], 1),
        "ratio": round(tier_0 / peer["seconds"], 2),
        "pieces": {piece: seconds for piece, seconds in sorted(pieces.items())},
    }


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("audit_time.json"))
    options = parser.parse_args()
    audits = []
    with tempfile.TemporaryDirectory() as name:
        for network in LIMITS:
            audits.append(row := audit(network, Path(name)))
            print(
                f"{network}: tier 0 {row['tier_0_s']:.0f} s, limit {row['limit_s']:.0f} s; whole audit {row['audit_s']:.0f} s; "
                f"tier 0 takes {row['ratio']:.1f} times as long as the owner's own prediction",
                flush=True,
            )
    write_json(
        options.out,
        {
            "command": shlex.join(["python", "benchmarks/audit_time.py", *sys.argv[1:]]),
            "minutes": MINUTES,
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "tables": {"audits": audits},
        },
    )


if __name__ == "__main__":
    main()
