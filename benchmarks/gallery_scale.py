"""What a search of a gallery takes as the gallery grows, and what it would take beyond: seconds, memory and rank 1.

    python benchmarks/gallery_scale.py [--sizes 300 1000 3000 10000] [--run runs/gallery-scale] [--resume]

Each of n phantoms of 32^3 voxels has an image in the gallery, and one of another visit, reduced to a quarter on each axis as a
reconstruction from latents might be, which searches for its own by the search of every audit
(`remnant.audit.findings.identified.ranking_of`). A search is a cell of a run, so that a second start with `--resume` goes on
and takes further `--sizes`; phantoms are made by cells of 500 and shared. `cpu` are seconds of the processor, which other work
on the machine does not stretch, `clock` those on the wall; `peak_mib` what the search adds to a process that holds the images.
Written is `gallery_scale.json`: a row a search, the line of log seconds on log pairs by least squares with its 95% intervals,
and what it predicts of further sizes.
"""

import argparse
import math
import re
import resource
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch.nn import functional

from remnant.attacks.attack import Reconstructions
from remnant.audit.findings.identified import ranking_of
from remnant.base import provenance
from remnant.base.files import atomic_path, write_json
from remnant.base.run import Run
from remnant.cohort.images import Images
from remnant.cohort.phantoms import BrainPhantoms
from remnant.engine.cells import Cell, run_cells

SIDE = 32
TOGETHER = 500  # phantoms of a cell: about 20 s of a core
# Searches of each size: small ones differ by what else the machine does.
REPEATS = {300: 5, 1000: 3}
COLUMNS = ("size", "repeat", "pairs", "clock", "cpu", "peak_mib", "images_mib", "rank1")
FURTHER = (3_000, 10_000, 30_000, 100_000)


def phantom_cell(run: Run, number: int, seed: int) -> dict[str, Any]:
    """Two visits of `TOGETHER` people, float32 (2, people, side, side, side) in [0, 1]."""
    people = range(number * TOGETHER, (number + 1) * TOGETHER)
    phantoms = BrainPhantoms(patients=people.stop, sessions=2, side=SIDE, seed=seed)
    scans = np.stack([[phantoms.scan(one, visit).image for one in people] for visit in (0, 1)]).astype(np.float32)
    scans /= scans.max(axis=(2, 3, 4), keepdims=True)
    with atomic_path(_file(run, number)) as temporary, temporary.open("wb") as file:
        np.save(file, scans)
    return {}


def search_cell(run: Run, size: int, repeat: int) -> dict[str, Any]:
    """One search of a gallery of so many people."""
    visits = np.empty((2, size, SIDE, SIDE, SIDE), np.float32)
    for number in range(_parts(size)):
        part = np.load(_file(run, number), mmap_mode="r")
        place = slice(number * TOGETHER, min(size, (number + 1) * TOGETHER))
        visits[:, place] = part[:, : place.stop - place.start]
    first, other = (torch.from_numpy(visit)[:, None] for visit in visits)
    for some in other.split(100):
        some.copy_(functional.interpolate(functional.avg_pool3d(some, 4), scale_factor=4))
    names = tuple(map(str, range(size)))
    claim = Reconstructions("another visit, coarse", names, other, first.mean(0))
    _peak_mib()
    before, began, spent = _peak_mib(), time.perf_counter(), time.process_time()
    found = ranking_of(claim, Images(first, None, names), quiet=False)
    return {
        "size": size,
        "repeat": repeat,
        "pairs": size**2,
        "clock": time.perf_counter() - began,
        "cpu": time.process_time() - spent,
        "peak_mib": _peak_mib() - before,
        "images_mib": visits.nbytes / 2**20,
        "rank1": found.count,
    }


def line_of(pairs: Sequence[float], seconds: Sequence[float], sizes: Sequence[int] = FURTHER) -> dict[str, Any]:
    """log seconds = `intercept` + `slope` log pairs by least squares, with the 95% interval of the slope, and of further `sizes`
    the seconds with the interval in which one more search falls; no intervals by fewer than three searches of two sizes.
    """
    x, y = np.log(pairs), np.log(seconds)
    if len({*x}) < 2:
        return {"searches": len(x)}
    fit, free = stats.linregress(x, y), len(x) - 2
    quantile = float(stats.t.ppf(0.975, free)) if free else math.nan
    spread = math.sqrt(((y - fit.intercept - fit.slope * x) ** 2).sum() / free) if free else math.nan
    rows = []
    for size in sizes:
        at = math.log(size**2)
        middle = fit.intercept + fit.slope * at
        half = quantile * spread * math.sqrt(1 + 1 / len(x) + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
        ends = {"seconds": math.exp(middle), "low": math.exp(middle - half), "high": math.exp(middle + half)}
        rows.append({"size": size, **ends, "measured": size**2 <= max(pairs)})
    half = quantile * fit.stderr
    slope = {"slope": fit.slope, "low": fit.slope - half, "high": fit.slope + half}
    return {"searches": len(x), **slope, "intercept": fit.intercept, "predicted": rows}


def _file(run: Run, number: int) -> Path:
    return run.private / f"phantoms-{number}.npy"


def _parts(size: int) -> int:
    return math.ceil(size / TOGETHER)


def _peak_mib() -> float:
    """The most memory that this process had since the last call, in MiB; since it began, where Linux does not forget it."""
    try:
        found = int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
        Path("/proc/self/clear_refs").write_text("5")
        return found
    except (OSError, TypeError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Make phantoms, search, fit, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[300, 1000, 3000, 10_000])
    parser.add_argument("--run", type=Path, default=Path("runs/gallery-scale"))
    parser.add_argument("--out", type=Path, default=Path("docs/results/speed"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    with Run.start(options.run, "gallery-scale", {"seed": options.seed}, resume=options.resume) as run:
        phantoms = [
            Cell(f"phantoms-{number}", phantom_cell, {"number": number, "seed": options.seed})
            for number in range(_parts(max(options.sizes)))
        ]
        searches = [
            Cell(
                f"search-{size}-{repeat}",
                search_cell,
                {"size": size, "repeat": repeat},
                tuple(cell.name for cell in phantoms[: _parts(size)]),
            )
            for size in sorted(options.sizes)
            for repeat in range(REPEATS.get(size, 1))
        ]
        # One at a time: two would take each other's cache.
        done = run_cells(run, [*phantoms, *searches], workers=1, quiet=False)
    rows = [{name: done[cell.name][name] for name in COLUMNS} for cell in searches]
    line = line_of([row["pairs"] for row in rows], [row["cpu"] for row in rows])
    for row in rows:
        print(
            f"{row['size']:,}: {row['cpu']:.1f} s of a core, {row['peak_mib']:.0f} MiB beside {row['images_mib']:.0f} MiB of "
            f"images, {row['rank1']:,} at rank 1"
        )
    for row in line.get("predicted", []):
        print(f"{row['size']:,} by the line: {row['seconds']:.0f} s [{row['low']:.0f}, {row['high']:.0f}]")
    write_json(
        options.out / "gallery_scale.json",
        {
            "command": shlex.join(["python", "benchmarks/gallery_scale.py", *sys.argv[1:]]),
            "side": SIDE,
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "rows": rows,
            "line": line,
        },
    )


if __name__ == "__main__":
    main()
