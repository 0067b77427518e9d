"""The audit of a model: every attack that applies, on its members and non-members, with the controls that the judge asks for."""

from dataclasses import replace
from typing import Any

from remnant.audit.cells import kept, recipe, training_checks
from remnant.audit.cells.shadows import with_shadows
from remnant.audit.config import AuditConfig
from remnant.audit.findings.controls import controls_in
from remnant.audit.findings.reach import scored_tables
from remnant.audit.findings.tables import balance_rows
from remnant.audit.materials.described import cohort_of, traits_of
from remnant.audit.materials.material import Material
from remnant.audit.materials.tried import tried_of
from remnant.audit.run import early, resumed
from remnant.audit.run.beside import sections_beside, tables_beside
from remnant.audit.run.claimed import Claimed, claimed
from remnant.audit.run.minutes import Fitting, fitting
from remnant.audit.run.plan import cells_of
from remnant.audit.verdict.defences import TABLE as DEFENCES
from remnant.audit.verdict.defences import defence_rows
from remnant.base.errors import RemnantError
from remnant.base.findings import LAYER, AttackRun
from remnant.base.run import Run
from remnant.engine.cells import Workers, run_cells


def audit_model(
    run: Run, material: Material, config: AuditConfig, *, workers: Workers = 1, quiet: bool = False
) -> dict[str, Any]:
    """Run what applies, piece by piece in the run directory; return the arguments of `conclude` but for the provenance.

    `workers`: so many pieces at a time, each in a process of its own or on a cluster, where shadow models are trained of a
    material that another process can read again; one at a time in this process otherwise. The numbers are the same.
    """
    if isinstance(workers, str) and not material.training:
        raise RemnantError(
            "--cluster trains shadow models, and none are asked for or target.py has no train(): add it, or leave --cluster out."
        )
    workers = workers if material.training and material.elsewhere else 1
    fits = fitting(run, material, config, workers=workers if isinstance(workers, int) else 1, quiet=quiet)
    fits, share = _early(run, fits, config, workers=workers, quiet=quiet)
    material, chosen = fits.material, fits.chosen
    kept.keep_roles(run, material.roles)
    found, claims = _measured(run, fits, config, workers=workers, quiet=quiet)
    level = claims.levels(share)
    rows = claims.findings(level, config.scenario, config.seed, quiet=quiet)
    findings, joint = claims.judged_together(rows, config.seed, share)
    tables = {
        **scored_tables(claims.scored, level, config.base_rate),
        "balance": balance_rows(*traits_of(material)),
        DEFENCES: defence_rows(
            material.target.module,
            material.defenses,
            scenario=config.scenario,
            tried=tried_of(material, config.scenario),
        ),
        **claims.tables(level, config.seed),
        **joint,
        **tables_beside(run, material, chosen, claims.paired, found, config.seed),
    }
    controls = controls_in(found, drawn=bool(claims.near))
    layers = list(dict.fromkeys(cell["layer"] for cell in found.values() if cell.get("layer")))
    first = next((row for row in rows if row.primary and row.statistic == "auc"), None)
    return {
        "title": f"Audit of {config.about.model or material.model['name']}",
        "model": {**material.model, **({LAYER: layers[0]} if layers else {})},
        "cohort": cohort_of(material),
        "attacks": [
            *(
                AttackRun(name=one.name, words=one.words, run=not why, why=why, claim=one.claim)
                for one, why in fits.attacks
            ),
            *claims.linkages(),
        ],
        "findings": findings,
        "controls": controls,
        "tables": tables,
        "reasons": [
            *material.doubts,
            *fits.kept_open(config),
            # What is sent is attacked whatever the segmentation is worth, which stands in a table.
            *(one.sentence for one in controls if one.kind == "fit" and not one.passed and not material.sent),
            *(one.sentence for one in controls if one.kind == "dose" and one.passed is False),
            *training_checks.doubted(material, found),
            *recipe.disagreement(first, tables.get(recipe.CELL, [])),
        ],
        "notices": [
            *material.notes,
            *([early.LOOKED] if share == 1 - early.SPENT else []),
            *training_checks.notices(material, found),
        ],
        "unplanted": fits.unplanted(found, config),
        "not_tested": fits.not_tested(found, config),
        "sections": sections_beside(tables),
        "checkpoints": dict(material.checkpoints),
    }


def _measured(
    run: Run, fits: Fitting, config: AuditConfig, *, workers: Workers, quiet: bool
) -> tuple[dict[str, dict[str, Any]], Claimed]:
    """What the cells returned, and what the attacks claimed."""
    material, chosen = fits.material, fits.chosen
    scoring = [attack.name for attack in chosen if attack.claim == "patient_scores"]
    readers = [attack.name for attack, _ in fits.attacks if attack.shadows]
    resumed.keep_what_holds(run, config.minutes, scoring, material.target.shadows, readers)
    found = run_cells(run, cells_of(material, config, chosen, fits.left_out), workers=workers, quiet=quiet)
    return found, claimed(run, material, chosen, config.seed)


def _early(run: Run, fits: Fitting, config: AuditConfig, *, workers: Workers, quiet: bool) -> tuple[Fitting, float]:
    """What is run in the end, and at which share of the level: with the first shadow models alone, where by these the verdict can
    no longer change."""
    if not early.may_end(fits.material, config):
        return fits, 1.0
    first = replace(fits, material=with_shadows(fits.material, config, early.FIRST))
    few = early.too_few(fits.material)
    if not few and (ends := resumed.early_end(run)) is None:
        look = replace(first, left_out=(*fits.left_out, *early.LATER))
        found, claims = _measured(run, look, config, workers=workers, quiet=quiet)
        rows = claims.findings(claims.levels(early.SPENT), config.scenario, config.seed, quiet=quiet)
        judged = claims.judged_together(rows, config.seed, early.SPENT)[0]
        ends = early.decided(judged, controls_in(found, drawn=bool(claims.near)), config)
        resumed.keep_early_end(run, ends)
    if few or ends:
        ended = replace(first, early=early.said(fits.material.target.shadows, few_patients=few))
        return ended, 1.0 if few else early.SPENT
    return fits, 1 - early.SPENT
