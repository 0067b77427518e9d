"""Which trainings leave who was in them, and what changes it: the tables of docs/results/membership/results.json.

    python benchmarks/membership_results.py data/cxr_private [--run runs/membership-results] [--workers 2] [--resume]
        [--estimate] [--out docs/results/membership/results.json]

170 patients of the study lee2025 at 64 pixels train networks by halves, eight of each training, sixteen where single patients are
asked about: the study's targets, which learn its finding, and networks that learn the view, which is learned better, of which
one thing is changed at a time (`_leak_networks.TRAININGS`). A network is a cell, half a minute to two; a second start with
`--resume` goes on. `--estimate` times a step of each training and ends. Each patient's first radiograph trains.

- `targets`: direct inference by the margin alone, and by other networks; beside it the balanced accuracy of people whom a network
  never saw, and whether that is 0.7; `change`: the AUC of the margin less that of the training that it is held against.
- `persons`: people with several radiographs, told by the one that trained or by later ones.
- `exposure`: how exposed single patients seem, and are (docs/numbers.md, "Exposure of single patients").
- `peers` and `calibration`: rows of peers.json by eight shadow models, and those of exposure of calibration.json. Both lie beside
  `--out`, and have commands of their own.
"""

import argparse
import shlex
import sys
from pathlib import Path

from _leak_networks import SEED, SIDE, TRAININGS, People, answers_of, network_cells, people
from _leak_tables import exposure_rows, person_rows, target_rows

from remnant.base import provenance
from remnant.base.errors import RemnantError
from remnant.base.files import read_json, write_json
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.engine.cells import run_cells
from remnant.studies.lee2025.training import step_seconds

# Of which table of which file which rows stand here, and what makes the file.
BESIDE = {"peers": ("peers", "membership_peers"), "calibration": ("exposure", "membership_calibration")}


def tables_of(run: Run, asked: People, workers: int = 1) -> dict[str, list[Row]]:
    """Train what is not there, and make the tables of all of it."""
    run_cells(run, network_cells(asked), workers=workers, quiet=False)
    networks = {name: answers_of(run, name) for name in TRAININGS}
    return {
        "targets": target_rows(networks, asked),
        "persons": person_rows(networks, asked),
        "exposure": exposure_rows(networks),
    }


def beside(folder: Path) -> dict[str, list[Row]]:
    """The tables that other commands made; raises `RemnantError` where they did not."""
    found: dict[str, list[Row]] = {}
    for name, (table, script) in BESIDE.items():
        path = folder / f"{name}.json"
        if not path.exists():
            raise RemnantError(f"{path} is missing; make it by benchmarks/{script}.py, and go on with --resume.")
        rows = read_json(path)["tables"][table]
        # Of the peers one number of shadow models: what has none is held against the same.
        found[name] = [row for row in rows if row.get("against", 8) == 8]
    return found


def estimated(asked: People, workers: int) -> list[tuple[str, float]]:
    """Minutes on the clock that the networks of each training take, by a step of each."""
    found = []
    for name, one in TRAININGS.items():
        images = one.patients * len(asked.first) / 2 * one.settings.epochs * 2 * one.swaps
        found.append((name, step_seconds(one.settings) * images / 60 / workers))
    return found


def main() -> None:
    """Train, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--run", type=Path, default=Path("runs/membership-results"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--estimate", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("docs/results/membership/results.json"))
    options = parser.parse_args()
    asked = people(options.data)
    if options.estimate:
        minutes = estimated(asked, options.workers)
        for name, one in [*minutes, ("all", sum(one for _, one in minutes))]:
            print(f"{name}: {one:.1f} min")
        return
    others = beside(options.out.parent)
    settings = {"seed": SEED, "side": SIDE, "trainings": list(TRAININGS)}
    with Run.start(options.run, "membership-results", settings, resume=options.resume) as run:
        tables = tables_of(run, asked, options.workers)
    write_json(
        options.out,
        {
            "command": shlex.join(["python", *sys.argv]),
            "patients": len(asked.first),
            "side": SIDE,
            "seed": SEED,
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "tables": others | tables,
        },
    )


if __name__ == "__main__":
    main()
