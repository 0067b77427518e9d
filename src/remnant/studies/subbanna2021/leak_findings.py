"""The leak in plain words: whether training left a trace of its patients, and whether the positive control shows one."""

from collections.abc import Iterator

from remnant.base.results import Row, matching
from remnant.base.texts import counted
from remnant.report.words import label, p_in_words
from remnant.studies.subbanna2021.settings import StudySettings

LEVEL = 0.05  # of the p-values that hold for all looks together

NAMES = {"unet": "3D U-Net", "segnet": "SegNet"}
INVERTED = (
    "Patients are identified because the encoder can be inverted, for anybody's scan, not because it remembers them."
)


def leak_findings(leak: list[Row], settings: StudySettings, decoder: str, *, exposed: bool) -> Iterator[str]:
    """A paragraph for each network under `decoder`, and for each that was trained too long.

    Every measure is looked at, and both statistics: an attacker takes the one that shows the most. `exposed`: whether patients
    are identified at all, without which nothing explains how.
    """
    for experiment in (decoder, "overfit"):
        for network in settings.networks:
            if rows := matching(leak, {"network": network, "decoder": experiment}):
                control = f", trained too long on at most {settings.few} patients" if experiment == "overfit" else ""
                yield f"{NAMES[network]}{control}: {' '.join(_sentences(rows, exposed=exposed))}"


def _sentences(rows: list[Row], *, exposed: bool) -> Iterator[str]:
    rows = [row for row in rows if row["low"] is not None]
    if not rows:
        yield "too few patients to compare members with non-members."
        return
    seen = sorted((row for row in rows if row["low"] > 0 and row["holm_p"] <= LEVEL), key=lambda row: row["holm_p"])
    lower = [row for row in rows if row["statistic"] == "own" and row["high"] < 0 and row["holm_p"] <= LEVEL]
    margins = [row for row in seen if row["statistic"] == "margin"]
    if margins:
        yield "members stand out from everybody else more than the same patients as non-members."
    elif seen:
        yield "members are reconstructed more faithfully than the same patients as non-members."
    elif lower:
        yield "members are reconstructed less faithfully than the same patients as non-members."
    else:
        yield "no difference between members and the same patients as non-members was shown."
    for row in seen or lower[:1] or matching(rows, {"metric": "ssim", "statistic": "own"}):
        yield _one(row)
    yield "Intervals are over patients, in these very trainings; p holds for all attacks, networks and measures together."
    if seen:
        yield "Training left a trace of its patients, beyond what the encoder gives away of anybody."
        if not margins:
            yield "It is not seen in the margin, which decides who is identified."
        elif "ssim" not in {row["metric"] for row in margins}:
            yield "SSIM alone would not have shown it."
        if lower:
            yield "The likeness to their own originals is lower for all that."
    elif lower:
        yield "Training sets its patients apart, but not to this attack's gain."
        yield "A likely reason: the attack's decoder learned from people who, like the non-members, did not train the target."
    else:
        for statistic, what in (("own", "the similarity to the own original"), ("margin", "the margin")):
            for row in matching(rows, {"metric": "ssim", "statistic": statistic}):
                yield (
                    f"{counted(row['n'], 'patient')} would have shown a difference of {row['detectable']:.3f} in {what} by SSIM."
                )
    if exposed and not seen:
        yield INVERTED


def _one(row: Row) -> str:
    of = "margin" if row["statistic"] == "margin" else "own original"
    unit = " mm" if row["metric"] == "deformation" else ""
    return (
        f"{label(row['metric'])}, {of}: {row['difference']:+.3f}{unit} (95% CI {row['low']:+.3f} to {row['high']:+.3f}, "
        f"{counted(row['n'], 'patient')}, {counted(row['trainings'], 'training')}, {p_in_words(row, 'holm_p')})."
    )
