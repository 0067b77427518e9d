"""Time what `remnant` says of wrong input, and its help, as whole processes.

    python benchmarks/wrong_input.py [--repeats 3] [--out wrong_input.json]

Each runs several times, of which the slowest counts. The peer is a bare `import torch`, which most of these must do without.
The machine should be idle; times are those of the clock on the wall.
"""

import argparse
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from remnant.base import provenance
from remnant.base.files import write_json

LIMIT_S, HELP_S = 2.0, 0.5
WRONG = 2  # the exit code


def timed(command: list[str], folder: Path, code: int, repeats: int) -> float:
    """The slowest of so many runs in seconds; each must end with `code`."""
    slowest = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        slowest = max(slowest, time.perf_counter() - start)
        if done.returncode != code:
            raise SystemExit(f"{shlex.join(command)} ended with {done.returncode}")
    return round(slowest, 2)


def wrong(folder: Path) -> dict[str, list[str]]:
    """Commands that get something wrong, by what it is."""
    misspelt, empty = folder / "misspelt", folder / "empty"
    for path in (misspelt, empty):
        path.mkdir()
    (misspelt / "audit.toml").write_text("[apetite]\nmembership_advantage = 0.05\n")
    (misspelt / "target.py").write_text("def build(): ...\ndef data(): ...\n")
    (folder / "scores.csv").write_text("patient,score\na,1\nb,2\n")
    plans = folder / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    plans.mkdir()
    (folder / "cut.pt").write_bytes(b"PK\x03\x04 and no more")
    return {
        "a folder that is not there": ["audit", "nowhere"],
        "a folder without target.py": ["audit", "empty"],
        "an unknown key of audit.toml": ["audit", "misspelt"],
        "scores without a column": ["audit", "scores.csv"],
        "nnU-Net's folder with nothing in it": ["audit", plans.name, "--data", "empty"],
        "a checkpoint that was cut off": ["inspect", "cut.pt"],
        "an option that is not there": ["audit", "empty", "--minute", "3"],
    }


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("wrong_input.json"))
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = [("--help", ["--help"], 0, HELP_S)]
        asked += [(what, command, WRONG, LIMIT_S) for what, command in wrong(folder).items()]
        for what, command, code, limit in asked:
            seconds = timed([sys.executable, "-m", "remnant", *command], folder, code, options.repeats)
            rows.append({"input": what, "seconds": seconds, "limit_s": limit})
            print(f"{what}: {seconds:.2f} s, limit {limit:g} s", flush=True)
        peer = timed([sys.executable, "-c", "import torch"], folder, 0, options.repeats)
    print(f"import torch: {peer:.2f} s")
    write_json(
        options.out,
        {
            "command": shlex.join(["python", "benchmarks/wrong_input.py", *sys.argv[1:]]),
            "repeats": options.repeats,
            "import_torch_s": peer,
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "tables": {"told": rows},
        },
    )


if __name__ == "__main__":
    main()
