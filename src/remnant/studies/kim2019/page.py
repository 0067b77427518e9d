"""What the report says: the first sentence, tiles, findings in words, what was attacked; the rest is in `chapters.toml`."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from remnant.base.findings import Finding
from remnant.base.results import Highlight, Row, matching
from remnant.base.terms import CODES
from remnant.base.texts import counted
from remnant.cohort.images import Images
from remnant.report.words import label, number
from remnant.studies.gates import Conclusion, Gate, concluded, full_preset, loss_fell
from remnant.studies.judged import exposed_of, open_of, sentence_of
from remnant.studies.kim2019.identity_tables import QUERIED, primary_kind
from remnant.studies.kim2019.sections import CHAPTERS, sections
from remnant.studies.kim2019.summary_tables import MOST_ACCURATE, MOST_LOST, Tables
from remnant.studies.kim2019.variants import Variant, is_control

SEGMENTATION = "segmentation"  # the term of a training that says whether the segmenter learned


def words(
    findings: Sequence[Finding],
    tables: Tables,
    variants: Mapping[str, Variant],
    attacked: list[str],
    departures: list[str] | None = None,
) -> dict[str, Any]:
    """The fields of `Results` that are prose or say what is shown; what was `attacked` as it says.

    `departures`: in what the training by the paper's recipe differs from the paper's, where a variant follows it.
    """
    told = tomllib.loads(CHAPTERS.read_text("utf-8"))["page"]
    return {
        **told,
        "headline": headline(findings, tables),
        "highlights": highlights(tables),
        "findings": paragraphs(findings, tables),
        "threat_model": [*told["threat_model"], *_secret(variants)],
        "attacked": attacked,
        "not_tested": [*_unmeasured(tables, variants), *told["not_tested"]],
        "sections": sections(tables, departures),
    }


def conclusion(findings: Sequence[Finding], tables: Tables, preset: str) -> Conclusion:
    """Why the run supports no verdict, or none on variants beside those that it exposed."""
    hidden = [row for row in tables["headline"] if not is_control(row)]
    exposed = {one.target for one in exposed_of(of_codes(findings, tables))}

    if trial := full_preset(preset):
        return Conclusion([trial.reason], [])

    def gates(names: Sequence[str]) -> list[Gate | None]:
        losses: dict[str, list[float]] = {name: [] for name in names}
        # A variant goes on from its recipe's pre-training and is held against its raw scans, but needs no other's training.
        others = {row["name"] for row in hidden} - set(names)
        recipes = {row["recipe"] for row in hidden if row["name"] in names}
        for row in matching(tables["stage1"], {"term": SEGMENTATION}):
            if row["name"] not in others and row["recipe"] in recipes:
                losses.setdefault(str(row["name"]), []).append(row["value"])
        untold = [Gate(said[0]) for target, said in open_of(of_codes(findings, tables)).items() if target in names]
        return [loss_fell(losses), *untold]

    return concluded(gates, [str(row["name"]) for row in hidden], exposed)


def of_codes(findings: Sequence[Finding], tables: Tables) -> list[Finding]:
    """What was found of the codes of what hides anything: that segmentations tell patients apart exposes no code."""
    hidden = {row["name"] for row in tables["headline"] if not is_control(row)}
    return [one for one in findings if one.target in hidden and one.view.startswith(CODES)]


def headline(findings: Sequence[Finding], tables: Tables) -> str:
    """How many ways to send a scan expose patients, the strongest finding, and what remains at the least."""
    hidden = [row for row in tables["headline"] if not is_control(row)]
    if not hidden:
        return "Nothing was hidden: the scans were sent as they are."
    exposed = exposed_of(of_codes(findings, tables))
    names = {one.target for one in exposed}
    ways = counted(len(hidden), "way to hide a scan", "ways to hide a scan")
    if not exposed:
        return f"Of {ways}, none was shown to expose patients by its codes. {_least(tables)}".strip()
    first = sentence_of(exposed[0], findings)
    verb = "exposes" if len(names) == 1 else "expose"
    return f"Of {ways}, {len(names)} {verb} patients by what is sent. {first} {_least(tables)}".strip()


def _least(tables: Tables) -> str:
    """The least that any variant leaves to the strongest attack, among those whose value says anything."""
    rows = [row for row in _trade_off(tables, "everything") if row["counts"]]
    if not rows:
        return ""
    least = min(rows, key=lambda row: row["value"])
    cost = (
        "" if least["loss"] is None else f", at {number(abs(least['loss']), spec='.3f')} of Dice {_way(least['loss'])}"
    )
    return f"The least remains with {least['name']}: the strongest attack has an AUC of {_bounded(least)}{cost}."


def _way(loss: float) -> str:
    return "gained" if loss < 0 else "lost"


def _bounded(row: Row, spec: str = ".2f") -> str:
    ends = "" if row["low"] is None else f" [{number(row['low'], spec=spec)}, {number(row['high'], spec=spec)}]"
    return f"{number(row['value'], spec=spec)}{ends}"


def _trade_off(tables: Tables, against: str) -> list[Row]:
    """The rows of what hides anything."""
    return [row for row in matching(tables["trade_off"], {"against": against}) if not is_control(row)]


def highlights(tables: Tables) -> list[Highlight]:
    """A tile a variant: the strongest attack on anything that the server sees, with what hiding costs."""
    tiles = []
    for row in matching(tables["trade_off"], {"against": "everything"}):
        cost = "" if row["loss"] is None else f" · Dice {number(-row['loss'], spec='+.3f')}"
        if row["counts"] is False:
            why = f"it did not pass its control on raw scans{cost}"
            tiles.append(Highlight(value="–", label=f"{row['name']}: no conclusion", note=why))
            continue
        who = f"{_bounded(row)} · {counted(int(row['patients']), 'patient')} · {label(row['attack'])} on the {label(row['view'])}"
        tiles.append(
            Highlight(
                value=number(row["value"]), label=f"{row['name']}: AUC of the strongest attack", note=f"{who}{cost}"
            )
        )
    return tiles


def paragraphs(findings: Sequence[Finding], tables: Tables) -> list[str]:
    """What the tables mean and what to do, a paragraph each."""
    if all(is_control(row) for row in tables["headline"]):
        return []
    codes = of_codes(findings, tables)
    rest = [one for one in findings if one.claim == "patient_scores"]
    said = [
        "Treat a code that exposes patients as the scan itself: send it only under the agreement and the encryption that would "
        "cover the scan. Scrambled to the eye is not private; only the attack tells."
        if exposed_of(codes)
        else "Silence is a statement about these attacks, at this size and effort.",
        *(sentence_of(one, findings) for one in {one.target: one for one in reversed(codes)}.values()),
        _of_paper(tables),
        _of_map(tables),
        *(sentence_of(one, findings) for one in rest[:1]),
        _pictures(tables),
    ]
    return [text for text in said if text]


def _of_paper(tables: Tables) -> str:
    rows = [row for row in _trade_off(tables, "paper") if row["loss"] is not None and row["counts"] is not False]
    if not rows:
        return ""
    asked = (
        f"Yardstick 1, the paper's own adversaries: the strongest at most {MOST_ACCURATE:.2f} balanced accuracy, for at most "
        f"{MOST_LOST:.2f} of overall Dice."
    )
    reached = [row for row in rows if row["reached"]]
    nearest = min(rows, key=lambda row: max(0, row["value"] - MOST_ACCURATE) + max(0, row["loss"] - MOST_LOST))
    told = [
        f"{row['name']} ({_bounded(row, '.3f')}, Dice {number(-row['loss'], spec='+.3f')})"
        for row in reached or [nearest]
    ]
    return f"{asked} {'Reached by' if reached else 'Not reached; nearest comes'} {'; '.join(told)}."


def _of_map(tables: Tables) -> str:
    kind = primary_kind(tables["identity"])
    rows = [row for row in matching(tables["difference"], {"kind": kind}) if not is_control(row)]
    if not rows:
        return ""
    asked = "Yardstick 2, a code held against its own segmentation: an attack on the code should tell no more."
    worst: dict[str, Row] = {}
    for row in sorted((row for row in rows if row["beyond"]), key=lambda row: -row["difference"]):
        worst.setdefault(str(row["name"]), row)
    if not worst:
        return f"{asked} No more was seen of any."
    told = [
        f"{row['name']} ({label(row['attack'])}: {number(row['difference'], spec='+.2f')} [{number(row['low'], spec='+.2f')}, "
        f"{number(row['high'], spec='+.2f')}])"
        for row in worst.values()
    ]
    return f"{asked} By AUC it tells more for {'; '.join(told)}."


def _pictures(tables: Tables) -> str:
    if not matching(tables["headline"], {"method": "deformation"}):
        return ""
    return (
        "What is sent under a secret deformation is still a picture of the patient's head. That the straight scan is not "
        "reconstructed does not make it a code."
    )


def _secret(variants: Mapping[str, Variant]) -> list[str]:
    told = "Where the client keeps a secret, the attacker knows the law that it is drawn from, not the draw."
    return [told] if any(variant.secret for variant in variants.values()) else []


def attacked(tables: Tables, variants: Mapping[str, Variant], scans: Images) -> list[str]:
    """What was attacked, on whom and on which pairs; `scans` are those that the study ran on."""
    patients = {
        role: len({name for name, own in zip(scans.patients, scans.roles, strict=True) if own == role})
        for role in ("training", "test")
    }
    shape = " x ".join(str(side) for side in scans.images[0].shape[1:])
    said = [
        f"Ways to send a scan: {'; '.join(variant.words for variant in variants.values())}.",
        f"Scans of {shape} voxels at {scans.spacing_mm:g} mm, segmented into "
        f"{', '.join(label(name) for name in scans.classes[1:])}.",
        f"{counted(patients['training'], 'patient trains', 'patients train')} the networks and the attacks; "
        f"{counted(patients['test'], 'other patient, whom no training saw, is', 'other patients, whom no training saw, are')} "
        "reported.",
    ]
    kind = primary_kind(tables["identity"])
    for each in dict.fromkeys(row["kind"] for row in tables["identity"]):
        row = next(row for row in tables["identity"] if row["kind"] == each)
        apart = "" if each == kind else ", reported apart"
        said.append(
            f"Identity rests on {counted(row['same'], f'{each} pair')} of one patient and {row['different']} of two, of "
            f"{counted(row['patients'], 'test patient')}{apart}."
        )
    return said


def _unmeasured(tables: Tables, variants: Mapping[str, Variant]) -> list[str]:
    secret = any(variant.secret for variant in variants.values())
    queried = any(row["view"] in QUERIED.values() for row in tables["identity"])
    return [
        *([] if tables["inversion"] else ["Whether the scan can be reconstructed."]),
        *([] if tables["attributes"] else ["Age and sex of whom a code is of."]),
        *([] if tables["transfer"] else ["A second cohort."]),
        *(["One patient sent many times with fresh secrets."] if secret and not queried else []),
    ]
