"""The README is short and true, and the manual's example of a study runs as it stands there."""

import html
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from remnant.cli.main import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_readme_is_read_in_minutes():
    assert len(README.splitlines()) <= 120


def test_numbers_found_on_real_data_stand_in_the_results():
    """Which are themselves recomputed from the files: `test_results_readme.py`."""
    results = (ROOT / "docs" / "results" / "README.md").read_text("utf-8")
    (section,) = re.findall(r"^## What was found on real data$(.*?)^## ", README, re.M | re.S)
    numbers = re.findall(r"\d+\.\d+ \[[\d., ]+\]|\d+ of \d+|\d+ brains", section)
    assert len(numbers) == 6
    assert [number for number in numbers if number not in results.replace(" real brains", " brains")] == []


def test_the_commands_of_the_table_ask_for_nothing_more():
    """What a reader has in the first column is all that the second asks for."""
    table = re.findall(r"^\|[^|]*\|([^|]*)\|[^|]*\|$", README, re.M)
    lines = [line for cell in table for line in re.findall(r"`remnant (.+?)`", cell)]
    assert len(lines) == 11
    for line in lines:
        command, words, names = get_command(app), shlex.split(line), []
        while hasattr(command, "commands"):
            names, command, words = [*names, words[0]], command.commands[words[0]], words[1:]
        # Where the reader's files are is looked at by callbacks.
        for one in command.params:
            one.callback = None
        given = command.make_context(" ".join(names), words).params
        # A study reads data that no preset but `smoke` makes.
        assert names[0] != "study" or given["data"], line


@pytest.mark.slow
def test_python_example_leaves_a_report(tmp_path, monkeypatch, capsys):
    page = (ROOT / "docs" / "studies.md").read_text("utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "studies.md", "exec"), {"__name__": "__main__"})
    headline, report = capsys.readouterr().out.splitlines()
    assert "chance" in headline
    assert report == "runs/phantoms/report.html"
    assert headline in html.unescape((tmp_path / report).read_text("utf-8"))
