"""The first sentence, the tiles and the findings in plain words, from the tables alone."""

from collections.abc import Sequence

from remnant.base.results import Highlight, Row, matching
from remnant.report.words import label, number
from remnant.studies.gates import (
    Conclusion,
    Gate,
    concluded,
    enough_patients,
    full_preset,
    loss_fell,
    positive_control,
)
from remnant.studies.kim2019.described import is_control
from remnant.studies.kim2019.identity_tables import primary_kind
from remnant.studies.kim2019.measured_findings import counted_people, listed, measured_findings
from remnant.studies.kim2019.records import RAW
from remnant.studies.kim2019.summary_tables import Tables
from remnant.studies.kim2019.yardsticks import yardsticks
from remnant.studies.membership import membership_shown

NO_CONTROL = "it did not pass its control on raw scans"
SEGMENTATION = "segmentation"  # the term of a training that says whether the segmenter learned


def protected(tables: Tables) -> list[Row]:
    """The rows of the headline of what hides anything."""
    return [row for row in tables["headline"] if not is_control(row)]


def conclusion(tables: Tables, preset: str) -> Conclusion:
    """Why the run supports no verdict, or none on variants beside those that it exposed.

    The positive control are the raw scans: an attack must reconstruct them and an adversary must distinguish them. That
    segmentations tell patients apart exposes no code: nearly all do, those of raw scans, too.
    """
    rows = protected(tables)
    shown = {str(row["name"]) for row in rows if row["inverted"] or row["beyond"]}
    shown |= {str(row["name"]) for row in _attacked(tables) if row["knows"] and row["view"] != "labels"}
    shown |= {str(row["target"]) for row in membership_shown(tables.get("membership_verdicts", []))}
    names = [str(row["name"]) for row in rows]
    return concluded(lambda silent: _gates(tables, preset, silent), names, shown)


def _attacked(tables: Tables) -> list[Row]:
    """The rows of `identity` that headlines rest on, of what hides anything."""
    kind = primary_kind(tables["identity"])
    return [row for row in matching(tables["identity"], {"kind": kind}) if not is_control(row)]


def _gates(tables: Tables, preset: str, names: Sequence[str]) -> list[Gate | None]:
    """Those of the variants of these `names`."""
    rows = [row for row in protected(tables) if row["name"] in names]
    patients = [row["patients"] for row in _attacked(tables) if row["name"] in names]
    losses: dict[str, list[float]] = {name: [] for name in names}
    # A variant goes on from its recipe's pre-training and is held against its raw scans, but needs no other variant's training.
    others, recipes = {row["name"] for row in protected(tables)} - set(names), {row["recipe"] for row in rows}
    for row in matching(tables["stage1"], {"term": SEGMENTATION}):
        if row["name"] not in others and row["recipe"] in recipes:
            losses.setdefault(str(row["name"]), []).append(row["value"])
    controls = [counted(tables, row) for row in rows]
    return [
        full_preset(preset),
        enough_patients({"test patients": min(patients)} if patients else {}),
        loss_fell(losses),
        positive_control(all(controls) if controls else None, "raw scans, under the same attacks"),
    ]


