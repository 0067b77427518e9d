import contextlib
from pathlib import Path

import pytest
import torch

from remnant.engine import state


def test_a_full_disk_is_said_to_be_full(monkeypatch):
    monkeypatch.setattr(state, "atomic_path", lambda path: contextlib.nullcontext(Path("/dev/full")))
    with pytest.raises(OSError, match="No space left on device"):
        state.save_state(Path("state.pt"), {"net": torch.nn.Linear(300, 300)}, 1)
