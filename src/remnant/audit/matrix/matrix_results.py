"""From the mitigations of all networks of a matrix to results.json."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from remnant.audit.matrix.matrix_tables import COST, MATRIX, UTILITY, matrix_tables
from remnant.audit.mitigation.attempts import NONE
from remnant.audit.mitigation.conclusion import GLOSSARY, MEASURES, headline_of
from remnant.audit.mitigation.conclusion import SECTIONS as OF_ONE
from remnant.audit.mitigation.trade import TABLE, said
from remnant.base.results import Results, Row, Section, TableView
from remnant.base.terms import called

STUDY, SUBJECT = "matrix", "Every attack on every defence"
NETWORK = {"target": "Network"}
WHOSE = {**NETWORK, "words": "Defence"}
OWN = (
    Section(
        title="Every kind of attack on every defence",
        table=TableView(
            name=MATRIX,
            caption="Of each kind the strongest attack, with the outcome in its own audit. The highest of several seems higher "
            "than it is.",
            columns={
                **WHOSE,
                "claim": "What is claimed",
                "attack": "Strongest attack",
                "attacks": "Of attacks",
                "statistic": "Statistic",
                "n": "Patients",
                "{value:.2f} [{low:.2f}, {high:.2f}]": "Value [95% interval]",
                "outcome": "Outcome",
            },
        ),
    ),
    Section(
        title="What the networks are worth",
        table=TableView(
            name=UTILITY,
            caption="The task on non-members; changes are against no defence, paired by patient.",
            columns={
                **WHOSE,
                "measure": "Task",
                "{utility:.2f} [{utility_low:.2f}, {utility_high:.2f}]": "On non-members",
                "{change:+.2f} [{change_low:+.2f}, {change_high:+.2f}]": "Change",
                "withheld": "Why its attacks are withheld",
            },
        ),
    ),
    Section(
        title="What the trainings cost",
        table=TableView(
            name=COST,
            caption="One training by the members, and the whole attempt with its shadow models and its audit.",
            columns={
                **WHOSE,
                "{seconds:.1f}": "Training, s",
                "{times:.1f}": "Training, times",
                "{whole_seconds:.0f}": "Attempt, s",
                "{cpu_seconds:.0f}": "Attempt, s of the processor",
            },
        ),
    ),
)


def conclude_matrix(
    title: str,
    found: Mapping[str, Results],
    people: Mapping[str, Hashable],
    settings: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> Results:
    """The results of a matrix of which `found` are the mitigations, by name of the network; `people`: who each is about, the same
    of networks about the same patients."""
    tables, each = matrix_tables(found), list(found.values())
    trades, rows = tables[TABLE], {name: len(one.tables[TABLE]) for name, one in found.items()}
    cohorts = {people[name]: (one.patients, one.scans) for name, one in found.items()}
    primary = {called(str(row["named"])) for row in trades}
    named = primary.pop() if len(primary) == 1 else "the attack named before the run"
    tried = [row for row in trades if row["defence"] != NONE]
    several = ("training under a defence", "trainings under a defence")
    return Results(
        study=STUDY,
        subject=SUBJECT,
        title=title,
        preset="",
        patients=sum(patients for patients, _ in cohorts.values()),
        scans=sum(scans for _, scans in cohorts.values()),
        seed=each[0].seed,
        checkpoints={},
        settings={**settings, "networks": {name: one.settings for name, one in found.items()}},
        notices=_once(one.notices for one in each),
        no_conclusion=[f"{name}: {reason}" for name, one in found.items() for reason in one.no_conclusion],
        headline=headline_of(tried, named, *several),
        findings=[
            *(f"{name}, {one.findings[0][:1].lower()}{one.findings[0][1:]}" for name, one in found.items()),
            *_sentences(tried),
            # Behind a sentence a training stands what defences guarantee.
            *_once(one.findings[rows[name] :] for name, one in found.items()),
        ],
        threat_model=_once(one.threat_model for one in each),
        attacked=[f"{name}: {text}" for name, one in found.items() for text in one.attacked],
        not_tested=_once(one.not_tested for one in each),
        measures=MEASURES | {"difference": MEASURES["difference"].replace("all defences", "all defences and networks")},
        glossary=GLOSSARY,
        labels={name: name for name in found},
        tables=tables,
        sections=_sections(tables),
        **{**provenance, "cpu_seconds": round(sum(float(row["cpu_seconds"] or 0.0) for row in trades), 1)},
    )


def _sections(tables: Mapping[str, Sequence[Row]]) -> list[Section]:
    """Those of a mitigation, with the network in each table, and the matrix's own behind the first."""
    first, *others = [
        one.model_copy(update={"table": one.table.model_copy(update={"columns": {**NETWORK, **one.table.columns}})})
        for one in OF_ONE
        if one.table
    ]
    return [one for one in (first, *OWN, *others) if one.table and tables[one.table.name]]


def _sentences(rows: Sequence[Row]) -> list[str]:
    """One a defence and network: what it stops, what it does not, what it costs; the networks of a defence below each other."""
    order = list(dict.fromkeys(row["defence"] for row in rows))
    return [
        said(row | {"words": f"{row['words']} on {row['target']}"}, called(str(row["named"])))
        for row in sorted(rows, key=lambda row: order.index(row["defence"]))
    ]


def _once(texts: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(chain.from_iterable(texts)))
