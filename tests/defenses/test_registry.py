"""The list of defences, and what another package may add to it."""

import importlib.metadata
import importlib.util
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.manual import ROOT

from remnant.base.errors import RemnantError
from remnant.defenses import registry
from remnant.defenses.dropout import DROPOUT
from remnant.defenses.registry import DEFENSES, all_defenses


@pytest.fixture
def with_point(monkeypatch):
    """`with_point(load)`: another package has a defence that `load` gives."""

    def add(load):
        point = SimpleNamespace(name="blur", value="other:BLUR", dist=SimpleNamespace(name="other"), load=load)
        found = {registry.ENTRY_POINTS: [point]}
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: found.get(group, []))
        all_defenses.cache_clear()

    yield add
    monkeypatch.undo()
    all_defenses.cache_clear()


def test_another_package_adds_one_at_the_end(with_point):
    with_point(lambda: replace(DROPOUT, name="blur"))
    assert list(all_defenses()) == [*(one.name for one in DEFENSES), "blur"]
    assert registry.listed()[-1]["name"] == "blur"


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        (lambda: 1 / 0, r"defence 'blur' of other cannot be imported \(ZeroDivisionError: division by zero\); mend or"),
        (lambda: "a defence", r"other:BLUR of other is no remnant\.defenses\.defense\.Defense"),
        (lambda: DROPOUT, "other has a defence called 'dropout', which there is already; rename it"),
        (
            lambda: replace(DROPOUT, name="blur", kind="prayer"),
            "'blur' of other is of the kind 'prayer'; a defence changes one of training, network, file and sent",
        ),
    ],
)
def test_what_cannot_be_one_is_said(with_point, load, sentence):
    with_point(load)
    with pytest.raises(RemnantError, match=sentence):
        all_defenses()


def test_it_is_listed_at_the_command_line(remnant):
    code, _, printed = remnant("protect", "--list")
    assert code == 0 and len(printed.splitlines()) == len(all_defenses())
    for one, line in zip(all_defenses().values(), printed.splitlines(), strict=True):
        assert line.startswith(f"{one.name} ") and f"{one.words}: {one.does} ({one.source})" in line
    assert "`remnant protect --list` names each defence" in " ".join(remnant("protect", "--help")[2].split())


def test_the_manual_has_the_list():
    """If this fails: `python docs/make_defences.py`."""
    spec = importlib.util.spec_from_file_location("make_defences", ROOT / "docs" / "make_defences.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    page = maker.PAGE.read_text("utf-8")
    assert maker.with_table(page) == page and page.count("| `") >= len(DEFENSES)