def headline(tables: Tables) -> str:
    """Whether a code can be inverted, or tells more than its own segmentation, and what then remains of a patient."""
    rows = protected(tables)
    if not rows:
        return "Nothing was hidden: the scans were sent as they are."
    inverted = [row for row in rows if row["inverted"]]
    beyond = [row for row in rows if row["beyond"]]
    if inverted:
        worst = max(inverted, key=lambda row: (row["code_rank1"], row["code_rank1_count"]))
        said = (
            f"{_how_many(inverted, rows, 'can be inverted', 'can be inverted')}: reconstructed from the code of "
            f"{worst['name']}, {_first(worst, 'code')}, and from its segmentation alone {worst['map_rank1_count']} "
            f"(chance is {worst['chance']:.1%})"
        )
    elif beyond:
        most = max((row for row in tables["difference"] if row["beyond"]), key=lambda row: row["difference"])
        one, several = (
            "tells more of a patient than its own segmentation",
            "tell more of a patient than their own segmentations",
        )
        said = (
            f"{_how_many(beyond, rows, one, several)}, most that of "
            f"{most['name']}, on {counted_people(most)}, by an AUC of {_signed(most['difference'])} [{_signed(most['low'])}, "
            f"{_signed(most['high'])}] ({label(most['attack'])}). {_none_inverted(tables).removesuffix('.')}"
        )
    elif any(row["beyond"] is None for row in rows):
        return (
            f"{_none_inverted(tables)} The test patients are too few, or the segmentation was not attacked, to say whether a "
            "code tells more of a patient than its own segmentation."
        )
    elif all(counted(tables, row) for row in rows):
        said = "No code was seen to tell more of a patient than its own segmentation does, and none could be inverted"
    else:
        return (
            "No code was seen to tell more of a patient than its own segmentation does, but the attacks "
            "did not prove themselves on raw scans, so that this says nothing of the codes."
        )
    return f"{said}; {_remains(tables)}."


def exposed(tables: Tables) -> bool:
    """Whether the code of some variant can be inverted, or tells more than its segmentation."""
    return any(row["inverted"] or row["beyond"] for row in protected(tables))


def _none_inverted(tables: Tables) -> str:
    """What may be said where no code was inverted: nothing, where the raw scans were not either."""
    raw = matching(tables["headline"], {"variant": RAW})
    if raw and raw[0]["inverted"]:
        return "No code could be inverted, while the raw scans were, by the same attack."
    return "The attack inverted nothing, not even the raw scans, so that its failure says nothing of the codes."


def counted(tables: Tables, row: Row) -> bool:
    """Whether attacks on this variant's code proved themselves on raw scans: a fresh adversary, and the inversion decoder."""
    where = {"variant": row["variant"], "view": "code", "kind": primary_kind(tables["identity"])}
    redrawn = [each["inverted"] for each in tables["headline"] if each["variant"] == RAW]
    return redrawn == [True] and any(found["counts"] for found in matching(tables["identity"], where))


def highlights(tables: Tables) -> list[Highlight]:
    """A tile a variant: the strongest attack on anything that the server sees, with what hiding costs."""
    tiles = []
    for row in matching(tables["trade_off"], {"against": "everything"}):
        once = _once(tables, row)
        single = "" if once is None else f" · one code, {counted_people(once)}, {number(once['value'])}"
        cost = "" if row["loss"] is None else f" · Dice {_signed(-row['loss'])}"
        if row["counts"] is False:
            tiles.append(Highlight(value="–", label=f"{row['name']}: no conclusion", note=f"{NO_CONTROL}{cost}"))
            continue
        tiles.append(
            Highlight(
                value=number(row["value"]),
                label=f"{row['name']}: AUC of the strongest attack",
                note=f"{_interval(row)}{counted_people(row)} · {label(row['attack'])} on the {label(row['view'])}{single}{cost}",
            )
        )
    return tiles


def findings(tables: Tables) -> list[str]:
    """What the tables mean and what to do, a paragraph each."""
    if not protected(tables):
        return []
    return [text for text in (_what_to_do(tables), *yardsticks(tables), *measured_findings(tables)) if text]


def _what_to_do(tables: Tables) -> str:
    rows = protected(tables)
    inverted = [row for row in rows if row["inverted"]]
    if inverted:
        return (
            f"Treat the codes of {listed(inverted)} as the scans themselves: send them only under the agreement and "
            "the encryption that would cover the scans. Scrambled to the eye is not private; only the attack tells."
        )
    if any(row["beyond"] for row in rows):
        return (
            "Where a code tells more than its segmentation, whoever stores codes holds more of the patient than the service "
            "needs. Send codes only to whom the scans could be sent, and let them be deleted once they are "
            "segmented."
        )
    if any(row["beyond"] is None for row in rows):
        return (
            "Rest no decision on this run: what it cannot tell apart may still be there. Give it more patients whom no "
            "training saw, and attack the segmentations as well."
        )
    return (
        "These attacks, at this size and effort, got no more out of the codes than out of the segmentations that come back. "
        "That is a statement about these attacks; what the segmentations themselves tell is below."
    )


