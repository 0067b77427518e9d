"""The headline and the findings in plain words: what was judged, and what the paper's own tables add."""

from collections.abc import Iterator
from typing import Any

from remnant.attacks.decoder import DECODERS
from remnant.base.findings import Finding
from remnant.base.results import Highlight, Row, matching
from remnant.base.texts import counted
from remnant.report.words import label, p_in_words
from remnant.studies.judged import exposed_of, sentence_of, strongest_of_each
from remnant.studies.subbanna2021.contrasts import CONTRAST_LEVEL
from remnant.studies.subbanna2021.experiments import OVERFIT, target_of
from remnant.studies.subbanna2021.settings import StudySettings

Tables = dict[str, list[Row]]
NAMES = {"unet": "3D U-Net", "segnet": "SegNet"}


def strongest(tables: Tables, settings: StudySettings) -> str:
    """The decoder that finds the most patients by SSIM."""

    def found(decoder: str) -> int:
        return sum(
            row["rank1_count"] for row in matching(tables["identification"], {"decoder": decoder, "metric": "ssim"})
        )

    plain = [name for name in settings.experiments if name in DECODERS]
    return max(plain or settings.experiments, key=found)


def headline(tables: Tables, found: list[Finding], decoder: str) -> str:
    """The paper's result in one sentence, of the network that gives away most members, beside who trained it where that shows
    more."""
    rows = matching(tables["identification"], {"decoder": decoder, "metric": "ssim"})
    best = max(rows, key=lambda row: (row["group"] == "member", row["rank1"]))
    others = _one(rows, network=best["network"], group="non_member")
    beside = f" and {others['rank1_count']} of {others['n']} non-members" if others else ""
    said = (
        f"From the latents of a {NAMES[best['network']]} alone, the {decoder} attack finds the patient's own scan among "
        f"{best['gallery']} for {best['rank1_count']} of {best['n']} members ({best['rank1']:.0%}, 95% interval "
        f"{best['rank1_low']:.0%} to {best['rank1_high']:.0%}){beside}; chance is 1 in {best['gallery']} "
        f"({best['chance']:.1%})."
    )
    exposed = exposed_of(found)
    members = [sentence_of(one, found) for one in exposed if one.claim == "patient_scores"][:1]
    drawn = any(one.claim == "reconstructions" for one in exposed)
    return " ".join([said, *members] if drawn else [*members, said])


def highlights(tables: Tables, decoder: str) -> list[Highlight]:
    """The numbers a reader wants first: patients found by the strongest decoder, by SSIM."""
    return [
        Highlight(
            value=f"{row['rank1_count']}/{row['n']}",
            label=f"{label(row['network'])}: {label(row['group'])} found",
            note=f"{row['rank1']:.0%} [{row['rank1_low']:.0%}, {row['rank1_high']:.0%}] · chance {row['chance']:.1%}",
        )
        for row in matching(tables["identification"], {"decoder": decoder, "metric": "ssim"})
    ]


def findings(tables: Tables, found: list[Finding], settings: StudySettings, decoder: str) -> list[str]:
    """What was found, a paragraph each: of every target the strongest of each claim, and what the paper's own tables add."""
    identified = any(one.claim == "reconstructions" for one in exposed_of(found))
    said = [
        "Whoever holds the latents of a scan and the encoder can reconstruct the scan well enough to say whose it is. "
        "Guard latents like the scans themselves: do not publish, share or send them in clear."
        if identified
        else "No attack was shown to identify patients from latents in this setting. That is a statement about these attacks, at "
        "this size and training, not a clearance of the model."
    ]
    said += [sentence_of(one, found) for one in strongest_of_each(found, target_of)]
    said += _leak(tables["leak"], settings, decoder, identified=identified)
    if {"default", "published"} <= set(settings.experiments):
        said.append(_decoders(tables, settings))
    return said


def _leak(leak: list[Row], settings: StudySettings, decoder: str, *, identified: bool) -> Iterator[str]:
    """Whether training left a trace of its patients: a paragraph a network under `decoder`, and one a network trained too long.

    Every measure is looked at, and both statistics: an attacker takes the one that shows the most.
    """
    for experiment in (decoder, OVERFIT):
        for network in settings.networks:
            rows = matching(leak, {"network": network, "decoder": experiment})
            control = f", trained too long on at most {settings.few} patients" if experiment == OVERFIT else ""
            if rows:
                yield f"{NAMES[network]}{control}: {' '.join(_trace(rows, identified=identified))}"


def _trace(rows: list[Row], *, identified: bool) -> Iterator[str]:
    rows = [row for row in rows if row["low"] is not None]
    if not rows:
        yield "too few patients to compare members with non-members."
        return
    certain = sorted((row for row in rows if row["holm_p"] <= CONTRAST_LEVEL), key=lambda row: row["holm_p"])
    higher = [row for row in certain if row["low"] > 0]
    lower = [row for row in certain if row["high"] < 0 and row["statistic"] == "own"]
    if any(row["statistic"] == "margin" for row in higher):
        yield "members stand out from everybody else more than the same patients as non-members."
    elif higher:
        yield "members are reconstructed more faithfully than the same patients as non-members."
    elif lower:
        yield "members are reconstructed less faithfully than the same patients as non-members."
    else:
        yield "no difference between members and the same patients as non-members was shown."
    for row in higher or lower[:1] or matching(rows, {"metric": "ssim"}):
        yield _difference(row, shown=bool(higher or lower))
    yield "Intervals are over patients, in these very trainings; p holds for all attacks, networks and measures together."
    if higher:
        yield "Training left a trace of its patients, beyond what the encoder gives away of anybody."
        if lower:
            yield "The likeness to their own originals is lower for all that."
    elif identified:
        yield "Patients are identified because the encoder can be inverted, for anybody's scan, not because it remembers them."


def _difference(row: Row, *, shown: bool) -> str:
    of = "margin" if row["statistic"] == "margin" else "own original"
    unit = " mm" if row["metric"] == "deformation" else ""
    seen = "" if shown else f"; {row['detectable']:.3f} would have been seen"
    return (
        f"{label(row['metric'])}, {of}: {row['difference']:+.3f}{unit} (95% CI {row['low']:+.3f} to {row['high']:+.3f}, "
        f"{counted(row['n'], 'patient')}, {counted(row['trainings'], 'training')}, {p_in_words(row, 'holm_p')}{seen})."
    )


def _decoders(tables: Tables, settings: StudySettings) -> str:
    parts = []
    for network in settings.networks:
        rows = matching(tables["identification"], {"network": network, "metric": "ssim", "group": "member"})
        count = {row["decoder"]: row["rank1_count"] for row in rows}
        parts.append(f"{count['published']} against {count['default']} of {rows[0]['n']} members ({NAMES[network]})")
    return (
        f"The decoder as published against ours finds first {', '.join(parts)}. Judge a release by the "
        "stronger of the two, since an attacker will not stop at the published one."
    )


def _one(rows: list[Row], **where: Any) -> Row | None:
    found = matching(rows, where)
    return found[0] if found else None
