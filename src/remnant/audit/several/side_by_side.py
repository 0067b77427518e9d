"""Finished audits side by side: their findings in one table, the differences by patient, a page."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from remnant.audit.run.results import Clock, machine
from remnant.audit.several.differences import difference_rows, difference_said
from remnant.audit.several.finished import FinishedAudit, read_finished, require_alike
from remnant.base.errors import RemnantError
from remnant.base.findings import Statistic
from remnant.base.results import Results, Row, Section, TableView
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.terms import CLAIMS, STATISTICS, called
from remnant.base.texts import counted, enumerated

STUDY = "compare"
SUBJECT = "Audits held against each other"
# Of each attack the statistic that is set beside that of other audits.
ASKED: tuple[Statistic, ...] = ("auc", "verification_auc", "rank1", "gain", "skill", "skill_gap")
VALUE = "{value:.2f} [{low:.2f}, {high:.2f}]"
DIFFERENCE = "{difference:+.2f} [{low:+.2f}, {high:+.2f}]"
MEASURES = {
    "AUC": "The chance that an attack scores a member above a non-member; 0.5 is guessing.",
    "difference": "AUC of one audit minus that of the first, over the same patients. The interval is by DeLong (1988), p by "
    "exchanging the ranks of a patient (Bandos 2005), of pairs of scans by resampling patients.",
    "shown": "Lower or higher where the interval leaves zero out and p is at most 0.05 after Holm, for all that was "
    "named before the run and for all else apart. What is not shown may be there.",
}
GLOSSARY = {
    "Member": "A patient whose images trained the model.",
    "Non-member": "A patient like them whose images did not.",
    "Named before the run": "The one attack that an audit names before anything is measured.",
    "Detectable": "The difference that so many patients would have shown in 80% of such comparisons.",
}
SECTIONS = (
    Section(
        title="The audits",
        table=TableView(
            name="audits",
            caption="Each audit with the attack that was named before the run.",
            columns={
                "run": "Audit",
                "model": "Model",
                "ruling": "Ruling",
                "members": "Members",
                "non_members": "Non-members",
                "view": "View",
                VALUE: "AUC [95% interval]",
                "outcome": "Outcome",
            },
        ),
    ),
    Section(
        title="Differences by patient",
        text=[
            "Each attack on each audit against the same attack on the first. The strongest of many is not picked out: it would "
            "seem stronger than it is."
        ],
        table=TableView(
            name="differences",
            caption="AUC of the audit minus AUC of the first, the same patients in both.",
            columns={
                "run": "Audit",
                "attack": "Attack",
                "view": "View",
                "where": "Scans",
                "n": "Patients",
                "{value:.2f}": "AUC",
                "{against:.2f}": "AUC of the first",
                DIFFERENCE: "Difference [95% interval]",
                "holm_p": "p, after Holm",
                "{detectable:.2f}": "Detectable",
                "shown": "Shown",
            },
        ),
    ),
    Section(
        title="Every attack on every audit",
        table=TableView(
            name="side_by_side",
            caption="Of each attack the statistic that says most, with the outcome in its own audit.",
            columns={
                "attack": "Attack",
                "view": "View",
                "where": "Scans",
                "run": "Audit",
                "statistic": "Statistic",
                "n": "Patients",
                VALUE: "Value [95% interval]",
                "outcome": "Outcome",
            },
        ),
    ),
)


def compare_runs(
    paths: Sequence[Path], out: Path, *, attacks: Collection[str] = (), command: str = "", resume: bool = False
) -> Results:
    """Hold the audits in these run directories against the first, and leave results.json in the run directory `out`.

    `attacks`: those that are looked at, by default all, which then must be the same. Raises `RemnantError` for fewer than two,
    for audits that are not alike, and for a directory that is taken.
    """
    clock = Clock()
    places = [path.resolve() for path in paths]
    if len({*places}) < 2 or len({*places}) < len(places):
        raise RemnantError("Audits are compared with another; give two or more run directories, each once.")
    same = len({path.name for path in places}) < len(places)
    audits = [read_finished(path, str(path) if same else "") for path in paths]
    if attacks:
        audits = [one.only(attacks) for one in audits]
    require_alike(audits)
    settings = {"runs": [str(path) for path in places], "attacks": list(attacks)}
    with Run.start(out, STUDY, settings, resume=resume) as run:
        results = concluded(audits, settings, {**machine(clock, command), "command": command})
        results.write(run.results)
    return results


def concluded(audits: Sequence[FinishedAudit], settings: Mapping[str, Any], provenance: Mapping[str, Any]) -> Results:
    """The results of audits that are alike."""
    first, *others = audits
    rows = difference_rows(first, others, Seeds(first.results.seed))
    named = [row for row in rows if row["primary"]]
    cohort, scenario = first.results.cohort, first.results.scenario
    tables = {"audits": audit_rows(audits), "differences": rows, "side_by_side": finding_rows(audits)}
    groups = f"{cohort.get('members')} members and {cohort.get('non_members')} non-members"
    unpaired = enumerated(first.unpaired)
    return Results(
        study=STUDY,
        subject=SUBJECT,
        title=f"{enumerated([one.name for one in audits])} side by side",
        preset="",
        # Without those of the attacker.
        patients=int(cohort.get("patients") or len(first.roles)),
        scans=int(cohort.get("images") or len(first.roles)),
        seed=first.results.seed,
        checkpoints={f"{one.name}: {name}": sha for one in audits for name, sha in one.results.checkpoints.items()},
        settings=dict(settings),
        notices=list(dict.fromkeys(notice for one in audits for notice in one.results.notices)),
        headline=_headline(named or rows, first.name, len(others)),
        findings=_findings(rows, first.name),
        threat_model=[scenario.recipient],
        attacked=[f"The same {groups} in each audit.", f"Attacks: {enumerated([called(name) for name in first.ran])}."],
        not_tested=[
            "Whether another training, or another seed of this one, would differ as these two do.",
            *([f"Differences by patient of {unpaired}: no score a patient is kept of these."] if unpaired else []),
        ],
        measures=MEASURES,
        glossary=GLOSSARY,
        # An owner's names are no words of Remnant's, such as "own".
        labels={str(row[name]): str(row[name]) for row in tables["audits"] for name in ("run", "model")},
        tables=tables,
        sections=[one for one in SECTIONS if one.table and tables[one.table.name]],
        **provenance,
    )


def audit_rows(audits: Sequence[FinishedAudit]) -> list[Row]:
    """A row an audit: what it is of, its ruling, and the attack that was named before the run."""
    rows = []
    for one in audits:
        named, cohort = one.primary, one.results.cohort
        rows.append(
            {
                "run": one.name,
                "model": one.results.model.get("name"),
                "ruling": one.results.verdict.ruling,
                "patients": cohort.get("patients"),
                "members": cohort.get("members"),
                "non_members": cohort.get("non_members"),
                "attack": named and named.attack,
                "view": named and named.view,
                "value": named and named.value,
                "low": named and named.low,
                "high": named and named.high,
                "outcome": named and named.outcome,
            }
        )
    return rows


def finding_rows(audits: Sequence[FinishedAudit]) -> list[Row]:
    """A row a finding of the statistics that are asked, the audits below each other."""
    rows = [
        {
            "run": one.name,
            "claim": CLAIMS[found.claim],
            "attack": found.attack,
            "view": found.view,
            "where": found.where,
            "statistic": STATISTICS[found.statistic],
            "n": found.n,
            "value": found.value,
            "low": found.low,
            "high": found.high,
            "adjusted_p": found.adjusted_p,
            "outcome": found.outcome,
        }
        for one in audits
        for found in one.results.findings
        if found.statistic in ASKED
    ]
    order = list(dict.fromkeys((row["attack"], row["view"], row["where"]) for row in rows))
    return sorted(rows, key=lambda row: order.index((row["attack"], row["view"], row["where"])))


def _headline(rows: Sequence[Row], first: str, others: int) -> str:
    if not rows:
        return "No attack kept scores that could be held against each other."
    if others == 1:
        return difference_said(rows[0], first)
    counts = {shown: sum(row["shown"] == shown for row in rows) for shown in ("lower", "higher")}
    return (
        f"Of {counted(others, 'audit')} held against {first}, {counts['lower']} leak less and {counts['higher']} more, by the "
        "attack named before the run; of the others no difference was shown."
    )


def _findings(rows: Sequence[Row], first: str) -> list[str]:
    """The attack named before the run on each audit, and of all others how many differ."""
    named, rest = ([row for row in rows if row["primary"] == primary] for primary in (True, False))
    said = [difference_said(row, first) for row in named]
    if rest:
        lower, higher = (sum(row["shown"] == shown for row in rest) for shown in ("lower", "higher"))
        said.append(
            f"Of {counted(len(rest), 'other comparison')}, {lower} came out lower and {higher} higher after Holm; the others "
            "show no difference."
        )
    return said
