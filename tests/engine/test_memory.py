"""What a step frees is there for the next one, and goes back at the end."""

import resource
import sys
from pathlib import Path

import pytest
import torch

from remnant.engine.memory import freed_memory_kept

VALUES = 2**25  # of four bytes: more than malloc keeps by itself

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")


def faults():
    """Pages that the system gave out for a few buffers of one size, one after another."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        torch.empty(VALUES).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_buffers_are_given_out_once_and_go_back():
    usual = faults()
    with freed_memory_kept():
        faults()
        assert faults() < usual / 4
        kept = resident()
    assert resident() < kept - 2 * VALUES


def test_afterwards_all_is_as_before():
    before = faults()
    with pytest.raises(ZeroDivisionError), freed_memory_kept():
        raise ZeroDivisionError
    assert faults() > before / 2


def test_another_malloc_is_left_alone(monkeypatch):
    monkeypatch.setattr("remnant.engine.memory._glibc", lambda: None)
    with freed_memory_kept():
        assert float(torch.ones(3).sum()) == 3
