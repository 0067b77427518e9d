import pytest

from remnant.report.figures.style import house_style


@pytest.fixture(autouse=True)
def _in_house_style():
    """Figures are drawn as the page draws them."""
    with house_style():
        yield
