"""From the audits of all trainings to results.json: which defence stops what, and at which price."""

from collections.abc import Mapping, Sequence
from typing import Any

from remnant.audit.config import AuditConfig
from remnant.audit.mitigation.attempt_cells import audit_of, kept_utility
from remnant.audit.mitigation.attempts import NONE, Attempt
from remnant.audit.mitigation.trade import TABLE, WITHHELD, said, trade_rows
from remnant.audit.mitigation.utility import LEAST_BALANCED, MOST_DICE_LOST
from remnant.audit.several.finished import FinishedAudit, read_finished
from remnant.audit.several.side_by_side import finding_rows
from remnant.audit.verdict.scenario import RECIPIENTS
from remnant.base.results import FigureView, Results, Row, Section, TableView
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.terms import called, measured
from remnant.base.texts import counted

STUDY = "mitigate"
UNDER, NOT_TRIED = "under_defences", "not_tried"  # tables beside that of `trade`
MEASURES = {
    "AUC": "The chance that an attack scores a member above a non-member; 0.5 is guessing.",
    "strongest attack": "The highest of all AUCs of membership attacks, with its own 95% interval. The highest of several seems "
    "higher than it is, in each line alike.",
    "difference": "Of the attack that was named before the run: AUC under the defence minus that without, over the same "
    "patients, by DeLong (1988). Its p is by exchanging ranks (Bandos 2005), after Holm for all defences.",
    "utility": "On non-members, of which no training knows: balanced accuracy, or the mean Dice of the foreground classes.",
    "withheld": f"A network of a balanced accuracy below {LEAST_BALANCED}, or that loses more than {MOST_DICE_LOST} of Dice, is "
    "not held against another: what learned nothing leaks nothing.",
}
GLOSSARY = {
    "Member": "A patient whose images trained the network.",
    "Non-member": "A patient like them whose images did not.",
    "Defence": "A change of the training, or of what it leaves, that is meant to lower what a network tells of its patients.",
    "No defence": "The same training from the same seed, without a defence. It is not the model that was audited first.",
}
SECTIONS = (
    Section(
        title="What each defence stops and costs",
        figures=[
            FigureView(
                name="trade",
                kind="defences_held",
                caption="Strongest membership attack against the task on non-members, both with 95% intervals.",
            )
        ],
        table=TableView(
            name=TABLE,
            caption="The same training, attacks, patients and seeds, with each defence in turn.",
            columns={
                "words": "Defence",
                "{value:.2f} [{low:.2f}, {high:.2f}]": "Strongest attack, AUC",
                "{membership:.2f} [{membership_low:.2f}, {membership_high:.2f}]": "Attack named before, AUC",
                "{difference:+.2f} [{lowered_low:+.2f}, {lowered_high:+.2f}]": "Difference",
                "holm_p": "p, after Holm",
                "shown": "Shown",
                "measure": "Task",
                "{utility:.2f} [{utility_low:.2f}, {utility_high:.2f}]": "On non-members",
                "{times:.1f}": "Training, times",
                "exposed": "Exposed",
            },
        ),
    ),
    Section(
        title="Every attack under every defence",
        table=TableView(
            name=UNDER,
            caption="Each finding, with the outcome in its own audit.",
            columns={
                "attack": "Attack",
                "view": "View",
                "run": "Defence",
                "statistic": "Statistic",
                "n": "Patients",
                "{value:.2f} [{low:.2f}, {high:.2f}]": "Value [95% interval]",
                "outcome": "Outcome",
            },
        ),
    ),
    Section(
        title="Defences that were not tried",
        table=TableView(name=NOT_TRIED, caption="Why not.", columns={"words": "Defence", "why": "Why not"}),
    ),
)


