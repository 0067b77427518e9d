"""The leak in plain words: whether training left a trace of its patients, and whether the positive control shows one."""

from collections.abc import Iterator

from remnant.base.results import Row, matching
from remnant.studies.subbanna2021.settings import StudySettings

# For either of the two statistics that are looked at, so that chance speaks of a trace in 5% of the networks without one.
LEVEL = 0.05 / 2

NAMES = {"unet": "3D U-Net", "segnet": "SegNet"}


def leak_findings(leak: list[Row], settings: StudySettings, decoder: str) -> Iterator[str]:
    """A paragraph for each network under `decoder`, and for each that was trained too long."""
    for experiment in (decoder, "overfit"):
        for network in settings.networks:
            key = {"network": network, "decoder": experiment, "metric": "ssim"}
            rows = {row["statistic"]: row for row in matching(leak, key)}
            if rows:
                control = f", trained too long on at most {settings.few} patients" if experiment == "overfit" else ""
                yield f"{NAMES[network]}{control}: {_in_words(rows['own'], rows['margin'])}"


def _in_words(own: Row, margin: Row) -> str:
    if own["low"] is None:
        return "too few patients to compare members with non-members."
    if _shown(margin):
        also = (
            f"though their similarity to their own originals is lower ({_numbers(own)})"
            if own["high"] < 0
            else f"and are {'more' if _shown(own) else 'as'} similar to their own originals ({_numbers(own)})"
        )
        return (
            f"members stand out from everybody else more than the same patients as non-members (margin {_numbers(margin)}), "
            f"{also}. Training left a trace of its patients, beyond what the encoder gives away of anybody."
        )
    if _shown(own):
        return (
            f"members come out more faithfully than the same patients as non-members ({_numbers(own)}). Training left a trace of "
            f"its patients, beyond what the encoder gives away of anybody, though not in the margin that finds them "
            f"({_numbers(margin)})."
        )
    if own["high"] < 0:
        return (
            f"members come out less faithfully than the same patients as non-members ({_numbers(own)}; margin "
            f"{_numbers(margin)}). Training does set its patients apart, but not to this attack's gain; a likely reason is that "
            "its decoder learned from people who, like the non-members, did not train the target. What finds the patient is that "
            "the encoder can be inverted, for anybody's scan, not that it remembers its training."
        )
    return (
        f"members and non-members come out alike ({_numbers(own)}; margin {_numbers(margin)}; {own['n']} patients could "
        f"have shown differences of {own['detectable']:.3f} and {margin['detectable']:.3f}). What the attack exploits is that "
        "the encoder can be inverted, for anybody's scan, not that it remembers its training."
    )


def _shown(row: Row) -> bool:
    return row["low"] > 0 and row["p"] <= LEVEL


def _numbers(row: Row) -> str:
    p = f"p = {row['p']:.3f}" if row["p"] >= 0.001 else "p < 0.001"
    return f"{row['difference']:+.3f} SSIM, 95% interval {row['low']:+.3f} to {row['high']:+.3f}, {p}"
