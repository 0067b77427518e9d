"""Is Privacy-Net's game won? Raw scans, the paper's own recipe and the game of ours on phantoms, several seeds each.

    remnant phantom brains --patients 40 --sessions 4 --side 64 --seed 102 --out runs/game-cohort
    python benchmarks/privacynet_game.py --data runs/game-cohort [--seeds 0 1 2] [--workers 2] [--resume]

Settings of the game were chosen on phantoms of seed 101. A seed is a run of cells in `--run`: patients, networks and pairs are
drawn anew by it. A second start with `--resume` goes on, also within a training. `results.json` in `--out` has a row a seed and
variant (`game`), and a row a variant over all seeds (`summary`); see `_game_tables`.
"""

import argparse
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from _game_tables import MOST_ACCURATE, MOST_BEYOND, MOST_LOST, game_rows, summary_rows

from remnant.audit.cells.codes import worth_cell
from remnant.audit.cells.piece import Piece
from remnant.audit.findings.worth import WorthSettings
from remnant.audit.materials.code_material import attacked_of, roles_of
from remnant.base import provenance
from remnant.base.files import write_json
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cli.forecast import say_forecast
from remnant.cohort.case import Cohort
from remnant.cohort.images import Images
from remnant.cohort.layouts.read import read_cohort
from remnant.engine.cells import Cell, run_cells
from remnant.studies.forecast import foretell
from remnant.studies.frame import Cells, RunOptions
from remnant.studies.kim2019 import preset
from remnant.studies.kim2019.cells import inversion_cell, pairs_cell
from remnant.studies.kim2019.cohorts import prepared_scans
from remnant.studies.kim2019.difference_tables import difference_rows
from remnant.studies.kim2019.estimate import costs_of, scans_piece
from remnant.studies.kim2019.findings import unseen
from remnant.studies.kim2019.identity_tables import identity_rows, judged_pairs, primary_kind
from remnant.studies.kim2019.inversion_tables import inversion_rows
from remnant.studies.kim2019.overlap_tables import segmentation_rows
from remnant.studies.kim2019.plan import audit_cells
from remnant.studies.kim2019.settings import StudySettings
from remnant.studies.kim2019.subjects import subject_of
from remnant.studies.kim2019.training import TRAIN, cell_name, pretrain_cell, pretraining, train_cell
from remnant.studies.kim2019.variants import VARIANTS, described

ASKED = ("game-raw", "game-1", "game-3", "game-10", "kim2019-raw", "kim2019-1", "kim2019-batch-raw", "kim2019-batch-1")
FIRST = ASKED[0]  # whose scans, sent as they are, must be reconstructed
# The longest step, of the paper's networks, takes 2.2 s on a core without matrix units: a cell of 18 minutes.
STEPS_A_CELL = 500


def game_cells(settings: StudySettings, variants: tuple[str, ...], scans: Images) -> list[Cell]:
    """Trainings, pairs of codes and of their segmentations, reconstructions from codes, and Dice."""
    cells: list[Cell] = []
    for name in variants:
        variant = VARIANTS[name]
        net, before = settings.trained_by(variant.recipe), pretraining(variant.recipe)
        if before not in {cell.name for cell in cells}:
            given: dict[str, Any] = {"recipe": variant.recipe, "settings": settings}
            cells += in_parts(Cell(before, pretrain_cell, given), net.pretraining.steps)
        given = {"variant": name, "settings": settings}
        cells += in_parts(Cell(cell_name(TRAIN, name), train_cell, given, (before,)), net.adversarial.steps)
        for cell in audit_cells(name, variant, settings, scans, ()):
            code = cell.arguments.get("shown") == "code"
            # The scans themselves are told apart once a recipe, and reconstructed once.
            pairs = cell.work is pairs_cell and (code or not variant.control)
            drawn = cell.work is inversion_cell and code and (name == FIRST or not variant.control)
            if pairs or drawn or cell.arguments.get("work") is worth_cell:
                cells.append(cell)
    return cells


