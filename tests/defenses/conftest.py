import pytest

from remnant.base.run import Run
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.phantoms import BrainPhantoms
from remnant.cohort.phantoms.write import write_bids
from remnant.defenses.privacynet.settings import privacynet_preset
from remnant.defenses.privacynet.train import train_privacynet
from remnant.report.losses import draw_losses


@pytest.fixture(scope="session")
def brains(tmp_path_factory):
    """Eight phantoms of two sessions each, 6 mm."""
    folder = tmp_path_factory.mktemp("defended") / "brains"
    write_bids(BrainPhantoms(patients=8, sessions=2, side=32, seed=3), folder, quiet=True)
    return read_cohort(folder)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def trained(brains, cache, tmp_path_factory):
    """A finished run of the smallest Privacy-Net."""
    out = tmp_path_factory.mktemp("runs") / "net"
    smoke = privacynet_preset("smoke")
    train_privacynet(brains, smoke, out, resume=False, cache=cache, quiet=True, draw=draw_losses)
    return Run.open(out)


@pytest.fixture(scope="session")
def deformed(brains, cache, tmp_path_factory):
    """The same by the method "deformation"."""
    out = tmp_path_factory.mktemp("runs") / "secret"
    settings = privacynet_preset("smoke").changed(method="deformation", segmentation="every_class")
    train_privacynet(brains, settings, out, resume=False, cache=cache, quiet=True)
    return Run.open(out)
