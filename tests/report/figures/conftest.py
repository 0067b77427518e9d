"""Figures are drawn as the page draws them: in the house's style, within the words of the study that has them."""

import pytest
from tests.studies.goldens import LABELS

from remnant.report.figures.style import house_style
from remnant.report.words import labelled

# All others are of subbanna2021.
STUDIES = {
    "test_checkpoint_figures": "lee2025",
    "test_radiographs": "lee2025",
    "test_leak": "lee2025",
    "test_defence_figures": "kim2019",
}


@pytest.fixture(autouse=True)
def words(request):
    study = STUDIES.get(request.path.stem, "subbanna2021")
    with house_style(), labelled(LABELS[study]):
        yield
