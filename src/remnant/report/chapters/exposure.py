"""How exposed single patients are by such a training, groups of them, and what a threshold of each patient's own tells."""

from remnant.base.findings import AuditResults
from remnant.base.results import Row, Section, TableView, Value
from remnant.base.terms import capital
from remnant.base.texts import counted
from remnant.report.chapters.part import Part, figure
from remnant.report.words import number

TITLE = "Exposure of single patients"
PATIENTS = TableView(
    name="exposure",
    caption="Each interval is of one patient who was not chosen for it. p is one-sided, after Benjamini and Hochberg for all "
    "patients.",
    columns={
        "pseudonym": "Patient",
        "role": "This model",
        "{exposure} [{low}, {high}]": "Exposure [95% interval]",
        "{effect:.1f}": "Effect",
        "adjusted_p": "p",
        "flagged": "Exposed",
        "images": "Images",
        "rests_on": "What sets the patient apart",
    },
)
GROUPS = TableView(
    name="exposure_groups",
    caption="Mean exposure of groups. Intervals are of patients and trainings. Groups overlap between traits.",
    columns={
        "trait": "Trait",
        "group": "Group",
        "patients": "Patients",
        "{exposure} [{exposure_low}, {exposure_high}]": "Exposure [95% interval]",
    },
)
THRESHOLDS = TableView(
    name="own_thresholds",
    caption="Told: above the patient's own threshold. Networks: shadow models without a patient that pass it all the same.",
    columns={
        "{fpr:.1%}": "False positive rate",
        "{told} of {members}": "Members told",
        "{told_share:.0%} [{told_share_low:.0%}, {told_share_high:.0%}]": "Share [95% interval]",
        "{false_alarms} of {non_members}": "Non-members told",
        "{false_alarms_share:.0%} [{false_alarms_share_low:.0%}, {false_alarms_share_high:.0%}]": "Their share [95% interval]",
        "{networks_fpr:.1%}": "Networks",
    },
)


def exposure(results: AuditResults) -> Part | None:
    """How exposed each patient is, as far as that may be told; None where no shadow models were trained."""
    found = _first(results, "exposure_summary")
    if found is None:
        return None
    if found["why"]:
        return Part(Section(title=TITLE, text=[f"Not reckoned: {found['why']}."]))
    text = [
        "A patient's exposure is the chance that a network trained with the patient fits that patient better than one trained "
        "on other people. It is 0.50 without a leak.",
        f"{found['networks']} networks of train() had half of the {found['patients']} patients each. By {found['signal']} "
        f"the mean exposure is {_interval(found, 'exposure')}.",
        *_exposed(found),
        *_most_exposed(results),
        *_fresh_people(found),
    ]
    rows = _drawn(results)
    caption = "Exposure of each patient. The effect is in standard deviations of what networks of other people fit."
    section = Section(
        title=TITLE,
        text=text,
        figures=figure(rows, "exposed-patients", "exposed_patients", caption),
        table=PATIENTS if rows else None,
    )
    return Part(section, {"exposed_patients": rows})


def exposure_groups(results: AuditResults) -> Part | None:
    """How exposed groups are: by rank, and by what their patients have in common."""
    ranks, groups = (results.tables.get(name, []) for name in ("exposure_ranks", "exposure_groups"))
    drawn = ranks if all(row["exposure"] is not None for row in ranks) else []
    if not drawn and not groups:
        return None
    text = [
        "Who is exposed most is chosen by one half of the networks and measured by the other half, both ways round."
    ]
    caption = "Mean exposure of equally large groups, without the winner's curse."
    section = Section(
        title="Exposure of groups",
        text=text if drawn else [],
        figures=figure(drawn, "exposed-ranks", "exposed_ranks", caption),
        table=GROUPS if groups else None,
    )
    return Part(section)


def own_thresholds(results: AuditResults) -> Part | None:
    """Who is told to be a member at a false positive rate that holds for each patient; None where nobody asked, or nothing of it
    may be told."""
    rows = [row for row in results.tables.get("own_thresholds", []) if row["fpr"] is not None]
    if not rows:
        return None
    shown = [row for row in rows if row["carried"]]
    gone = [f"{row['fpr']:.1%}" for row in rows if not row["carried"]]
    text = [
        "One threshold for all is passed too often by patients who are easy for every network. Here each has a threshold, by the "
        "networks without the patient.",
        *(
            [f"A false positive rate of {' or '.join(gone)} is not told: the networks are too few to show another."]
            if gone
            else []
        ),
    ]
    text += [
        f"At {row['fpr']:.1%} non-members pass theirs {word} often: this model was trained otherwise than the shadow "
        "models, and such thresholds do not hold for it."
        for row in shown
        if (word := _otherwise(row))
    ]
    table = THRESHOLDS.model_copy(update={"where": {"carried": True}}) if shown else None
    return Part(Section(title="A threshold for each patient", text=text, table=table))


def _otherwise(row: Row) -> str:
    """Whether non-members pass their thresholds "more" or "less" often than the rate says, by the interval; else empty."""
    rate, low, high = (row[name] for name in ("fpr", "false_alarms_share_low", "false_alarms_share_high"))
    if low is None or high is None or rate is None:
        return ""
    return "more" if float(low) > float(rate) else "less" if float(high) < float(rate) else ""


def _first(results: AuditResults, table: str) -> Row | None:
    return next(iter(results.tables.get(table, [])), None)


def _interval(row: Row, name: str) -> str:
    """ "0.62 [0.58, 0.66]"; "withheld" outside the house."""
    ends = [row.get(name), row.get(f"{name}_low"), row.get(f"{name}_high")]
    if ends[0] is None:
        return "withheld"
    value, *interval = [number(float(end)) for end in ends if end is not None]
    return f"{value} [{', '.join(interval)}]" if interval else value


def _exposed(found: Row) -> list[str]:
    """How many are exposed; a count of few is a bound outside the house."""
    flagged: Value = found["flagged"]
    if flagged is None:
        return ["How many single patients are exposed is not told: patients and networks are too few for a p of each."]
    said = (
        counted(flagged, "patient is", "patients are")
        if isinstance(flagged, int)
        else f"{capital(str(flagged))} patients are"
    )
    return [f"{said} exposed at a false discovery rate of 5%."]


def _most_exposed(results: AuditResults) -> list[str]:
    """The winner's curse in a number, and the most exposed group."""
    said = []
    if most := _first(results, "most_exposed"):
        said = [
            f"The most exposed patient seems to have an exposure of {number(float(most['seems'] or 0))}. Of the most exposed by "
            f"half of the networks the others measure {_interval(most, 'corrected')}."
        ]
    first = _first(results, "exposure_ranks")
    if first and first["exposure"] is not None:
        said.append(
            f"The {first['patients']} most exposed patients by half of the networks have {_interval(first, 'exposure')} by the "
            "others."
        )
    return said


def _fresh_people(found: Row) -> list[str]:
    spread = found["spread"]
    if not isinstance(spread, float) or spread < 1.1:
        return []
    return [
        "Networks of halves of one cohort are more alike than networks of fresh people, whose fits vary "
        f"{number(spread)} times as much. Exposure is of the latter."
    ]


def _drawn(results: AuditResults) -> list[Row]:
    """The patients, with what the most exposed come to beside the first."""
    rows = results.tables.get("exposure", [])
    most = _first(results, "most_exposed") or {}
    names = ("corrected", "corrected_low", "corrected_high")
    return [row | {name: None if place else most.get(name) for name in names} for place, row in enumerate(rows)]
