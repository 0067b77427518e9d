"""Findings on single measurements: the paper's numbers, adversaries that err surely, secrets, second cohorts, age and sex."""

from collections.abc import Sequence

from remnant.base.results import Row, Value, matching
from remnant.base.texts import counted
from remnant.measure.overlaps import OVERALL
from remnant.report.words import label, number
from remnant.studies.kim2019.described import is_control
from remnant.studies.kim2019.identity_tables import FRESH, primary_kind
from remnant.studies.kim2019.records import QUERIED, RAW
from remnant.studies.kim2019.summary_tables import Tables, says_anything


def measured_findings(tables: Tables) -> list[str]:
    """A paragraph a measurement, as far as it was made."""
    return [
        _controls(tables),
        _beside_paper(tables),
        _sure_errors(tables),
        *_other_pairs(tables),
        _pictures(tables),
        _secrets(tables),
        _transfer(tables),
        _people(tables),
    ]


def _one(rows: list[Row], **where: Value) -> Row | None:
    return next(iter(matching(rows, where)), None)


def _ours(tables: Tables, **where: Value) -> list[Row]:
    return matching(tables["identity"], {"kind": primary_kind(tables["identity"]), **where})


def _controls(tables: Tables) -> str:
    rows = _ours(tables, variant=RAW, view="code")
    weak = [row for row in rows if not row["counts"]]
    reached = ", ".join(f"{_called(row)} {number(row['balanced'], spec='.3f')}" for row in weak)
    if not weak:
        which = (
            "The adversary proves itself: on raw scans it"
            if len(rows) == 1
            else f"All {len(rows)} adversaries prove themselves: on raw scans each"
        )
        return f"{which} reaches a balanced accuracy of 0.95."
    total = counted(len(rows), "adversary", "adversaries")
    return (
        f"{counted(len(weak), f'of {total} fails its', f'of {total} fail their')} control, a balanced accuracy of 0.95 on raw "
        f"scans ({reached}): where these find nothing in a code, it says nothing of the code."
    )


def _called(row: Row) -> str:
    if row["attack"] != FRESH:
        return label(row["attack"])
    which = f"{row['trunk']}, seed {row['seed']}" if row["trunk"] else "all together"
    return f"{label(FRESH)} ({which})"


def _beside_paper(tables: Tables) -> str:
    told = [row for row in _ours(tables, view="code", attack=FRESH, strongest=True) if row["published"] is not None]
    rows = [row for row in told if says_anything(row) is not False]
    if not rows:
        return ""
    weak = len(told) - len(rows)
    unsaid = f" Of {counted(weak, 'other code')} it failed its control and found nothing." if weak else ""
    parts = [f"{row['name']} {number(row['balanced'], spec='.3f')} ({row['published']:.3f})" for row in rows]
    return (
        f"Balanced accuracy of the strongest fresh adversary on {counted_people(rows[0])}, the paper's in brackets: "
        f"{'; '.join(parts)}. The "
        f"cohorts, sizes and budgets differ; the order may be compared, the numbers not.{unsaid}"
    )


def _sure_errors(tables: Tables) -> str:
    rows = [row for row in _ours(tables) if row["knows"] and row["auc"] < 0.5]
    if not rows:
        return ""
    worst = min(rows, key=lambda row: row["auc"])
    return (
        f"{counted(len(rows), 'adversary answers', 'adversaries answer')} wrongly with confidence, most {_called(worst)} on the "
        f"{label(worst['view'])} of {worst['name']} (AUC {number(worst['auc'])}): an accuracy below 0.5 is "
        "knowledge, and is counted as such."
    )


def _other_pairs(tables: Tables) -> list[str]:
    """The kinds of pairs that no headline rests on, as the few real ones beside simulated ones: none is left out."""
    said = []
    for kind in dict.fromkeys(row["kind"] for row in tables["identity"]):
        rows = [
            row
            for row in matching(tables["identity"], {"kind": kind, "view": "code", "strongest": True})
            if not is_control(row)
        ]
        if kind == primary_kind(tables["identity"]) or not rows:
            continue
        parts, void = [], []
        for name in dict.fromkeys(row["name"] for row in rows):
            most = max(matching(rows, {"name": name}), key=lambda row: row["strength"])
            if says_anything(most) is False:
                void.append(most)
            else:
                parts.append(f"{name} {number(most['strength'])}{_bounds(most)} ({label(most['attack'])})")
        of = f"On the {kind} pairs, of {counted_people(rows[0])},"
        if parts:
            said.append(f"{of} the strongest attack on the code reaches an AUC of {'; '.join(parts)}.")
        if void:
            said.append(
                f"No conclusion about {listed(void)} on the {kind} pairs, of {counted_people(void[0])}: the strongest adversary "
                "did not succeed there, nor did it pass its control on raw scans."
            )
    return said