def in_parts(training: Cell, steps: int) -> list[Cell]:
    """The same training in cells of `STEPS_A_CELL` steps, each going on from where the one before it ended."""
    cells: list[Cell] = []
    for until in range(STEPS_A_CELL, steps, STEPS_A_CELL):
        needs = (cells[-1].name,) if cells else training.needs
        name = cell_name(training.name, "until", str(until))
        cells.append(Cell(name, training.work, {**training.arguments, "until": until}, needs))
    return [*cells, replace(training, needs=(cells[-1].name,) if cells else training.needs)]


def tables_of(run: Run, cells: Cells, variants: tuple[str, ...], scans: Images, seed: int) -> list[Row]:
    """The rows of `game` of one seed."""
    words, seeds = described({name: VARIANTS[name] for name in variants}), Seeds(seed).child("game")
    roles = roles_of(scans)
    subjects, others = [subject_of(run, cells, name, roles) for name in variants], unseen(attacked_of(scans), roles)
    judged = judged_pairs(subjects, scans.kind, 1, seeds.child("identity"))
    identity = [*identity_rows(judged, words)]
    kind = primary_kind(identity)
    tables = {
        "identity": identity,
        "difference": difference_rows(judged, subjects, others, kind, words, seeds.child("difference")),
        "segmentation": [*segmentation_rows(subjects, words, seeds.child("segmentation"))],
        "inversion": [*inversion_rows(subjects, others, words, seeds.child("inversion"))],
    }
    return [*game_rows(tables, words, seed)]


def played(cohort: Cohort, settings: StudySettings, options: argparse.Namespace) -> list[Row]:
    """One seed, from scans to its rows."""
    path, variants = options.run / f"seed-{settings.seed}", tuple(options.variants)
    how = RunOptions(path, resume=options.resume, workers=options.workers, foretold=say_forecast)
    config = {**settings.resolved(), "variants": list(variants), "data": str(options.data)}
    with Run.start(path, "kim2019-game", config, resume=options.resume) as run:
        scans = prepared_scans(run, cohort, {}, settings, options.cache, how)
        cells = game_cells(settings, variants, scans)

        def costs() -> Callable[[Cell], Piece]:
            of = costs_of(settings, scans, {})
            # The last cell of a training stands for all of its parts.
            return lambda cell: replace(of(cell), seconds=0.0) if "until" in cell.arguments else of(cell)

        foretell(run, cells, how, costs, scans_piece(scans))
        if options.estimate:
            return []
        done = run_cells(run, cells, workers=options.workers, quiet=False)
        return tables_of(run, done, variants, scans, settings.seed)


def settings_of(options: argparse.Namespace, seed: int) -> StudySettings:
    """Those of the preset, with what a table of the game needs of the attacks: one fresh adversary a trunk."""
    chosen = preset(options.preset)
    chosen = chosen.with_toml(options.config) if options.config else chosen
    attack = chosen.attack.changed(
        adversaries=chosen.attack.adversaries.changed(seeds=1), worth=WorthSettings(degraded=1)
    )
    return chosen.changed(attack=attack, seed=seed)


def main() -> None:
    """Play, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="phantoms of several sessions each")
    parser.add_argument("--preset", choices=("smoke", "cpu", "paper"), default="cpu")
    parser.add_argument("--config", type=Path, help="TOML of the study's settings")
    parser.add_argument("--variants", nargs="+", choices=ASKED, default=list(ASKED))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--run", type=Path, default=Path("runs/game"))
    parser.add_argument("--out", type=Path, default=Path("docs/results/kim2019-game"))
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--estimate", action="store_true", help="say what the first seed takes, and end")
    options = parser.parse_args()
    cohort, rows = read_cohort(options.data), []
    for seed in options.seeds[:1] if options.estimate else options.seeds:
        rows += played(cohort, settings_of(options, seed), options)
    if options.estimate:
        return
    asked: dict[str, Any] = {"accuracy": MOST_ACCURATE, "beyond_segmentation": MOST_BEYOND, "dice_lost": MOST_LOST}
    write_json(
        options.out / "results.json",
        {
            "command": shlex.join(["python", "benchmarks/privacynet_game.py", *sys.argv[1:]]),
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "settings": settings_of(options, options.seeds[0]).resolved(),
            "patients": len(cohort.patients),
            "asked": asked,
            "tables": {"game": rows, "summary": [*summary_rows(rows)]},
        },
    )
    print(f"Wrote {options.out / 'results.json'}")


if __name__ == "__main__":
    main()
