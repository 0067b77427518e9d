import contextlib
import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from remnant.base import progress
from remnant.base.progress import Task, say


def test_without_a_terminal_there_are_plain_lines_on_standard_error(capsys, monkeypatch):
    clock = iter([0.0, 10.0, 20.0, 25.0, 40.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Task("cells", 4) as task:
        for note in ("a", "b", "c", "d"):
            task.advance(note)
    printed = capsys.readouterr()
    assert printed.out == ""
    # At 10 s and 25 s the last line was less than 15 s ago; the last step always has one.
    assert printed.err.splitlines() == ["cells 2/4, 20 s left b", "cells 4/4, 0 s left d"]


def test_work_found_done_does_not_count_as_fast(capsys, monkeypatch):
    clock = iter([0.0, 20.0, 40.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Task("cells", 10, done=8) as task:
        task.advance()
        task.advance()
    assert capsys.readouterr().err.splitlines() == ["cells 9/10, 20 s left", "cells 10/10, 0 s left"]


def test_several_steps_at_once_are_one_line(capsys, monkeypatch):
    clock = iter([0.0, 20.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Task("work", 100, done=20) as task:
        task.advance("a", steps=40)
    assert capsys.readouterr().err.splitlines() == ["work 60/100, 20 s left a"]


def test_between_steps_it_tells_what_the_work_is_at(capsys, monkeypatch):
    clock = iter([0.0, 5.0, 20.0, 20.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Task("cells", 4, done=1) as task:
        task.tell("a: step 1")
        task.tell("a: step 2")
    # Not within 15 s of the last line.
    assert capsys.readouterr().err.splitlines() == ["cells 1/4, at a: step 2"]


def test_quiet_says_nothing(capsys):
    with Task("cells", 2, quiet=True) as task:
        task.advance("a")
        task.tell("b")
        task.advance("b")
    assert capsys.readouterr().err == ""


def test_on_a_narrow_terminal_the_note_is_cut_and_the_count_stays(monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    file = io.StringIO()
    console = Console(file=file, width=60, force_terminal=True)
    monkeypatch.setattr(progress, "Progress", lambda *columns, **how: Progress(*columns, console=console, **how))
    with Task("cells", 400) as task:
        task.advance("attack-cnn: method [/joint], step 401, loss 0.53, and so on and on")
    line = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue()).strip().splitlines()[-1].split("\r")[-1]
    assert len(line) <= 60 and "1/400" in line and "cells attack-cnn: method [/" in line and "…" in line


def test_where_nobody_can_hear_the_work_goes_on(monkeypatch):
    with Path("/dev/full").open("w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", full)
        say("a line")
        with contextlib.suppress(OSError):  # what is still in its buffer
            full.close()
