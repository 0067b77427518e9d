"""The forecast knows every cell of the study."""

from tests.studies.kim2019.example import scans

from remnant.base.run import Run
from remnant.studies.kim2019 import preset
from remnant.studies.kim2019.estimate import Costs, seconds_of
from remnant.studies.kim2019.plan import cells_of
from remnant.studies.kim2019.variants import VARIANTS


def test_every_cell_takes_some_time(tmp_path):
    settings = preset("cpu")
    variants = {name: VARIANTS[name] for name in settings.variants}
    names = {
        *settings.attack.adversaries.trunks,
        settings.attack.people.trunk,
    }
    costs = Costs(1.0, 1.0, 1.0, dict.fromkeys(names, 1.0), 1.0, 1.0)
    cells = cells_of(Run(tmp_path), settings, variants, scans(), ("other",))
    seconds = {
        cell.name: seconds_of(cell, costs, settings.net, settings.attack, variants, scans(), 4) for cell in cells
    }
    assert seconds["blind"] > 0 and all(value > 0 for value in seconds.values())
