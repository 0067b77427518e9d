"""Shadow models in several processes, and on a real Ray cluster of which a node dies: the findings are those of one process."""

import pytest
from tests.audit.trainings import node_lost, written

from remnant.audit.owner.process import in_own_process
from remnant.base.errors import RemnantError
from remnant.base.files import read_json

pytestmark = pytest.mark.slow
HEART = """
import time

def train(model, items, seed):
    torch.manual_seed(seed)
    images = torch.stack([item["image"] if isinstance(item, dict) else item.image for item in items])
    labels = torch.tensor([item["label"] if isinstance(item, dict) else item.label for item in items])
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(20):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(images + 0.1 * torch.randn_like(images)), labels).backward()
        optimiser.step()
    # Long enough for a node to die in it.
    time.sleep(PAUSE)
"""
SIX = "[target]\nplanted_steps = 40\n[shadows]\ncount = 6\n"
FRESH = """\
import torch

def fresh():
    drawn = torch.Generator()
    drawn.seed()
    return drawn
"""
SAID = ("findings", "tables", "controls", "verdict")


def audited(own, out, workers):
    given = {"task": "audit", "resume": False, "quiet": True, "command": "", "workers": workers}
    in_own_process(own.path, out, own.config, **given)
    results = read_json(out / "results.json")
    return {name: results[name] for name in SAID}


@pytest.fixture
def own(tmp_path):
    return written(tmp_path, HEART, SIX, PAUSE="1")


@pytest.fixture
def one(own, tmp_path):
    found = audited(own, tmp_path / "one", 1)
    assert found["findings"] and found["tables"]["recipe"]
    return found


def test_two_processes_say_what_one_does(own, one, tmp_path):
    assert audited(own, tmp_path / "two", 2) == one


def test_images_drawn_anew_each_time_are_told(tmp_path):
    own = written(tmp_path, HEART, SIX, **{"torch.Generator().manual_seed(i)": "fresh()", "import torch\n": FRESH})
    with pytest.raises(
        RemnantError, match=r"target\.py in .* gives other data each time that it is run; .* --workers 1"
    ):
        audited(own, tmp_path / "run", 2)


def test_a_cluster_that_loses_a_node_says_what_one_process_does(own, one, cluster, tmp_path):
    with node_lost(cluster, tmp_path / "many" / "cells", "shadow-*.json") as trained:
        many = audited(own, tmp_path / "many", cluster[0].address)
    assert trained and trained[0] < 6
    assert many == one


def test_an_address_where_no_cluster_is_is_told(own, tmp_path):
    with pytest.raises(RemnantError, match=r"No Ray cluster answers at 127\.0\.0\.1:9 "):
        audited(own, tmp_path / "run", "127.0.0.1:9")


def test_a_piece_that_the_cluster_loses_each_time_is_told(cluster, tmp_path):
    """As where a node's system ends it for want of memory."""
    own = written(tmp_path, HEART.replace("# Long enough", "import os; os._exit(1)\n    #"), SIX, PAUSE="0")
    with pytest.raises(RemnantError, match=r"lost a piece of the work 4 times, .* add --resume to go on"):
        audited(own, tmp_path / "run", cluster[0].address)
