"""Rows on the untuned prior: whether its images are like the radiographs that it is held against."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from remnant.base.results import Row
from remnant.measure.likeness import likeness
from remnant.studies.lee2025.kept import Attacked
from remnant.studies.lee2025.scores import CONTROL, Groups


def prior_rows(attacked: Sequence[Attacked], groups: Mapping[str, Groups]) -> Iterator[Row]:
    """A row a source of `groups`: its radiographs, all groups together, beside the images that the prior drew for one target.

    Every target meets the same prior; none without its images. Planted patients are patients of another source.
    """
    prior = next((each for each in attacked if each.method == CONTROL), None)
    if prior is None:
        return
    for source, parts in groups.items():
        real = np.concatenate([np.asarray(group.images[:, 0]) for group in parts.values()])
        if source == "planted" or len(real) < 2:
            continue
        found = likeness(prior.images.astype(np.float32) / 255, real)
        yield {
            "source": source,
            "drawn": found.drawn,
            "real": found.real,
            "typical": found.typical,
            "spread": found.spread,
            "varied": found.varied,
            "alike": found.alike,
        }
