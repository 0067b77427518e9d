"""Burnt-in text: rows of small, flat, high-contrast strokes. It is found, not read."""

from collections import Counter

import numpy as np
from scipy import ndimage

from remnant.cohort.check.base import Check
from remnant.cohort.check.finding import Finding, finding
from remnant.cohort.check.subject import Scan, Subject

STROKE = 5  # pixels; thicker strokes are no small print
CONTRAST = 0.45  # of the image's range, between a stroke and what surrounds it
FLAT = 0.12  # of the range: how far the letters' levels may lie apart
HEIGHTS = (5, 40)
LETTERS = 4


class Text(Check):
    """Every slice along every axis; a warning, since it is for a person to look."""

    name = "text"

    def __init__(self) -> None:
        self.paths: Counter = Counter()

    def look(self, scan: Scan) -> None:
        if hits := sum(1 for plane in planes(scan.array) if has_text(plane)):
            self.paths[scan.path] += hits

    def findings(self, subject: Subject) -> list[Finding]:
        if not self.paths:
            return []
        text = f"{len(self.paths)} images show what looks like burnt-in text (in {self.paths.total()} slices); look at them."
        return [finding(self.name, "warning", text, self.paths, subject.root)]


def planes(array: np.ndarray):
    """Every slice (a, b) of a volume along each of its axes; a picture is its only slice."""
    if array.ndim == 2:
        yield array
        return
    for axis in range(array.ndim):
        yield from np.moveaxis(array, axis, 0)


def has_text(plane: np.ndarray) -> bool:
    """Whether a picture (a, b), text along either axis, shows a row of at least four letter-like strokes.

    Letters: pieces of the white or black top-hat (strokes up to 5 pixels) that stand out by 45% of the range, 5 to 40 pixels
    high, thin; a row: alike in height, place and level, side by side.
    """
    low, high = float(plane.min()), float(plane.max())
    if not high > low or min(plane.shape) < 4 * HEIGHTS[0]:
        return False
    plane = (plane - low) / np.float32(high - low)
    for picture in (plane, 1 - plane):
        hat = picture - ndimage.grey_opening(picture, (STROKE + 2,) * 2)
        strokes = hat > CONTRAST
        if np.count_nonzero(strokes) < 20:
            continue
        pieces, count = ndimage.label(strokes, np.ones((3, 3)))
        if count < LETTERS:
            continue
        letters = []
        for index, box in enumerate(ndimage.find_objects(pieces), 1):
            piece = pieces[box] == index
            if _letter(piece):
                # The core of the strokes: their edges are smooth where print was smoothed or scaled.
                letters.append((*_span(box[0]), *_span(box[1]), np.quantile(picture[box][piece], 0.9)))
        rows = np.array(letters).reshape(-1, 5)
        if _row(rows) or _row(rows[:, [2, 3, 0, 1, 4]]):
            return True
    return False


def _letter(piece: np.ndarray) -> bool:
    small = piece.sum()
    return HEIGHTS[0] <= max(piece.shape) <= HEIGHTS[1] and 0.1 <= small / piece.size <= 0.95 and small >= HEIGHTS[0]


def _span(part: slice) -> tuple[float, float]:
    return (part.start + part.stop) / 2, part.stop - part.start


def _row(letters: np.ndarray) -> bool:
    """Letters (n, 5): middle and height across the row, middle and width along it, level of the ink."""
    for middle, height, _, _, level in letters:
        alike = (abs(letters[:, 0] - middle) <= 0.25 * height) & (abs(letters[:, 1] - height) <= 0.3 * height)
        alike &= (letters[:, 3] <= 1.5 * height) & (abs(letters[:, 4] - level) <= FLAT)
        gaps = np.diff(np.sort(letters[alike, 2])) <= 1.6 * height
        # The longest run of neighbours that stand close.
        run = best = 1
        for close in gaps:
            run = run + 1 if close else 1
            best = max(best, run)
        if best >= LETTERS:
            return True
    return False
