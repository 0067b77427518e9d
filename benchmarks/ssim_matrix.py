"""Time `ssim_matrix` and `ms_ssim_matrix` against their peers called pair by pair, in one run, and weigh their memory.

    python benchmarks/ssim_matrix.py [--threads 2] [--out docs/results/speed/ssim_matrix.json]

All compute the same number (Gaussian window 11, sigma 1.5, population covariance); the largest difference is printed. Ours
is timed over all its pairs. A peer takes as long for each pair as for any other, so that its time is that of a few
pairs, the fastest of several runs, multiplied: the table says of how many. Peers have the same threads: torch's
as they are, scikit-image, which has none, both alone (as it is called) and in a pool of threads over its pairs. Times
are those of the clock on the wall, so that the machine should be idle; processor seconds stand beside them.
"""

import argparse
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from monai.metrics import SSIMMetric
from pytorch_msssim import ms_ssim
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from remnant.base import provenance
from remnant.base.files import write_json
from remnant.measure.ms_ssim import ms_ssim_matrix
from remnant.measure.ssim import ssim_matrix

FEW = 4  # pairs that a peer is timed on
PEERS = ("scikit-image", "monai", "pytorch-msssim")

MEMORY = """
import re, sys
from pathlib import Path
import numpy as np, torch
from remnant.measure.ssim import ssim_matrix
torch.set_num_threads(int(sys.argv[3]))
n = int(sys.argv[1])
side = int(sys.argv[2])
stack = np.random.default_rng(0).random((24, side, side, side), dtype=np.float32)
ssim_matrix(stack[:1, :20, :20, :20], stack[:1, :20, :20, :20])
def highest():  # of this program alone: what getrusage says starts at the size of the process that started it
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
before = highest()
ssim_matrix(stack[:n], stack)
print(highest() - before)
"""


def images(n: int, side: int) -> np.ndarray:
    """Smooth noise in [0, 1], float32 (n, side, side, side)."""
    random = np.random.default_rng(0)
    stack = np.stack([gaussian_filter(random.random((side,) * 3, dtype=np.float32), 2) for _ in range(n)])
    return (stack - stack.min()) / np.ptp(stack)


def scikit_image(a: np.ndarray, b: np.ndarray) -> float:
    """SSIM of a pair in single precision, its faster setting."""
    return structural_similarity(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1)


def monai(a: np.ndarray, b: np.ndarray) -> float:
    """SSIM of a pair; no gradients."""
    metric = SSIMMetric(spatial_dims=3, data_range=1.0, win_size=11, kernel_sigma=1.5)
    with torch.inference_mode():
        return float(metric(torch.from_numpy(a)[None, None], torch.from_numpy(b)[None, None]))


def pytorch_msssim(a: np.ndarray, b: np.ndarray) -> float:
    """MS-SSIM of a pair; no gradients."""
    with torch.inference_mode():
        return float(ms_ssim(torch.from_numpy(a)[None, None], torch.from_numpy(b)[None, None], data_range=1))


def measured(work, repeats: int) -> dict[str, float]:
    """Seconds of the fastest of a few runs, on the wall and of the processor."""
    walls, processors = [], []
    for _ in range(repeats):
        wall, spent = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - spent)
    return {"wall": min(walls), "processor": min(processors)}


def compare(name: str, ours, peers: dict, n: int, side: int, threads: int) -> dict:
    """One part of the table: seconds of n by n pairs, and how many times as long each peer takes."""
    stack = images(2 * n, side)
    left, right = stack[:n], stack[n:]
    ours(left[:1], right[:1])  # the first product wakes the library
    own = measured(lambda: ours(left, right), 3)
    row = {"measure": name, "side": side, "pairs": n * n, "seconds": own, "peers": {}}
    print(f"{name}, {n} by {n} volumes of {side}^3: {own['wall']:.2f} s, {1e3 * own['wall'] / n**2:.2f} ms a pair")
    pairs = [(left[i % n], right[i % n]) for i in range(min(FEW, n * n))]
    with ThreadPoolExecutor(threads) as pool:
        for peer, (work, pooled) in peers.items():
            call = pool.map if pooled else map
            times_of_few = measured(lambda call=call, work=work: list(call(work, *zip(*pairs, strict=True))), 2)
            times = {clock: seconds * n * n / len(pairs) for clock, seconds in times_of_few.items()}
            ratios = {clock: seconds / own[clock] for clock, seconds in times.items()}
            found = max(abs(work(*pair) - ours(pair[0][None], pair[1][None])[0, 0]) for pair in pairs[:2])
            row["peers"][peer] = {"seconds": times, "timed_pairs": len(pairs), "ratio": ratios, "difference": found}
            print(
                f"  {peer}: {ratios['wall']:.1f} times as long ({ratios['processor']:.1f} in processor time), "
                f"from {len(pairs)} pairs; largest difference {found:.1e}"
            )
    return row


def peak(n: int, side: int, threads: int) -> float:
    """MiB that the matrix of n by 24 volumes adds at its peak to a fresh process that holds 24 volumes."""
    arguments = [sys.executable, "-c", MEMORY, str(n), str(side), str(threads)]
    return int(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout) / 1024


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--volumes", type=int, default=24)
    parser.add_argument("--side", type=int, default=96, help="of the volumes of SSIM, in voxels")
    parser.add_argument("--ms-side", type=int, default=192, help="of those of MS-SSIM; at least 176 for five scales")
    parser.add_argument("--out", type=Path, default=Path("docs/results/speed/ssim_matrix.json"))
    settings = parser.parse_args()
    threads, n = settings.threads, settings.volumes
    torch.set_num_threads(threads)
    peers = {
        "scikit-image": (scikit_image, False),
        f"scikit-image in {threads} threads": (scikit_image, True),
        "MONAI": (monai, False),
    }
    rows = [compare("SSIM", ssim_matrix, peers, n, settings.side, threads)]
    peers = {"pytorch-msssim": (pytorch_msssim, False)}
    rows.append(compare("MS-SSIM", ms_ssim_matrix, peers, min(n, 4), settings.ms_side, threads))
    memory = {f"{few} by 24": peak(few, settings.side, threads) for few in (4, 24)}
    for name, size in memory.items():
        print(f"Peak memory of {name} volumes of {settings.side}^3 beyond the input: {size:.0f} MiB")
    write_json(
        settings.out,
        {
            "command": shlex.join(["python", "benchmarks/ssim_matrix.py", *sys.argv[1:]]),
            "threads": threads,
            "hardware": provenance.hardware(),
            "versions": provenance.versions() | {peer: version(peer) for peer in PEERS},
            "rows": rows,
            "peak_mib": memory,
        },
    )
    print(f"Wrote {settings.out}")


if __name__ == "__main__":
    main()