def conclude_mitigation(
    run: Run,
    name: str,
    config: AuditConfig,
    first: FinishedAudit | None,
    attempts: Sequence[Attempt],
    not_tried: Mapping[str, str],
    cells: Mapping[str, dict[str, Any]],
    settings: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> Results:
    """The results of a run on the network `name` whose `cells` are done; `first`: the audit that was mitigated, None without one;
    `not_tried`: why, by words of a defence."""
    audits = {one.name: read_finished(audit_of(run, one.name), one.words) for one in attempts}
    worth = {one.name: kept_utility(run, one.name) for one in attempts}
    rows = trade_rows(attempts, audits, worth, cells, Seeds(config.seed).child("mitigation"))
    base, cohort = audits[NONE], audits[NONE].results.cohort
    useless = {row["words"] for row in rows if row["withheld"]}
    named = called(base.named[0]) if base.named else "the attack named before the run"
    tables = {
        TABLE: rows,
        UNDER: finding_rows([one for one in audits.values() if one.name not in useless]),
        NOT_TRIED: [{"words": words, "why": why} for words, why in not_tried.items()],
    }
    return Results(
        study=STUDY,
        subject="Defences tried on a training",
        title=f"Defences of {name}",
        preset="",
        # Without those of the attacker.
        patients=int(cohort.get("patients") or len(base.roles)),
        scans=int(cohort.get("images") or len(base.roles)),
        seed=config.seed,
        checkpoints={},
        settings=dict(settings),
        notices=list(base.results.notices),
        no_conclusion=_no_conclusion(rows),
        headline=headline_of(rows[1:], named),
        findings=[
            _plain(rows[0], first),
            *(said(row, named) for row in rows[1:]),
            *dict.fromkeys(told for one in attempts for told in one.promises),
        ],
        threat_model=[
            RECIPIENTS[config.scenario],
            "The attacker knows of the defence: shadow models are trained under it.",
        ],
        attacked=[
            f"{cohort.get('members')} members, who train each network, and {cohort.get('non_members')} non-members.",
            "Each network begins from one seed, and is audited by the same attacks, on the same halves for shadow models.",
        ],
        not_tested=[
            "Other strengths of a defence, and several together: those that were tried stand in the settings.",
            "Another seed of the training, under which the order of defences may differ.",
            *(f"{words}: {why}." for words, why in not_tried.items()),
        ],
        measures=MEASURES,
        glossary=GLOSSARY,
        tables=tables,
        sections=[one for one in SECTIONS if one.table and tables[one.table.name]],
        **provenance,
    )


def _no_conclusion(rows: Sequence[Row]) -> list[str]:
    """Why no defence can be judged."""
    if rows[0]["withheld"]:
        return [f"Without a defence {rows[0]['withheld']}, so that there is nothing useful to defend."]
    return []


def headline_of(tried: Sequence[Row], named: str, one: str = "defence", several: str = "defences") -> str:
    """How many of the rows of defences came out which way, by the attack `named`; what a row is, if `one`, and if `several`."""
    counts = {shown: sum(row["shown"] == shown for row in tried) for shown in ("lower", "higher", WITHHELD)}
    silent = len(tried) - sum(counts.values())
    parts = [
        f"{counts['lower']} lower what {named} tells of members",
        *([f"{counts['higher']} raise it"] if counts["higher"] else []),
        *([f"of {silent} no effect was shown"] if silent else []),
        *([f"{counts[WITHHELD]} cost more than the task can bear"] if counts[WITHHELD] else []),
    ]
    return f"Of {counted(len(tried), one, several)}, {'; '.join(parts)}."


def _plain(row: Row, first: FinishedAudit | None) -> str:
    """The training without a defence, beside the model that was audited."""
    before = f"; the model that was audited: {measured(first.primary)}" if first and first.primary else ""
    if row["withheld"]:
        return f"Without a defence: withheld, since {row['withheld']}{before}."
    if row["membership"] is None:
        return f"Without a defence no attack was named before the run{before}."
    ends = "" if row["membership_low"] is None else f" [{row['membership_low']:.2f}, {row['membership_high']:.2f}]"
    return (
        f"Without a defence the attack named before the run has an AUC of {row['membership']:.2f}{ends}, at a {row['measure']} "
        f"of {row['utility']:.2f} on non-members{before}."
    )
