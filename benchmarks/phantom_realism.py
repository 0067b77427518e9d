"""Are phantoms as hard to tell apart as people? Same-patient against different-patient similarity, beside
real brains.

    python benchmarks/phantom_realism.py --data DIR [--patients 24] [--out docs/results/phantoms]

Both cohorts go through the same preparation (bias correction, normalisation, rigid alignment, 3 mm). Writes
`similarity.json` and `similarity.png`; neither shows an image. `ncc` is the Pearson correlation of grey
levels over the voxels where any scan of the cohort has signal; `ncc_fine` the same after subtracting a
Gaussian blur of sigma 6 mm, which leaves the folding. `separation` is d', the difference of the two means
over the pooled standard deviation.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import matplotlib
import numpy as np
from scipy import ndimage

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import remnant
from remnant.base.files import atomic_path, write_json
from remnant.cohort.images import Images
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.phantoms import BrainPhantoms, write_bids
from remnant.cohort.prepare.align import align
from remnant.cohort.prepare.template import build_template
from remnant.cohort.prepare.volumes import PreparationSettings, prepare

SPACING_MM, BLUR_MM = 3.0, 6.0


def prepared(directory: Path, cache: Path, workers: int) -> Images:
    """Every scan of the cohort in `directory` on one aligned grid."""
    heads = prepare(read_cohort(directory), PreparationSettings(spacing_mm=SPACING_MM), cache=cache, workers=workers)
    return align(heads, build_template(heads, workers=workers), workers=workers)


def similarities(scans: Images) -> dict[str, dict[str, list[float]]]:
    """`ncc` and `ncc_fine` of all pairs of scans, apart by whether they show one patient."""
    images = scans.images[:, 0].numpy()
    fine = np.stack([image - ndimage.gaussian_filter(image, BLUR_MM / SPACING_MM) for image in images])
    signal = (images > 0).any(0)
    result = {}
    for name, volumes in (("ncc", images), ("ncc_fine", fine)):
        matrix = np.corrcoef(volumes[:, signal])
        pairs = {"same": [], "different": []}
        for i, one in enumerate(scans.patients):
            for j, other in enumerate(scans.patients[:i]):
                pairs["same" if one == other else "different"].append(float(matrix[i, j]))
        result[name] = pairs
    return result


def summary(pairs: dict[str, list[float]]) -> dict[str, float | int]:
    """Counts, mean, spread and range of both kinds of pair, and how far apart they are."""
    row: dict[str, float | int] = {}
    for kind, values in pairs.items():
        row |= {
            f"{kind}_n": len(values),
            f"{kind}_mean": np.mean(values),
            f"{kind}_sd": np.std(values, ddof=1),
        }
        row |= {f"{kind}_low": min(values), f"{kind}_high": max(values)}
    pooled = np.sqrt((row["same_sd"] ** 2 + row["different_sd"] ** 2) / 2)
    row["separation"] = (row["same_mean"] - row["different_mean"]) / pooled
    return {name: value if isinstance(value, int) else round(float(value), 4) for name, value in row.items()}


def draw(found: dict[str, dict[str, dict[str, list[float]]]], path: Path) -> None:
    """Histograms: one row a cohort, one column a measure."""
    figure, axes = plt.subplots(len(found), 2, figsize=(9, 5), sharex="col", constrained_layout=True)
    for row, (cohort, measures) in zip(axes, found.items(), strict=True):
        for axis, (measure, pairs) in zip(row, measures.items(), strict=True):
            bins = np.linspace(0.3 if measure == "ncc" else -0.1, 1, 71)
            for kind, colour in (("different", "#8a94a6"), ("same", "#c2410c")):
                label = f"{kind} patient ({len(pairs[kind])} pairs)"
                axis.hist(pairs[kind], bins, density=True, color=colour, alpha=0.85, label=label)
            axis.set_title(f"{cohort}: {'whole image' if measure == 'ncc' else 'fine detail'}", fontsize=10)
            axis.set_yticks([])
            axis.legend(fontsize=7, frameon=False)
            axis.spines[["top", "right", "left"]].set_visible(False)
    for axis in axes[-1]:
        axis.set_xlabel("correlation of two aligned scans (NCC)")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="real brains, in a layout that Remnant reads")
    parser.add_argument("--out", type=Path, default=Path("docs/results/phantoms"))
    parser.add_argument("--patients", type=int, default=24)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="keep the prepared real scans here (patient data) for the next run")
    options = parser.parse_args()
    phantoms = BrainPhantoms(patients=options.patients, sessions=2, side=options.side, seed=options.seed)
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        # The preparation cannot have been tuned to phantoms, so what it does to both is comparable.
        write_bids(phantoms, Path(scratch) / "phantoms", options.workers)
        cache = options.cache or Path(scratch) / "real"
        found["real brains"] = similarities(prepared(options.data, cache, options.workers))
        own = Path(scratch) / "cache"
        found["phantoms"] = similarities(prepared(Path(scratch) / "phantoms", own, options.workers))
    write_json(
        options.out / "similarity.json",
        {
            "command": f"python benchmarks/phantom_realism.py --data DIR --patients {options.patients} "
            f"--side {options.side} --seed {options.seed}",
            "phantoms": phantoms.resolved(),
            "spacing_mm": SPACING_MM,
            "blur_mm": BLUR_MM,
            "versions": {
                "remnant": remnant.__version__,
                "python": sys.version.split()[0],
                "numpy": np.__version__,
            },
            "tables": {
                "similarity": [
                    {"cohort": cohort, "measure": measure, **summary(pairs)}
                    for cohort, measures in found.items()
                    for measure, pairs in measures.items()
                ]
            },
        },
    )
    draw(found, options.out / "similarity.png")


if __name__ == "__main__":
    main()
