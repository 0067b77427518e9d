"""What a protected segmentation is worth, as rows of tables beside the findings."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pydantic

from remnant.attacks.code_attacks import Preset
from remnant.base.config import Settings
from remnant.base.results import Row, Value, number
from remnant.base.seeds import Seeds
from remnant.defenses.privacynet.retraining import RetrainSettings
from remnant.measure.intervals import bootstrap_mean
from remnant.measure.overlaps import CLEAN, Overlap, first_scans, per_class

RESAMPLES = 2000  # of the interval of each Dice: there are dozens


class WorthSettings(Settings):
    """`degraded`: test patients on whose first scan robustness is measured; `retraining` of the segmenter on codes of a second
    cohort."""

    degraded: int = pydantic.Field(default=20, ge=1)
    retraining: RetrainSettings = RetrainSettings()


WORTH: dict[Preset, WorthSettings] = {
    "smoke": WorthSettings(degraded=1, retraining=RetrainSettings(steps=2, batch=1)),
    "cpu": WorthSettings(),
    "paper": WorthSettings(retraining=RetrainSettings(steps=5000, learning_rate=1e-4)),
}


@dataclass(frozen=True)
class Worth:
    """Overlaps of patients whom no training saw by condition (`CLEAN` and keys of `cohort.spoilt.CONDITIONS`), and of second
    cohorts by cohort and training of the segmenter, "<cohort>-as_trained" and "<cohort>-retrained".

    Seconds of each scan: to `encode` (k,) it, to `segment` (k,) its code, and for the client to `undo` (k,) its secret, 0 where
    there is none. `shape` (3,) in voxels; `device` in words.
    """

    conditions: dict[str, Overlap]
    cohorts: dict[str, Overlap]
    encode: np.ndarray
    segment: np.ndarray
    undo: np.ndarray
    shape: np.ndarray
    device: str


def worth_rows(worth: Worth, seeds: Seeds) -> dict[str, list[Row]]:
    """The tables segmentation, robustness, transfer and runtime; Dice by class with its interval over patients.

    `worse_scans` is robustness with a row a class, as a page shows it: of each condition `<condition>_dice`, `_low` and `_high`.
    """
    spoilt = {patient for name, one in worth.conditions.items() if name != CLEAN for patient in one.patients}
    compared = {CLEAN: first_scans(worth.conditions[CLEAN], spoilt), **_but(worth.conditions, CLEAN)} if spoilt else {}
    robustness = [
        {"condition": name, **row}
        for name, one in compared.items()
        for row in _dice(one, seeds.child("robustness", name))
    ]
    return {
        "segmentation": _dice(worth.conditions[CLEAN], seeds.child("segmentation")),
        "robustness": robustness,
        "worse_scans": _a_row_a_class(robustness),
        "transfer": [
            {"cohort": name.rpartition("-")[0], "trained": name.rpartition("-")[2], **row}
            for name, one in worth.cohorts.items()
            for row in _dice(one, seeds.child("transfer", name))
        ],
        "runtime": seconds_rows(worth),
    }


def _dice(overlap: Overlap, seeds: Seeds) -> list[Row]:
    rows: list[Row] = []
    for name, values in per_class(overlap).items():
        found = bootstrap_mean(np.array(list(values.values())), seeds.child(name).numpy(), resamples=RESAMPLES)
        ends = {"dice": number(found.mean), "low": number(found.low), "high": number(found.high)}
        rows.append({"class": name, "n": found.n, **ends})
    return rows


def _a_row_a_class(rows: list[Row]) -> list[Row]:
    found: dict[Value, Row] = {}
    for row in rows:
        own = found.setdefault(row["class"], {"class": row["class"], "n": row["n"]})
        own["n"] = min(own["n"], row["n"])
        own |= {f"{row['condition']}_{end}": row[end] for end in ("dice", "low", "high")}
    return list(found.values())


def seconds_rows(worth: Worth) -> list[Row]:
    """Median seconds a scan, with the fastest and the slowest, of each step and `altogether`."""
    steps = {"encode": worth.encode, "segment": worth.segment, "undo": worth.undo}
    return [
        {
            "step": step,
            "n": len(seconds),
            "seconds": float(np.median(seconds)),
            "fastest": float(np.min(seconds)),
            "slowest": float(np.max(seconds)),
            "voxels": " x ".join(str(int(side)) for side in worth.shape),
            "device": worth.device,
        }
        for step, seconds in (steps | {"altogether": sum(steps.values())}).items()
    ]


def _but(several: Mapping[str, Overlap], one: str) -> dict[str, Overlap]:
    return {name: each for name, each in several.items() if name != one}
