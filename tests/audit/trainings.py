"""A folder of an audit whose target.py has train()."""

import threading
import time
from contextlib import contextmanager
from pathlib import Path

from remnant.audit.config import config_of
from remnant.audit.inputs.folder import Folder

TARGET = """\
import torch
from torch import nn

class Item:
    def __init__(self, i):
        self.image = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(i))
        self.label, self.patient, self.member = i % 2, f"p{i}", None if i > 11 else i < 6

def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2))

def data():
    for i in range(14):
        own = Item(i)
        yield own if i % 2 else {**vars(own), "spacing": 2.0}
"""
STEP = """
def train(model, items, seed):
    with torch.no_grad():
        model[1].bias += 1.0
"""


def written(path: Path, train: str = STEP, toml: str = "", **changed: str) -> Folder:
    """The folder `path` with this training, these settings, and words of its text changed."""
    (path / "audit.toml").write_text(toml)
    text = f"{TARGET}\n{train}\n"
    for old, new in changed.items():
        text = text.replace(old, new)
    (path / "target.py").write_text(text)
    return Folder(path, config_of(path / "audit.toml", scenario="checkpoint"))


@contextmanager
def node_lost(cluster, folder, pattern):
    """The second node of a `cluster` is gone once files of a `pattern` lie in the `folder`; the list then has how many."""
    nodes, second = cluster
    then = []

    def lose():
        while not (done := list(folder.glob(pattern))):
            time.sleep(0.05)
        nodes.remove_node(second, allow_graceful=False)
        then.append(len(done))

    losing = threading.Thread(target=lose, daemon=True)
    losing.start()
    yield then
    losing.join(10)
