"""Write the numbers of scale.md, each from the file of a benchmark: nobody types one.

python docs/make_scale.py
"""

import json
import math
from pathlib import Path
from typing import Any

from remnant.base.files import write_text
from remnant.measure.intervals import clopper_pearson

HERE = Path(__file__).parent
PAGE = HERE / "scale.md"
BEGIN, END = "<!-- Made by make_scale.py -->\n", "<!-- Made until here -->"
PATIENTS = 10_000_000
SAMPLE = 10_000
BY_VOXELS = f"{SAMPLE:,} sought among {SAMPLE:,} by voxels, as an audit seeks reconstructions"
FLOAT = 4  # bytes
MEMORY_GB = 128
DAY, YEAR = 86_400, 365.25 * 86_400
Row = tuple[str, str, str]


def speed(name: str) -> dict[str, Any]:
    """What a benchmark wrote; of one that was not run yet, as if it had a single search."""
    path = _file(name)
    return json.loads(path.read_text("utf-8")) if path.exists() else {"line": {"searches": 0}}


def _file(name: str) -> Path:
    return HERE / "results" / "speed" / f"{name}.json"


def rows() -> list[Row]:
    """What it is of, the number with how it comes about, and where that is from."""
    return [*_images(), *_answers(), *_searches(), *_sending(), *_sample()]


def _images() -> list[Row]:
    preparation = speed("preparation")
    sides = preparation["settings"]["shape"]
    bytes_a_scan = math.prod(sides) * FLOAT
    (own,) = (row for row in preparation["tables"]["preparation"] if row["way"] == "remnant" and row["threads"] == 2)
    core_seconds = own["threads"] * own["median_seconds"]
    grid = " x ".join(map(str, sides))
    return [
        (
            "prepared scans on disk, one a patient",
            f"{PATIENTS * bytes_a_scan / 1e12:.0f} TB: {bytes_a_scan / 1e6:.2f} MB of float32 a scan of {grid} voxels at "
            f"{preparation['settings']['spacing_mm']:g} mm",
            "preparation",
        ),
        (
            f"prepared scans that {MEMORY_GB} GB of memory hold, and so the largest audit there",
            f"fewer than {MEMORY_GB * 1e9 / bytes_a_scan:,.0f}",
            "preparation",
        ),
        (
            "preparing them",
            f"{PATIENTS * core_seconds / YEAR:.1f} years of a core: {own['median_seconds']:.1f} s a scan on "
            f"{own['threads']} cores",
            "preparation",
        ),
    ]


def _answers() -> list[Row]:
    window = speed("sliding_window")["tables"]["sliding_window"][0]
    threads = speed("sliding_window")["hardware"]["threads"]
    seconds = window["median_seconds"]["remnant"]
    sides = " x ".join(map(str, window["sides"]))
    audits = {row["network"]: row for row in speed("audit_time")["tables"]["audits"]}
    asked = audits["monai_unet"]
    each = asked["pieces"]["attack-output"] / (asked["members"] + asked["non_members"])
    return [
        (
            "a network's answer to each scan, in windows",
            f"{PATIENTS * threads * seconds / YEAR:.1f} years of a core: {seconds:.1f} s a volume of {sides} "
            f"voxels on {threads} cores",
            "sliding_window",
        ),
        (
            "membership of each patient by the network's answers",
            f"{PATIENTS * each / DAY:.0f} days of one process: {each:.2f} s a patient by the attack `output` on a small 3D U-Net",
            "audit_time",
        ),
    ]


def _searches() -> list[Row]:
    near = speed("nearest_neighbours")
    gallery, queries, features = (near["settings"][name] for name in ("gallery", "queries", "features"))
    processor = near["seconds"]["processor"]
    days = processor * PATIENTS**2 / (gallery * queries) / DAY
    by_features = (
        "everybody sought among everybody by features",
        f"{days:.0f} days of a core, and {PATIENTS * features * FLOAT / 1e9:.0f} GB of {features} features each: "
        f"{processor:.1f} s for {queries:,} among {gallery:,}",
        "nearest_neighbours",
    )
    line = speed("gallery_scale")["line"]
    if "predicted" not in line:
        return [by_features, (BY_VOXELS, "not measured yet", "benchmarks/gallery_scale.py")]
    at = {row["size"]: row for row in line["predicted"]}[SAMPLE]
    years = at["seconds"] * PATIENTS**2 / SAMPLE**2 / YEAR
    return [
        by_features,
        (
            BY_VOXELS,
            f"{at['seconds'] / 60:.1f} minutes of a core [{at['low'] / 60:.1f}, {at['high'] / 60:.1f}] at 32^3 voxels, by the "
            f"line through {line['searches']} searches, whose slope on pairs is {line['slope']:.2f} "
            f"[{line['low']:.2f}, {line['high']:.2f}]",
            "gallery_scale",
        ),
        (
            "everybody among everybody so",
            f"{years:,.0f} years of a core, were it as many times as long as there are pairs: not to be done",
            "gallery_scale",
        ),
    ]


def _sending() -> list[Row]:
    serving, memory = speed("serving"), speed("gpu_memory")["rows"]
    (own,) = (row for row in serving["tables"]["serving"] if row["server"] == "remnant")
    each = own["seconds"] / serving["requests"]
    trained = "; ".join(
        f"{row['together'] / 1e9:.1f} GB by {row['pairs']} pairs a step (`{row['settings']}`)" for row in memory
    )
    return [
        (
            "a code of each served",
            f"{PATIENTS * each / DAY:.0f} days of a server of {serving['hardware']['cores']} cores: {each:.2f} s a code of "
            f"{serving['side']}^3 voxels",
            "serving",
        ),
        (
            "training a Privacy-Net at the authors' sizes on one GPU",
            f"{trained}; counted in float32, of a GPU that should have half as much again",
            "gpu_memory",
        ),
    ]


def _sample() -> list[Row]:
    half, few = clopper_pearson(SAMPLE // 2, SAMPLE), clopper_pearson(0, SAMPLE)
    return [
        (
            f"what {SAMPLE:,} patients drawn at random tell",
            f"a rate of one half to [{half.low:.1%}, {half.high:.1%}]; of what befalls none of them, that it befalls no more "
            f"than {few.high:.3%} of all",
            "remnant.measure.intervals.clopper_pearson",
        )
    ]


def table() -> str:
    """The rows as a table of Markdown; a source that is a benchmark by its command."""
    lines = ["| what | how much | from |", "|---|---|---|"]
    for what, number, source in rows():
        known, command = _file(source).exists(), speed(source).get("command")
        of_file = f"[{source}.json](results/speed/{source}.json)" if known else f"`{source}`"
        lines.append(f"| {what} | {number} | {of_file}{f', `{command}`' if command else ''} |")
    return "\n".join(lines) + "\n"


def with_table(page: str) -> str:
    """The page with the numbers of today."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    write_text(PAGE, with_table(PAGE.read_text("utf-8")))
