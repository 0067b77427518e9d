"""The headline and the findings in plain words, from the tables alone."""

from collections.abc import Sequence
from typing import Any

from remnant.attacks.decoder import DECODERS
from remnant.base.results import Highlight, Row, matching
from remnant.report.words import label
from remnant.studies.gates import (
    Conclusion,
    Gate,
    concluded,
    enough_patients,
    full_preset,
    loss_fell,
    positive_control,
)
from remnant.studies.membership import membership_findings, membership_shown
from remnant.studies.subbanna2021.experiments import EXPERIMENTS, target_name, target_of_cell
from remnant.studies.subbanna2021.leak_findings import NAMES, leak_findings
from remnant.studies.subbanna2021.recovered import recovered_in_words
from remnant.studies.subbanna2021.settings import StudySettings
from remnant.studies.subbanna2021.tables import MEAN_IMAGE

Tables = dict[str, list[Row]]
CONTROL = "overfit"
LEVEL = 0.025  # one-sided, of the patients found first, after Holm over all rows


def strongest(tables: Tables, settings: StudySettings) -> str:
    """The decoder that finds the most patients by SSIM: a verdict rests on the attack that succeeds."""

    def found(decoder: str) -> int:
        return sum(
            row["rank1_count"] for row in matching(tables["identification"], {"decoder": decoder, "metric": "ssim"})
        )

    plain = [name for name in settings.experiments if name in DECODERS]
    return max(plain or settings.experiments, key=found)


def exposed(tables: Tables) -> list[Row]:
    """The rows of `identification` in which an attack identifies more patients than chance, the positive control's left out: what
    was made to leak accuses no other target, and opens no gate for its silence."""
    return [row for row in _identified(tables) if row["decoder"] != CONTROL]


def _identified(tables: Tables) -> list[Row]:
    """The rows with more than chance: the exact interval of the share lies above it, and so does the exact test that holds for
    all rows together."""
    rows = [row for row in tables["identification"] if row["decoder"] != MEAN_IMAGE]
    return [row for row in rows if row["rank1_low"] > row["chance"] and row["holm_p"] <= LEVEL]


def conclusion(tables: Tables, settings: StudySettings) -> Conclusion:
    """Why the study supports no verdict, or none on targets beside those that it exposed."""
    verdicts = tables["membership_verdicts"]
    attacked = [_target(row) for row in tables["identification"] if row["decoder"] not in (MEAN_IMAGE, CONTROL)]
    asked = [str(row["target"]) for row in matching(verdicts, {"control": False})]
    shown = {*map(_target, exposed(tables)), *(str(row["target"]) for row in membership_shown(verdicts))}
    return concluded(lambda silent: _gates(tables, settings, silent), [*dict.fromkeys(attacked + asked)], shown)


def _target(row: Row) -> str:
    """What the target of a row of `identification` is called."""
    return target_name(str(row["network"]), EXPERIMENTS[str(row["decoder"])].target)


def _gates(tables: Tables, settings: StudySettings, targets: Sequence[str]) -> list[Gate | None]:
    """Those of these targets. A target that was trained too long on few patients is the positive control: from its latents some
    attack must identify them. A network without a control of its own rests on the other networks'."""
    networks = {target.partition("-")[0] for target in targets}
    controls = [network for network in settings.networks if CONTROL in settings.on(network)]
    controls = [network for network in controls if network in networks] or controls
    seen = matching(_identified(tables), {"decoder": CONTROL})
    # Positive controls are of few patients on purpose; of the others the fewest count.
    groups: dict[str, int] = {}
    for row in tables["identification"]:
        if row["decoder"] not in (MEAN_IMAGE, CONTROL) and _target(row) in targets:
            name = label(row["group"])
            groups[name] = min(groups.get(name, row["n"]), row["n"])
    losses: dict[str, list[float]] = {}
    for row in tables["training"]:
        if target_of_cell(str(row["cell"])) in (*targets, *(target_name(network, CONTROL) for network in controls)):
            losses.setdefault(str(row["cell"]), []).append(row["loss"])
    return [
        full_preset(settings.preset),
        enough_patients(groups),
        loss_fell(losses),
        positive_control(
            all(matching(seen, {"network": network}) for network in controls) if controls else None,
            "a target trained too long on few patients",
        ),
    ]


def _one(rows: list[Row], **where: Any) -> Row | None:
    found = matching(rows, where)
    return found[0] if found else None


def headline(tables: Tables, settings: StudySettings, decoder: str) -> str:
    """The result in one sentence, of the network that gives away most members, with interval and chance."""
    rows = matching(tables["identification"], {"decoder": decoder, "metric": "ssim"})
    best = max(rows, key=lambda row: (row["group"] == "member", row["rank1"]))
    others = _one(rows, network=best["network"], group="non_member")
    beside = f" and {others['rank1_count']} of {others['n']} non-members" if others else ""
    return (
        f"From the latents of a {NAMES[best['network']]} alone, the {decoder} attack finds the patient's own scan among "
        f"{best['gallery']} for {best['rank1_count']} of {best['n']} members ({best['rank1']:.0%}, 95% interval "
        f"{best['rank1_low']:.0%} to {best['rank1_high']:.0%}){beside}; chance is 1 in {best['gallery']} "
        f"({best['chance']:.1%})."
    )


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


def findings(tables: Tables, settings: StudySettings, decoder: str) -> list[str]:
    """What the tables mean, a paragraph each."""
    said = []
    if exposed(tables):
        said.append(
            "Whoever holds the latents of a scan and the encoder can redraw the scan well enough to say whose it is. "
            "Guard latents like the scans themselves: do not publish, share or send them in clear."
        )
    else:
        said.append(
            "The attack did not identify patients beyond chance in this setting. That is a statement about this attack, at "
            "this size and training, not a clearance of the model."
        )
    said += membership_findings(tables["membership_verdicts"])
    said += leak_findings(tables["leak"], settings, decoder, exposed=bool(exposed(tables)))
    for network in settings.networks:
        row = _one(tables["similarity"], network=network, decoder=decoder, metric="ssim", group="member")
        if row:
            said.append(
                f"{NAMES[network]}: a member's reconstruction has an SSIM of {row['own']:.2f} with its original and "
                f"{row['others']:.2f} with others; the attacker's mean image, which holds nothing of the patient, reaches "
                f"{row['mean_image']:.2f}. Similarity alone proves little; the ranks do."
            )
    if {"default", "published"} <= set(settings.experiments):
        said.append(_decoders_in_words(tables, settings))
    for network in settings.networks:
        row = _one(
            tables["other_session"],
            network=network,
            decoder=decoder,
            metric="ssim",
            group="member",
            direction="second->first",
        )
        if row:
            said.append(
                f"{NAMES[network]}: drawn from the latents of a member's second scan, which no training saw, the "
                f"reconstruction finds the first scan for {row['rank1_count']} of {row['n']} patients scanned twice."
            )
    if tables["recovered"]:
        said.append(recovered_in_words(tables["recovered"]))
    return said


def _decoders_in_words(tables: Tables, settings: StudySettings) -> str:
    parts = []
    for network in settings.networks:
        rows = matching(tables["identification"], {"network": network, "metric": "ssim", "group": "member"})
        count = {row["decoder"]: row["rank1_count"] for row in rows}
        parts.append(f"{count['published']} against {count['default']} of {rows[0]['n']} members ({NAMES[network]})")
    return (
        f"The decoder as published against ours finds first {', '.join(parts)}. Judge a release by the "
        "stronger of the two, since an attacker will not stop at the published one."
    )
