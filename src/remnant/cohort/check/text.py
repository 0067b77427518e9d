"""Burnt-in text: rows of small, flat, high-contrast strokes. It is found, not read."""

from collections import Counter

import numpy as np
from scipy import ndimage

from remnant.base.texts import counted
from remnant.cohort.check.base import Check, CheckFinding, finding
from remnant.cohort.check.subject import Scan, Subject

# As parts of the image's range. Print is drawn at one end of it, which anatomy seldom reaches in thin strokes.
CONTRAST = 0.15
LEVEL = 0.75
BORDER = 0.15  # of the picture, on each side
STROKE = 5  # pixels; thicker strokes are no small print
HEIGHTS = (5, 40)
GAP = 11  # pixels between strokes of one line
LONG = 2.5  # lines are so much longer than high
DENSITY = (0.12, 0.7)
ONE_LEVEL, INKED = 0.04, 0.4  # how much of the print lies this near to its strongest ink
RUNS = (0.9, 4.0)  # strokes that each row of pixels crosses, on a length of the line's height


class Text(Check):
    """Every slice along every axis; a warning, since it is for a person to look."""

    name = "text"

    def __init__(self) -> None:
        self.paths: Counter = Counter()

    def look(self, scan: Scan) -> None:
        if hits := sum(1 for plane in planes(scan.array) if has_text(plane)):
            self.paths[scan.path] += hits

    def findings(self, subject: Subject) -> list[CheckFinding]:
        if not self.paths:
            return []
        text = (
            f"{counted(len(self.paths), 'image shows', 'images show')} what looks like burnt-in text (in "
            f"{counted(self.paths.total(), 'slice')}); look at them."
        )
        return [finding(self.name, "warning", text, self.paths, subject.root)]


def planes(array: np.ndarray):
    """Every slice (a, b) of a volume along each of its axes; a picture is its only slice."""
    if array.ndim == 2:
        yield array
        return
    for axis in range(array.ndim):
        yield from np.moveaxis(array, axis, 0)


def has_text(plane: np.ndarray) -> bool:
    """Whether a picture (a, b) shows a line of print along either axis.

    Print: thin strokes (white or black top-hat) within a quarter of the range of the brightest or darkest level; a line:
    strokes side by side, 5 to 40 pixels high and at least 2.5 times as long, mostly of one level, in the outer 15% of the
    picture, that each row of pixels crosses again and again.
    """
    low, high = float(plane.min()), float(plane.max())
    if not high > low or min(plane.shape) < 4 * HEIGHTS[0]:
        return False
    plane = (plane - low) / np.float32(high - low)
    for picture in (plane, 1 - plane):
        strokes = picture > LEVEL
        strokes &= picture - ndimage.grey_opening(picture, (STROKE + 2,) * 2) > CONTRAST
        if np.count_nonzero(strokes) >= 20 and (_has_line(strokes, picture) or _has_line(strokes.T, picture.T)):
            return True
    return False


def _has_line(strokes: np.ndarray, picture: np.ndarray) -> bool:
    joined = ndimage.binary_closing(np.pad(strokes, ((0, 0), (GAP, GAP))), np.ones((1, GAP)))[:, GAP:-GAP]
    pieces, _ = ndimage.label(joined, np.ones((3, 3)))
    for index, box in enumerate(ndimage.find_objects(pieces), 1):
        line = strokes[box] & (pieces[box] == index)
        height, length = line.shape
        if not (HEIGHTS[0] <= height <= HEIGHTS[1] and length >= LONG * height):
            continue
        if not DENSITY[0] <= line.mean() <= DENSITY[1]:
            continue
        # Print stands beside the anatomy, whose own fine lines stand within.
        if not any(_beside(part, side) for part, side in zip(box, strokes.shape, strict=True)):
            continue
        ink = picture[box][line]
        if np.mean(ink > np.quantile(ink, 0.95) - ONE_LEVEL) < INKED:
            continue
        # The middle rows, since few letters reach to the top or the bottom.
        middle = line[height // 5 : height - height // 5]
        runs = np.count_nonzero(middle[:, 1:] & ~middle[:, :-1], axis=1) * height / length
        if RUNS[0] <= np.median(runs) <= RUNS[1]:
            return True
    return False


def _beside(part: slice, side: int) -> bool:
    middle = (part.start + part.stop) / 2
    return min(middle, side - middle) <= BORDER * side
