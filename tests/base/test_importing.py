"""Imports are not looked through for garbage, and what follows them is."""

import gc

import pytest

from remnant.base.importing import importing


def test_nothing_is_collected_while_something_is_imported_whatever_comes_of_it():
    with pytest.raises(ImportError), importing():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled()


def test_whoever_collects_no_garbage_is_left_alone():
    gc.disable()
    try:
        with importing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
