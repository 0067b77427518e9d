"""Rows of the likely candidates: how many, what they resemble, and what age and sex can be read off them."""

from collections.abc import Iterator

import numpy as np

from remnant.attacks.demographics import Reader
from remnant.base.results import Row
from remnant.measure.neighbours import distinct_neighbours
from remnant.studies import published
from remnant.studies.lee2025.kept import Attacked
from remnant.studies.lee2025.matches import SETS, Match, age_errors, match, read, sexes_right, truth_of
from remnant.studies.lee2025.scores import ATTACK, Audited


def likely_rows(audit: Audited, reader: Reader) -> Iterator[Row]:
    """The paper's table of likely samples, a row a method, with how many are to be expected of two lists that hang together
    in nothing."""
    for method, attacked in audit.found.items():
        count = len(attacked.images)
        shares = [
            float((scores <= cutoff).mean())
            for scores, cutoff in (
                (attacked.excitation, attacked.excitation_cutoff),
                (attacked.distance, attacked.distance_cutoff),
            )
        ]
        paper = published.LEE2025_LIKELY.get(audit.target, {}) if method == ATTACK else {}
        nearest = published.LEE2025_NEAREST.get(audit.target, {}) if method == ATTACK else {}
        row: Row = {
            "target": audit.target,
            "source": audit.source,
            "method": method,
            "members": len(audit.patients("members")),
            "candidates": count,
            "likely": int(attacked.likely.sum()),
            "chance": shares[0] * shares[1] * count,
            "published_likely": paper.get("likely"),
        }
        found = match(audit, attacked)
        row |= _similarities(audit, found)
        row |= {f"published_{name}": _range(paper.get(name)) for name in ("ssim", "cosine")}
        row |= _people(audit, attacked, found, reader)
        row |= {"published_sex": _of(paper, "sex"), "published_age": _range(paper.get("age"))}
        yield row | {
            "published_nearest_sex": nearest.get("sex") and f"{nearest['sex']} of {paper['likely']}",
            "published_nearest_age": _range(nearest.get("age")),
        }


def _similarities(audit: Audited, found: Match | None) -> Row:
    row: Row = {}
    for name in ("ssim", "cosine", "ssim_non_member"):
        values = getattr(found, name) if found else np.zeros(0)
        row |= {f"{name}_low": _end(values, np.min), f"{name}_high": _end(values, np.max)}
    names = [audit.groups["members"].patients[image] for image in found.image] if found else []
    if not names:
        return row | dict.fromkeys(("neighbours", "neighbours_expected", "neighbours_most"))
    distinct = distinct_neighbours(np.array(names), len(audit.patients("members")))
    return row | {
        "neighbours": distinct.distinct,
        "neighbours_expected": distinct.expected,
        "neighbours_most": distinct.most,
    }


def _people(audit: Audited, attacked: Attacked, found: Match | None, reader: Reader) -> Row:
    """Ages and sexes of the likely candidates: what is read, and against the nearest training image's patient."""
    ages = attacked.age[attacked.likely] if reader.reads_age else np.zeros(0)
    males = attacked.male[attacked.likely] if reader.reads_sex else np.zeros(0)
    row: Row = {
        "predicted_age_low": _end(ages, np.min),
        "predicted_age_high": _end(ages, np.max),
        "predicted_men": int((males >= 0.5).sum()) if len(males) else None,
    }
    for name, stem in zip(SETS, ("", "nearest_"), strict=True):
        errors, right = np.zeros(0), np.zeros(0, dtype=bool)
        if found:
            truth = truth_of(audit.groups["members"], found)
            age, male = read(audit, attacked, found, reader, name)
            errors = age_errors(age, truth) if reader.reads_age else errors
            right = sexes_right(male, truth) if reader.reads_sex else right
        row |= {
            f"{stem}sex_right": int(right.sum()) if len(right) else None,
            f"{stem}sex_known": len(right) or None,
            f"{stem}age_error_low": _end(errors, np.min),
            f"{stem}age_error_high": _end(errors, np.max),
        }
    return row


def _end(values: np.ndarray, end) -> float | None:
    return float(end(values)) if len(values) else None


def _range(ends: tuple[float, float] | None) -> str | None:
    """ "0.35 to 0.53", or one number where both ends are one."""
    if ends is None:
        return None
    return f"{ends[0]:g}" if ends[0] == ends[1] else f"{ends[0]:g} to {ends[1]:g}"


def _of(paper: dict, name: str) -> str | None:
    return f"{paper[name]} of {paper['likely']}" if name in paper else None
