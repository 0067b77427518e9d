"""Time `remnant inspect` on a ViT-B/16 of 86 million parameters against Python that merely loads the file, in one run.

    python benchmarks/inspect_checkpoint.py [--repeats 5] [--out inspect_checkpoint.json]

Both are whole processes, from the shell's view, in turns: the peer is `python -c "import torch; torch.load(...)"`, and
importing torch is most of either. The fastest of several runs counts. Times are those of the clock on the wall, so that the
machine should be idle; processor seconds stand beside them. Peak memory is the largest resident set, mapped pages included.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from remnant.base import provenance
from remnant.base.files import write_json
from remnant.targets.known.vit import vit_layout

LIMIT_S = 3.0


def written(folder: Path) -> Path:
    """A state_dict of `vit_b_16` for 1,000 classes, as torch.save writes it."""
    layout = vit_layout((768, 3, 16, 16), 12, 3072, 197, 1000)
    path = folder / "vit_b_16.pt"
    torch.save({"state_dict": {name: torch.randn(shape) for name, shape in layout.items()}, "epoch": 9}, path)
    return path


def run(command: list[str]) -> dict[str, float]:
    """Seconds on the wall and of the processor, and the peak resident set in MiB, of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"{shlex.join(command)} failed")
    return {"wall": wall, "processor": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024}


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("inspect_checkpoint.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder))
        commands = {
            "remnant inspect": [sys.executable, "-m", "remnant", "inspect", str(path)],
            "torch.load": [sys.executable, "-c", f"import torch; torch.load({str(path)!r})"],
        }
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
        for _ in range(options.repeats):
            for name, command in commands.items():
                runs[name].append(run(command))
    rows: list[dict[str, Any]] = [
        {"command": name, **{key: round(min(one[key] for one in times), 3) for key in times[0]}}
        for name, times in runs.items()
    ]
    ours, peer = rows
    ratio = {key: round(ours[key] / peer[key], 3) for key in ("wall", "processor", "peak_mib")}
    for row in rows:
        print(
            f"{row['command']}: {row['wall']:.2f} s, {row['processor']:.2f} s of the processor, {row['peak_mib']:.0f} MiB"
        )
    print(f"remnant inspect takes {ratio['wall']:.2f} times as long ({ratio['processor']:.2f} in processor time)")
    print(f"within {LIMIT_S:g} seconds: {'yes' if ours['wall'] <= LIMIT_S else 'no'}")
    write_json(
        options.out,
        {
            "command": shlex.join(["python", "benchmarks/inspect_checkpoint.py", *sys.argv[1:]]),
            "parameters": 86_567_656,
            "repeats": options.repeats,
            "limit_s": LIMIT_S,
            "ratio": ratio,
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "tables": {"inspect_checkpoint": rows},
        },
    )


if __name__ == "__main__":
    main()