def _bounds(row: Row) -> str:
    low, high = row["auc_low"], row["auc_high"]
    if low is None:
        return ""
    if row["auc"] < 0.5:
        low, high = 1 - high, 1 - low
    return f" [{number(low)}, {number(high)}]"


def _pictures(tables: Tables) -> str:
    # No decoder is needed for these, so that a failed one clears nothing.
    rows = matching(tables["headline"], {"method": "deformation"})
    if not rows:
        return ""
    return (
        f"What is sent under {listed(rows)} is still a picture of the patient's head. Its shape is bent, its tissue and what "
        "is wrong with it are there to see; that the straight scan is not reconstructed does not make it a code."
    )


def _secrets(tables: Tables) -> str:
    rows = [row for row in _ours(tables, strongest=True) if row["view"] in QUERIED]
    if not rows:
        return ""
    said = []
    for name in dict.fromkeys(row["name"] for row in rows):
        most = max(matching(rows, {"name": name}), key=lambda row: row["strength"])
        single = max(_ours(tables, name=name, view="code"), key=lambda row: row["strength"], default=None)
        beside = (
            "" if single is None else f", of a single code of {counted_people(single)} {number(single['strength'])}"
        )
        said.append(
            f"{name}: sent {most['queries']} times, the strongest attack ({label(most['view'])}, "
            f"{label(most['attack'])}) on {counted_people(most)} reaches an AUC of {number(most['strength'])}{beside}"
        )
    return f"A secret at the client, against one patient sent many times with fresh secrets. {'; '.join(said)}."


def _transfer(tables: Tables) -> str:
    said = []
    for cohort in dict.fromkeys(row["cohort"] for row in tables["transfer"]):
        rows = matching(tables["transfer"], {"cohort": cohort, "class": OVERALL})
        pairs = []
        for variant in dict.fromkeys(row["variant"] for row in rows):
            before, after = (_one(rows, variant=variant, trained=trained) for trained in ("as_trained", "retrained"))
            if before and after and before["dice"] is not None and after["dice"] is not None:
                pairs.append((before["dice"], after["dice"], before["name"], is_control(before)))
        hidden = sorted(pair for pair in pairs if not pair[3])
        parts = [_dice(pair) for pair in (*(pair for pair in pairs if pair[3]), *hidden[:1], *hidden[1:][-1:])]
        if parts:
            said.append(f"{cohort}: {', '.join(parts)}")
    if not said:
        return ""
    return (
        "Overall Dice on a second cohort as trained, in brackets with the segmenter retrained on its codes; of raw scans and of "
        f"the worst and the best code. {'; '.join(said)}."
    )


def _dice(pair: tuple[float, float, str, bool]) -> str:
    before, after, name, _ = pair
    return f"{name} {number(before, spec='.3f')} ({number(after, spec='.3f')})"


def _people(tables: Tables) -> str:
    codes = [row for row in tables["people"] if not is_control(row) and row["view"] == "code"]
    if not codes:
        return ""

    def off(what: str, rows: list[Row]) -> str:
        return (
            f"{what} off {f'all {len(codes)} codes' if 1 < len(codes) == len(rows) else f'the codes of {listed(rows)}'}"
        )

    age, sex = (matching(codes, {f"{what}_usable": True}) for what in ("age", "sex"))
    parts = [off(what, rows) for what, rows in (("age", age), ("sex", sex)) if rows]
    if parts:
        return f"The attacker reads {' and '.join(parts)}."
    # Too little skill to show a prediction is not yet hidden.
    told = [
        off(what, rows)
        for what, bound, chance in (("age", "r2_low", 0.0), ("sex", "sex_auc_low", 0.5))
        if (rows := [row for row in codes if row[bound] is not None and row[bound] > chance])
    ]
    but = f", but better than by guessing {' and '.join(told)}" if told else ""
    return f"Neither age nor sex is read off any code with the skill asked for before a prediction may be shown{but}."


def counted_people(row: Row) -> str:
    """Of how many `patients` a row is."""
    return counted(int(row["patients"]), "patient")


def listed(rows: Sequence[Row]) -> str:
    """The names of what was sent, which have commas in them."""
    *others, last = [str(row["name"]) for row in rows]
    return f"{'; '.join(others)} and {last}" if others else last
