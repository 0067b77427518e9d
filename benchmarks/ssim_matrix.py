"""Time a pair of `ssim_matrix` against scikit-image called pair by pair, in one run on one core.

    python benchmarks/ssim_matrix.py [--out ssim_matrix.json]

Both compute the same number (Gaussian window 11, sigma 1.5, population covariance); the largest difference is
printed.
"""

import argparse
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from remnant.measure.ssim import ssim_matrix

CASES = [((64, 80, 64), 8, 24), ((96, 112, 96), 4, 8), ((224, 224), 16, 64)]


def processor() -> str:
    """The processor's name, where the system tells it."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def images(n: int, shape: tuple[int, ...]) -> np.ndarray:
    """Smooth noise in [0, 1], float32 (n, *shape)."""
    random = np.random.default_rng(0)
    stack = np.stack([gaussian_filter(random.random(shape, dtype=np.float32), 2) for _ in range(n)])
    return (stack - stack.min()) / np.ptp(stack)


def peer(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """scikit-image's SSIM of every pair."""
    same = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    return np.array([[structural_similarity(a, b, **same) for b in right] for a in left])


def seconds(work, repeats: int = 3) -> float:
    """Processor seconds of the fastest of a few runs: on a shared machine the clock on the wall lies."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def compare(shape: tuple[int, ...], n: int, m: int) -> dict:
    """One line of the table: milliseconds a pair of both, and their ratio."""
    stack = images(n + m, shape)
    left, right = stack[:n], stack[n:]
    few = (left[:2], right[:3])  # the peer's time a pair does not depend on how many there are
    ours = 1e3 * seconds(lambda: ssim_matrix(left, right)) / (n * m)
    theirs = 1e3 * seconds(lambda: peer(*few)) / 6
    difference = float(np.abs(ssim_matrix(*few) - peer(*few)).max())
    return {
        "shape": shape,
        "pairs": [n, m],
        "remnant_ms": ours,
        "scikit_image_ms": theirs,
        "ratio": theirs / ours,
        "largest_difference": difference,
    }


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("ssim_matrix.json"))
    out = parser.parse_args().out
    torch.set_num_threads(1)
    ssim_matrix(*2 * [images(2, (16, 16, 16))])  # the first product wakes the library
    rows = [compare(*case) for case in CASES]
    for row in rows:
        ours, theirs, ratio = row["remnant_ms"], row["scikit_image_ms"], row["ratio"]
        shape = " x ".join(map(str, row["shape"]))
        print(f"{shape:>14}: {ours:.2f} ms a pair, scikit-image {theirs:.2f} ms, {ratio:.1f} times", end="")
        print(f"; largest difference {row['largest_difference']:.1e}")
    libraries = {name: version(name) for name in ("torch", "numpy", "scipy", "scikit-image")}
    hardware = {"cpu": processor(), "threads": 1, "machine": platform.machine()}
    out.write_text(json.dumps({"rows": rows, "hardware": hardware, "versions": libraries}, indent=2) + "\n")
    print(f"Wrote {out}")


if __name__ == "__main__":
    main()
