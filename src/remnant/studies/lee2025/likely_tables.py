"""The paper's table of likely samples, and who is in them: age and sex as read, held against the nearest training patient."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from remnant.attacks.demographics import Reader
from remnant.audit.cells.kept import Likely
from remnant.audit.cells.likely import likely_row as audited_row
from remnant.audit.cells.reader import skill_row
from remnant.base.results import Row, number
from remnant.cohort.images import AGE, SEX, Images
from remnant.measure.anonymity import Population, anonymity_set
from remnant.studies import published
from remnant.studies.lee2025.drawn import DrawnCandidates, as_pictures
from remnant.studies.lee2025.settings import ATTACK

SETS = ("likely_samples", "nearest_training_images")


@dataclass(frozen=True)
class LikelyMatches:
    """The likely candidates, `chosen` (k,), and the place of the member's image that each comes nearest to, `nearest` (k,).

    `ages` and `sexes` (k,) are of whom that shows, 1 for a man, NaN where unknown; `read`, by set of `SETS`, are ages and
    probabilities of a man.
    """

    chosen: np.ndarray
    nearest: np.ndarray
    ages: np.ndarray
    sexes: np.ndarray
    read: Mapping[str, tuple[np.ndarray, np.ndarray]]

    def age_errors(self, name: str) -> np.ndarray:
        """Of those whose age is known."""
        known = np.isfinite(self.ages)
        return np.abs(self.read[name][0] - self.ages)[known]

    def sexes_right(self, name: str) -> np.ndarray:
        """Of those whose sex is known."""
        known = np.isfinite(self.sexes)
        return ((self.read[name][1] >= 0.5) == (self.sexes == 1))[known]


def match(drawn: DrawnCandidates, members: Images, reader: Reader) -> LikelyMatches:
    """The likely ones among what was drawn of a target that `members` trained."""
    chosen = np.flatnonzero(drawn.likely)
    nearest = drawn.nearest[chosen]
    sets = (as_pictures(drawn.images[chosen]), members.images[nearest])
    read = {name: reader.model.predict(images) for name, images in zip(SETS, sets, strict=True) if len(chosen)}
    nothing = {name: (np.zeros(0), np.zeros(0)) for name in SETS}
    return LikelyMatches(chosen, nearest, members.details[AGE][nearest], members.details[SEX][nearest], nothing | read)


def likely_row(
    target: str, source: str, method: str, drawn: DrawnCandidates, kept: Likely, members: Images, reader: Reader
) -> Row:
    """The audit's row of likely candidates, what they resemble, and how far off is what is read of each and of the training image
    nearest to it; beside the published numbers."""
    found, usable = match(drawn, members, reader), {"age": reader.reads_age, "sex": reader.reads_sex}
    paper = published.LEE2025_LIKELY.get(target, {}) if method == ATTACK else {}
    nearest = published.LEE2025_NEAREST.get(target, {}) if method == ATTACK else {}
    row: Row = {"target": target, "source": source, "method": method}
    row |= audited_row(kept, members, reader) | {"published_likely": paper.get("likely")}
    for name, values in (("ssim", drawn.ssim), ("cosine", drawn.cosine), ("ssim_non_member", drawn.ssim_other)):
        row |= _ends(name, values[found.chosen].astype(float))
    row |= {f"published_{name}": _range(paper.get(name)) for name in ("ssim", "cosine")}
    for name, stem in zip(SETS, ("", "nearest_"), strict=True):
        right = found.sexes_right(name) if usable["sex"] else np.zeros(0, dtype=int)
        row |= {f"{stem}sex_right": int(right.sum()) if len(right) else None, f"{stem}sex_known": len(right) or None}
        row |= _ends(f"{stem}age_error", found.age_errors(name) if usable["age"] else np.zeros(0))
    return row | {
        "published_sex": _of(paper, "sex"),
        "published_age": _range(paper.get("age")),
        "published_nearest_sex": nearest.get("sex") and f"{nearest['sex']} of {paper['likely']}",
        "published_nearest_age": _range(nearest.get("age")),
    }


def people_tables(matched: Mapping[str, LikelyMatches], reader: Reader) -> dict[str, list[Row]]:
    """The tables `demographics`, `ages` and `sexes`: the reader's own validation first, then each target's likely samples and
    nearest training images under the published attack. What it has no skill for is left out but for the validation."""
    people = reader.model.people()
    validation = "validation_patients"
    ages: list[Row] = [
        {"target": None, "set": validation, "actual": float(age), "predicted": float(predicted)}
        for age, predicted in zip(people["age"], people["predicted_age"], strict=True)
    ]
    called = (people["probability"] >= 0.5).to_numpy()
    sexes = list(_confusion(None, validation, people["male"].to_numpy(), called))
    demographics = [_skill_row(reader)]
    for target, found in matched.items():
        for name in SETS if len(found.chosen) else ():
            age, male = found.read[name]
            demographics.append(_set_row(target, name, found, reader))
            known = np.isfinite(found.ages)
            if reader.reads_age:
                ages += [
                    {"target": target, "set": name, "actual": float(actual), "predicted": float(predicted)}
                    for actual, predicted in zip(found.ages[known], age[known], strict=True)
                ]
            known = np.isfinite(found.sexes)
            if reader.reads_sex and known.any():
                sexes += _confusion(target, name, found.sexes[known] == 1, male[known] >= 0.5)
    return {"demographics": demographics, "ages": ages, "sexes": sexes}


def _skill_row(reader: Reader) -> Row:
    row: Row = {"target": None, "set": "validation_patients", **skill_row(reader)}
    row |= {f"published_{name}": value for name, value in published.LEE2025_DEMOGRAPHICS.items()}
    return row | {"age_usable": reader.reads_age, "sex_usable": reader.reads_sex}


def _set_row(target: str, name: str, found: LikelyMatches, reader: Reader) -> Row:
    """Means without intervals: likely samples share their neighbours, and are no sample of patients."""
    row: Row = dict.fromkeys(_skill_row(reader)) | {"target": target, "set": name, "n": len(found.chosen)}
    errors, right = found.age_errors(name), found.sexes_right(name)
    if reader.reads_age and len(errors):
        guess = np.abs(reader.age.guess - found.ages[np.isfinite(found.ages)])
        row |= {
            "mae": float(errors.mean()),
            "rmse": float(np.sqrt((errors**2).mean())),
            "guess_mae": float(guess.mean()),
        }
    if reader.reads_sex and len(right):
        men = float((found.sexes[np.isfinite(found.sexes)] == 1).mean())
        row |= {"accuracy": float(right.mean()), "guess_accuracy": max(men, 1 - men)}
    return row | {"age_usable": reader.reads_age, "sex_usable": reader.reads_sex}


def _confusion(target: str | None, name: str, actual: np.ndarray, called: np.ndarray) -> Iterator[Row]:
    for sex, male in (("F", False), ("M", True)):
        for guess, guessed in (("F", False), ("M", True)):
            count = int(((actual == male) & (called == guessed)).sum())
            yield {"target": target, "set": name, "actual": sex, "predicted": guess, "count": count}


def _ends(name: str, values: np.ndarray) -> Row:
    low, high = (float(values.min()), float(values.max())) if len(values) else (None, None)
    return {f"{name}_low": low, f"{name}_high": high}


def _range(ends: tuple[float, float] | None) -> str | None:
    """ "0.35 to 0.53", or one number where both ends are one."""
    if ends is None:
        return None
    return f"{ends[0]:g}" if ends[0] == ends[1] else f"{ends[0]:g} to {ends[1]:g}"


def _of(paper: Mapping[str, object], name: str) -> str | None:
    return f"{paper[name]} of {paper['likely']}" if name in paper else None


def anonymity_rows(
    target: str, drawn: DrawnCandidates, reader: Reader, population: Population, site: float
) -> Iterator[Row]:
    """How many people would fit what is read off the likely candidates, or off the first of the list where none is likely.

    Without and with knowing the `site`, which draws from so many people; the reconstruction that the fewest people fit, with
    the interval that the validation's number of patients leaves, and the median over all of them. A size None: so few
    validation patients cannot support the confidence.
    """
    chosen = np.flatnonzero(drawn.likely)
    which = "likely_samples" if len(chosen) else "first_of_the_list"
    ages, males = reader.model.predict(as_pictures(drawn.images[chosen if len(chosen) else drawn.order[:1]]))
    for place, people in (("unknown", None), ("known", site)):
        found = [
            anonymity_set(float(age), "M" if male >= 0.5 else "F", reader.errors, population, site=people)
            for age, male in zip(ages, males, strict=True)
        ]
        smallest = min(found, key=lambda each: (math.isnan(each.size), each.size))
        yield {
            "target": target,
            "set": which,
            "n": len(found),
            "site": place,
            "people": smallest.people,
            "size": number(smallest.size),
            "low": number(smallest.low),
            "high": number(smallest.high),
            "median": number(float(np.median([each.size for each in found]))),
            "years": number(smallest.years),
            "sexes": "both" if smallest.both_sexes else "the predicted one",
            "alone": number(smallest.alone),
            "confidence": smallest.confidence,
            "usable": reader.reads_age and reader.reads_sex,
        }
