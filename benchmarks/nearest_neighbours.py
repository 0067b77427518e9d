"""Time the streamed nearest-neighbour search against scikit-learn's brute force, in one run, and weigh its memory.

    python benchmarks/nearest_neighbours.py [--threads 2] [--out nearest_neighbours.json]

Both search the same gallery of random features for the same queries, exhaustively and by cosine similarity; the neighbours
are compared. scikit-learn is timed with its cosine metric and with the Euclidean one on features of length 1, which ranks
alike and has its fastest code; the gallery lies in memory for all. Peak memory is that of a fresh process, beyond what it
holds before the search, whose gallery is read from a file in batches; scikit-learn's holds the gallery. For Linux.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from remnant.measure.neighbours import nearest

MEMORY = """
import re, sys
from pathlib import Path
import numpy as np, torch
from remnant.measure.neighbours import nearest
from sklearn.neighbors import NearestNeighbors
path, m, features, q, k, threads, peer = sys.argv[1], *map(int, sys.argv[2:7]), sys.argv[7]
torch.set_num_threads(threads)
row = 4 * features
def highest():  # of this program alone: what getrusage says starts at the size of the process that started it
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
queries = np.random.default_rng(1).standard_normal((q, features), dtype=np.float32)
def batches(size=4096):
    with open(path, "rb") as file:
        for start in range(0, m, size):
            part = file.read(min(size, m - start) * row)
            yield np.frombuffer(part, np.float32).reshape(-1, features)
warm = queries[:64]
nearest(warm, warm, 1)
NearestNeighbors(n_neighbors=1, algorithm="brute", metric="cosine").fit(warm).kneighbors(warm)
before = highest()
if peer == "ours":
    nearest(queries, batches(), k)
else:
    gallery = np.concatenate(list(batches()))
    NearestNeighbors(n_neighbors=k, algorithm="brute", metric="cosine").fit(gallery).kneighbors(queries)
print(highest() - before)
"""


def measured(work, repeats: int) -> tuple[dict[str, float], np.ndarray]:
    """Seconds of the fastest of a few runs, on the wall and of the processor, and what came out."""
    walls, processors = [], []
    for _ in range(repeats):
        wall, spent = time.perf_counter(), time.process_time()
        found = work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - spent)
    return {"wall": min(walls), "processor": min(processors)}, found


def scikit_learn(gallery: np.ndarray, queries: np.ndarray, k: int, metric: str) -> np.ndarray:
    """Indices (q, k) by exhaustive search."""
    return (
        NearestNeighbors(n_neighbors=k, algorithm="brute", metric=metric)
        .fit(gallery)
        .kneighbors(queries, return_distance=False)
    )


def peak(path: Path, settings: argparse.Namespace, m: int, who: str) -> float:
    """MiB that a search in the first `m` of the file adds at its peak to a fresh process."""
    numbers = [m, settings.features, settings.queries, settings.neighbours, settings.threads]
    arguments = [sys.executable, "-c", MEMORY, str(path), *map(str, numbers), who]
    return int(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout) / 1024


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gallery", type=int, default=100_000)
    parser.add_argument("--few", type=int, default=10_000, help="of the smaller gallery whose memory is compared")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--neighbours", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("nearest_neighbours.json"))
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    gallery = np.random.default_rng(0).standard_normal((settings.gallery, settings.features), dtype=np.float32)
    queries = np.random.default_rng(1).standard_normal((settings.queries, settings.features), dtype=np.float32)
    # Few near pairs, as with real features; random ones alone lie at right angles, all alike.
    queries += 0.5 * gallery[: len(queries)]
    k = settings.neighbours

    def on_the_sphere() -> np.ndarray:
        lengths = [np.linalg.norm(part, axis=1, keepdims=True) for part in (gallery, queries)]
        return scikit_learn(gallery / lengths[0], queries / lengths[1], k, "euclidean")

    with threadpool_limits(settings.threads):
        own, ours = measured(lambda: nearest(queries, gallery, k).indices, settings.repeats)
        print(f"{len(queries)} queries in {len(gallery)} entries of {settings.features} features: {own['wall']:.2f} s")
        peers = {}
        for name, work in {
            "scikit-learn, cosine": lambda: scikit_learn(gallery, queries, k, "cosine"),
            "scikit-learn, Euclidean on length 1": on_the_sphere,
        }.items():
            seconds, theirs = measured(work, settings.repeats)
            ratios = {clock: seconds[clock] / own[clock] for clock in own}
            same = float((np.sort(ours) == np.sort(theirs)).mean())
            peers[name] = {"seconds": seconds, "ratio": ratios, "same_neighbours": same}
            print(
                f"  {name}: {ratios['wall']:.2f} times as long ({ratios['processor']:.2f} in processor time); "
                f"{same:.2%} of the neighbours the same"
            )
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "features.bin"
        gallery.tofile(path)
        memory = {
            f"{who}, {m} entries": peak(path, settings, m, who)
            for who in ("ours", "scikit-learn")
            for m in (settings.few, settings.gallery)
        }
    for name, size in memory.items():
        print(f"Peak memory of the search, {name}: {size:.0f} MiB")
    shape = {name: getattr(settings, name) for name in ("gallery", "queries", "features", "neighbours", "threads")}
    names = ("torch", "numpy", "scikit-learn")
    table = {"settings": shape, "seconds": own, "peers": peers, "peak_mib": memory}
    table |= {"machine": platform.machine(), "versions": {one: version(one) for one in names}}
    settings.out.write_text(json.dumps(table, indent=2) + "\n")
    print(f"Wrote {settings.out}")


if __name__ == "__main__":
    main()
