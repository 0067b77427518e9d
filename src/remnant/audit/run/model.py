"""The audit of a model: every attack that applies, on its members and non-members, with the controls that the judge asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from remnant.attacks.attack import Attack
from remnant.attacks.attributes import READ, UNKNOWN
from remnant.attacks.listed import SEES
from remnant.attacks.membership.references import REFERENCES
from remnant.attacks.registry import all_attacks
from remnant.audit.cells import beyond, blind, codes, fits, likely, planted_leak, reader, recipe, shadows
from remnant.audit.cells import model_cells as cells
from remnant.audit.cells.forecast import forecast_cell
from remnant.audit.cells.kept import (
    kept_attributes,
    kept_losses,
    kept_pairs,
    kept_reconstructions,
    kept_scores,
    kept_similarities,
)
from remnant.audit.cells.kinds import kind_of
from remnant.audit.cells.piece import PLANTED, Piece, affordable, minutes_for
from remnant.audit.config import AuditConfig
from remnant.audit.findings import folds as fold_tables
from remnant.audit.findings.attribute_rows import attribute_keys, attribute_rows, skill_rows, truth_of
from remnant.audit.findings.controls import reconciled
from remnant.audit.findings.identified import identification_keys, identification_rows, linkage_run
from remnant.audit.findings.pair_rows import pair_keys, pair_rows
from remnant.audit.findings.rows import membership_rows
from remnant.audit.findings.tables import balance_rows, roc_rows
from remnant.audit.materials.material import Material
from remnant.audit.run import code_sections, resumed
from remnant.audit.verdict.family import adjusted, levels
from remnant.audit.verdict.scenario import BEARS, SEEN, attribute_statistic
from remnant.base.findings import LAYER, AttackRun, Control
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.terms import ELSEWHERE, called
from remnant.base.texts import counted, enumerated
from remnant.cohort.images import patient_means
from remnant.engine.cells import Cell, run_cells
from remnant.measure.fold_rank import FoldRank, fold_rank
from remnant.measure.roles import MEMBER, NON_MEMBER

FORECAST = "forecast"
LEFT_OUT = "left out by --minutes"
NO_PRIOR = "no prior was given; `remnant prior train` makes one"


def attacks_of(material: Material, config: AuditConfig) -> list[tuple[Attack, str]]:
    """Every known attack with why it is not run, empty where it is."""
    found = []
    for attack in all_attacks().values():
        scenarios = [name for name, seen in SEEN.items() if attack.access in seen]
        why = f"{ELSEWHERE} {' or '.join(scenarios)} does the recipient see {SEES[attack.access]}"
        if attack.access in SEEN[config.scenario]:
            own, asked = cells.sides(material, attack)
            why = attack.applies(material.target, asked, own)
            if attack.claim == "candidates" and not why and material.prior is None:
                why = NO_PRIOR
            if why == UNKNOWN:
                why = f"{why}: {material.give_people}"
        found.append((attack, why))
    return found


def audit_model(run: Run, material: Material, config: AuditConfig, *, quiet: bool = False) -> dict[str, Any]:
    """Run what applies, piece by piece in the run directory; return the arguments of `conclude` but for the provenance."""
    material = shadows.with_shadows(material, config)
    attacks = attacks_of(material, config)
    chosen, left_out, asked = [attack for attack, why in attacks if not why], [], material.target.shadows
    pieces: list[Piece] = []
    resumed.forget_stopped(run, config.minutes)
    if config.minutes:
        cell = Cell(FORECAST, forecast_cell, {"material": material, "config": config, "attacks": chosen})
        pieces = [Piece(**one) for one in run_cells(run, [cell], workers=1, quiet=quiet)[FORECAST]["pieces"]]
        # What a run that is gone on with has done already costs nothing more.
        done = {name for name in (piece.name for piece in pieces) if resumed.is_done(run, name)}
        left_out = [name for name in affordable(pieces, config.minutes) if name not in done]
        if asked:
            left = 60 * config.minutes - sum(piece.seconds for piece in pieces if piece.name not in left_out)
            trained = shadows.shadow_cells(material, [one for one in chosen if one.name not in left_out], config.seed)
            count = shadows.affordable_shadows(run, trained, left, quiet=quiet)
            material = shadows.with_shadows(material, config, count)
            left_out = left_out if count else [*left_out, REFERENCES.name]
        attacks = [(attack, LEFT_OUT if attack.name in left_out and not why else why) for attack, why in attacks]
    bearing, chosen = chosen, [attack for attack in chosen if attack.name not in left_out]
    scoring = [attack for attack in chosen if attack.claim == "patient_scores"]
    resumed.keep_what_holds(run, config.minutes, [attack.name for attack in scoring], material.target.shadows)
    found = run_cells(run, cells_of(material, config, chosen, left_out), workers=1, quiet=quiet)
    drawing = [attack for attack in chosen if attack.claim == "reconstructions"]
    primary = next((attack for attack in reversed(scoring) if attack.primary), None)
    claims = [
        claim
        for attack in scoring
        for claim in kept_scores(run, material.roles, attack.name, primary=attack is primary)
    ]
    folds = _fold_rank(run, material, config.seed) if REFERENCES in scoring else None
    drawn = {attack.name: kept_reconstructions(run, attack.name) for attack in drawing}
    learned = [
        claim for attack in chosen if attack.claim == "attributes" for claim in kept_attributes(run, attack.name)
    ]
    truths = [truth for name in READ if (truth := truth_of(material.images, name))]
    paired = {attack.name: kept_pairs(run, attack.name) for attack in chosen if attack.claim == "pair_scores"}
    near = {attack.name: kept_similarities(run, attack.name) for attack in chosen if attack.claim == "candidates"}
    compared = next((cells.sides(material, attack)[1] for attack in drawing), material.candidates)
    level = levels(
        [
            *((claim.key, claim.primary) for claim in claims),
            *([(fold_tables.KEY, True)] if folds else []),
            *((key, False) for key in identification_keys(drawn, compared)),
            *((key, False) for key in attribute_keys(learned, truths)),
            *((key, False) for key in pair_keys(paired)),
        ],
        [key for name, own in near.items() for key in beyond.gain_keys(name, own)],
    )
    seeds = Seeds(config.seed).child("audit", "tests").numpy()
    rows = membership_rows(claims, level, seeds)
    tables = {
        "roc": [row for claim in claims for row in roc_rows(claim)],
        "balance": balance_rows(*traits_of(material)),
    }
    if folds and material.folds:
        share = level[fold_tables.KEY]
        rows += fold_tables.fold_rank_findings(folds, share)
        tables |= {"fold_rank": fold_tables.fold_rank_rows(folds), "fold_power": fold_tables.power_rows(folds, share)}
    rows += identification_rows(drawn, compared, level)
    rows += pair_rows(paired, level, Seeds(config.seed).child("audit", "verification"))
    for name, own in near.items():
        rows += beyond.gain_rows(name, own, material.roles, level, Seeds(config.seed).child("audit", "candidates"))
    if learned:
        rows += attribute_rows(learned, truths, material.roles, level, attribute_statistic(config.scenario))
        tables["attributes"] = skill_rows(learned, truths, material.roles)
    tables |= codes.tables_of(run, material, paired, Seeds(config.seed))
    same = found.get(recipe.CELL, {}).get("rows", [])
    if same:
        tables[recipe.CELL] = same
    tables |= likely.likely_tables(run, material, [one for one in chosen if one.claim == "candidates"], config.seed)
    if reader.READER in found:
        tables[reader.READER] = found[reader.READER]["rows"]
    shown = {recipe.CELL: recipe.SECTION, likely.LIKELY: likely.SECTION, reader.READER: reader.SECTION}
    controls = controls_of(found, drawn=bool(near))
    layers = list(dict.fromkeys(cell["layer"] for cell in found.values() if cell.get("layer")))
    bare = unplanted(found, left_out, pieces, config)
    first = next((row for row in rows if row.primary and row.statistic == "auc"), None)
    return {
        "title": f"Audit of {config.about.model or material.model['name']}",
        "model": {**material.model, **({LAYER: layers[0]} if layers else {})},
        "cohort": cohort_of(material),
        "attacks": [
            *(AttackRun(name=one.name, words=one.words, run=not why, why=why, claim=one.claim) for one, why in attacks),
            *([fold_tables.RUN] if folds else [fold_tables.NOT_RUN] if material.folds else []),
            *([linkage_run(compared)] if drawing else []),
        ],
        "findings": adjusted(rows),
        "controls": controls,
        "tables": tables,
        "reasons": [
            *material.doubts,
            *kept_open(bearing, left_out, config),
            # What is sent is attacked whatever the segmentation is worth, which stands in a table.
            *(one.sentence for one in controls if one.kind == "fit" and one.passed is False and not material.sent),
            *recipe.disagreement(first, same),
        ],
        "notices": list(material.notes),
        "unplanted": bare,
        "not_tested": [
            *([f"No leak was planted: {bare}."] if bare else []),
            *([codes.UNPLANTED] if material.sent else []),
            *shadows.untrained(material, asked),
            *([f"Age and sex of the people in drawn images: {LEFT_OUT}."] if reader.READER in left_out else []),
        ],
        "sections": [
            *(section for name, section in shown.items() if name in tables),
            *code_sections.sections_of(tables),
        ],
        "checkpoints": dict(material.checkpoints),
    }


def _fold_rank(run: Run, material: Material, seed: int) -> FoldRank | None:
    """The fold-rank test on the losses that the calibrated attack kept; None without folds, or where one of them is released."""
    if material.folds is None or material.folds.released is not None:
        return None
    patients, losses = kept_losses(run, REFERENCES.name)
    held_out = np.array([material.folds.held_out[patient] for patient in patients])
    draw = Seeds(seed).child("audit", "fold rank").numpy()
    return fold_rank(material.folds.by_model(patients, losses), held_out, np.array(patients), draw)


def cells_of(
    material: Material, config: AuditConfig, attacks: Sequence[Attack], left_out: Sequence[str] = ()
) -> list[Cell]:
    """The pieces of an audit: a cell an attack, and the controls that are not left out."""
    common = {"material": material, "seed": config.seed}
    scoring = [attack for attack in attacks if attack.claim == "patient_scores"]
    trained = shadows.shadow_cells(material, attacks, config.seed)
    names = tuple(cell.name for cell in trained)
    found = []
    for attack in attacks:
        kind, needs = kind_of(attack), names if attack.shadows else ()
        given = {**common, "attack": attack, **kind.arguments(config)}
        found.append(Cell(f"attack-{attack.name}", kind.cell, given, needs))
    if scoring:
        found += [Cell(blind.BLIND, blind.blind_cell, common), Cell(fits.FIT, fits.fit_cell, common)]
    if scoring and PLANTED not in left_out and not material.sent:
        steps = config.target.planted_steps
        found.append(Cell(PLANTED, planted_leak.planted_cell, {**common, "attacks": scoring, "steps": steps}, names))
    if reader.READER not in left_out and reader.is_asked(material, attacks):
        found.append(Cell(reader.READER, reader.reader_cell, common))
    if trained:
        found += [*trained, Cell(recipe.CELL, recipe.recipe_cell, {**common, "attacks": scoring}, names)]
    return [*found, *codes.cells_of(material, config.seed)]


def kept_open(attacks: Sequence[Attack], left_out: Sequence[str], config: AuditConfig) -> list[str]:
    """Why an audit clears nobody from which attacks were left out that bear on a limit, in one sentence."""
    asked = {limit.statistic for limit in config.appetite.limits(config.scenario) if limit.asked}
    missing = [repr(called(one.name)) for one in attacks if one.name in left_out and asked & {*BEARS[one.claim]}]
    if not missing:
        return []
    which = f"attack {missing[0]} was" if len(missing) == 1 else f"attacks {enumerated(missing)} were"
    would = "it" if len(missing) == 1 else "they"
    return [f"The {which} {LEFT_OUT}, and nobody knows what {would} would have found."]


def unplanted(
    found: Mapping[str, dict[str, Any]], left_out: Sequence[str], pieces: Sequence[Piece], config: AuditConfig
) -> str:
    """Why no leak was planted, and what would change it; empty where one was."""
    if PLANTED not in left_out:
        return found.get(PLANTED, {}).get("why", "")
    return f"{LEFT_OUT} {config.minutes:.3g}; about {counted(minutes_for(pieces, PLANTED), 'minute')} would run it"


def controls_of(found: Mapping[str, dict[str, Any]], *, drawn: bool) -> list[Control]:
    """What the cells returned of controls; where candidates were `drawn`, groups that are alike are asked of them, too."""
    controls = reconciled([Control(**one) for cell in found.values() for one in cell.get("controls", [])])
    blind = [one for one in controls if one.kind == "blind" and one.claim == "patient_scores"]
    return controls + [one.model_copy(update={"claim": "candidates"}) for one in blind if drawn]


def cohort_of(material: Material) -> dict[str, int | str]:
    """Counts for the decision sheet."""
    candidates = material.candidates
    return {
        "patients": len(dict.fromkeys(candidates.patients)),
        "members": len(material.group(MEMBER)),
        "non_members": len(material.group(NON_MEMBER)),
        "images": len(candidates),
        "unit": "patient",
    }


def traits_of(material: Material) -> tuple[tuple[str, ...], np.ndarray, dict[str, np.ndarray]]:
    """Patients, their roles, and what is known of each beside the images."""
    candidates = material.candidates
    counts = {name: candidates.patients.count(name) for name in dict.fromkeys(candidates.patients)}
    traits = {name: patient_means(values, candidates.patients)[1] for name, values in candidates.details.items()}
    traits["images"] = np.array(list(counts.values()), dtype=float)
    return tuple(counts), np.array([material.roles[name] for name in counts]), traits