def _remains(tables: Tables) -> str:
    """The least that any variant leaves to the strongest attack."""
    rows = [row for row in matching(tables["trade_off"], {"against": "everything"}) if not is_control(row)]
    void = [row for row in rows if row["counts"] is False]
    rows = [row for row in rows if row not in void]
    if not rows:
        return f"what remains is not known: of no code did the strongest attack succeed, and {NO_CONTROL}"
    # Where everything is found by some attack, the weaker attacks of the paper still differ.
    published = {row["variant"]: row["value"] for row in matching(tables["trade_off"], {"against": "paper"})}
    least = min(rows, key=lambda row: (row["value"], published.get(row["variant"], 1.0)))
    who = "a patient's other scan" if least["attack"] == "redrawn" else "two scans of one patient"
    cost = "" if least["loss"] is None else f", at {_cost(least['loss'])}"
    once = _once(tables, least)
    single = ""
    if once is not None:
        single = (
            f", one code and its segmentation of {counted_people(once)} with {number(once['value'])}{_bounds(once)}"
        )
    sure = "" if counted(tables, least) else ", by attacks that did not prove themselves on raw scans"
    sure += _proved(least)
    if void:
        sure += f"; no conclusion about {listed(void)}, where the strongest attack did not succeed and {NO_CONTROL}"
    only = "what remains" if len(rows) == 1 else f"the least remains with {least['name']}"
    return (
        f"{only}{cost}: the strongest attack on all that the server sees of {counted_people(least)} distinguishes {who} from "
        f"other patients' scans with an AUC of {number(least['value'])}{_bounds(least)}{single} (0.5 is guessing){sure}"
    )


def _proved(row: Row) -> str:
    """How many adversaries of what is compared proved themselves on raw scans; nothing where all did or none was judged."""
    if not row["adversaries"] or row["proved"] == row["adversaries"]:
        return ""
    return f"; only {row['proved']} of {row['adversaries']} adversaries, on code and segmentation, passed their control"


def _once(tables: Tables, row: Row) -> Row | None:
    """The strongest attack on one code and its segmentation, where many codes of a patient tell more."""
    rows = matching(tables["trade_off"], {"against": "once", "variant": row["variant"]})
    return next((each for each in rows if each["value"] < row["value"]), None)


def _bounds(row: Row) -> str:
    return "" if row["low"] is None else f" [{number(row['low'])}, {number(row['high'])}]"


def _how_many(some: list[Row], rows: list[Row], one: str, several: str) -> str:
    if len(rows) == 1:
        return f"The code {one}"
    if len(some) == 1:
        return f"1 of {len(rows)} codes {one}"
    return f"{f'All {len(rows)}' if len(some) == len(rows) else f'{len(some)} of {len(rows)}'} codes {several}"


def _first(row: Row, view: str) -> str:
    return (
        f"{row[f'{view}_rank1_count']} of {row[f'{view}_n']} patients' own scans are found first "
        f"({row[f'{view}_rank1']:.0%}, 95% interval {row[f'{view}_rank1_low']:.0%} to {row[f'{view}_rank1_high']:.0%})"
    )


def _cost(loss: float) -> str:
    return f"{number(abs(loss), spec='.3f')} of Dice {'gained' if loss < 0 else 'lost'}"


def _signed(value: float | None) -> str:
    return "–" if value is None else number(value, spec="+.3f")


def _interval(row: Row) -> str:
    return "" if row["low"] is None else f"[{number(row['low'])}, {number(row['high'])}] · "
