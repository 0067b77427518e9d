"""The leak in plain words: whether training left a trace of its patients, and whether the positive control shows one."""

from collections.abc import Iterator

from remnant.base.results import Row, matching
from remnant.report.words import label
from remnant.studies.subbanna2021.settings import StudySettings

LEVEL = 0.05  # of the p-values that hold for all looks at a network together

NAMES = {"unet": "3D U-Net", "segnet": "SegNet"}


def leak_findings(leak: list[Row], settings: StudySettings, decoder: str) -> Iterator[str]:
    """A paragraph for each network under `decoder`, and for each that was trained too long.

    Every measure is looked at, and both statistics: an attacker takes the one that shows the most.
    """
    for experiment in (decoder, "overfit"):
        for network in settings.networks:
            if rows := matching(leak, {"network": network, "decoder": experiment}):
                control = f", trained too long on at most {settings.few} patients" if experiment == "overfit" else ""
                yield f"{NAMES[network]}{control}: {_in_words(rows)}"


def _in_words(rows: list[Row]) -> str:
    rows = [row for row in rows if row["low"] is not None]
    if not rows:
        return "too few patients to compare members with non-members."
    seen = sorted((row for row in rows if row["low"] > 0 and row["holm_p"] <= LEVEL), key=lambda row: row["holm_p"])
    lower = [row for row in rows if row["statistic"] == "own" and row["high"] < 0 and row["holm_p"] <= LEVEL]
    told = _all(seen) or _all(lower[:1]) or _all(matching(rows, {"metric": "ssim"}))
    looks = f"{told}; p for all {len(rows)} looks together, by Holm's method"
    margins = {str(row["metric"]) for row in seen if row["statistic"] == "margin"}
    if margins:
        silent = "" if "ssim" in margins else " SSIM alone would not have shown it."
        fidelity = ", though the likeness to their own originals is lower" if lower else ""
        return (
            f"members stand out from everybody else more than the same patients as non-members{fidelity} ({looks}). Training "
            f"left a trace of its patients, beyond what the encoder gives away of anybody.{silent}"
        )
    if seen:
        return (
            f"members come out more faithfully than the same patients as non-members ({looks}). Training left a trace of its "
            "patients, beyond what the encoder gives away of anybody, though not in the margin that finds them."
        )
    if lower:
        return (
            f"members come out less faithfully than the same patients as non-members ({looks}). Training does set its patients "
            "apart, but not to this attack's gain; a likely reason is that its decoder learned from people who, like the "
            "non-members, did not train the target. What finds the patient is that the encoder can be inverted, for anybody's "
            "scan, not that it remembers its training."
        )
    ssim = {row["statistic"]: row for row in matching(rows, {"metric": "ssim"})}
    return (
        f"members and non-members come out alike ({looks}; {ssim['own']['n']} patients could have shown differences of "
        f"{ssim['own']['detectable']:.3f} and {ssim['margin']['detectable']:.3f} SSIM). What the attack exploits is that the "
        "encoder can be inverted, for anybody's scan, not that it remembers its training."
    )


def _all(rows: list[Row]) -> str:
    return "; ".join(map(_one, rows))


def _one(row: Row) -> str:
    p = f"p = {row['holm_p']:.3f}" if row["holm_p"] >= 0.001 else "p < 0.001"
    of = "margin" if row["statistic"] == "margin" else "own original"
    unit = " mm" if row["metric"] == "deformation" else ""
    interval = f"95% interval {row['low']:+.3f} to {row['high']:+.3f}"
    return f"{label(row['metric'])}, {of} {row['difference']:+.3f}{unit}, {interval}, {p}"
