import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest
import torch

import remnant.engine.cells
from remnant.base import progress
from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.engine.cells import Cell, _in_words, run_cells

# A module of its own, since the work of a cell is imported by the processes that are spawned.
WORK = """
import os, signal, time
import torch
from torch.nn import functional
from remnant.base.errors import RemnantError
from remnant.base.files import write_text
from remnant.base.seeds import Seeds

def mark(run, name):
    write_text(run.path / "marks" / f"{name}-{time.monotonic_ns()}", str(os.getpid()))

def draw(run, name, needs=()):
    assert all((run.path / "cells" / f"{need}.json").exists() for need in needs)
    mark(run, name)
    images = torch.rand(2, 8, 24, 24, 24, generator=Seeds(0).child(name).torch())
    kernel = torch.rand(8, 8, 3, 3, 3, generator=Seeds(0).child(name, "kernel").torch())
    return {"sum": functional.conv3d(images, kernel).sum().item(), "threads": torch.get_num_threads()}

def fail(run, name):
    mark(run, name)
    raise RemnantError("This cell cannot be done.")

def linger(run, name):
    mark(run, name)
    time.sleep(60)
    return {}

def report(run, name):
    for step in range(20):
        run.log(name, "step", step=step, loss=0.25, terms={"a": 1})
        time.sleep(0.05)
    return {}

def die(run, name):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    (folder / "cell_work.py").write_text(WORK)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *sys.path]))
        import cell_work

        yield cell_work


@pytest.fixture
def run(tmp_path):
    return Run.start(tmp_path / "run", "s", {}, resume=False)


def cell(work, kind, name, needs=()):
    more = {"needs": needs} if kind == "draw" else {}
    return Cell(name, getattr(work, kind), {"name": name, **more}, needs)


def marks(run):
    # What is still being written has a name with a dot.
    return sorted(path.name.rsplit("-", 1)[0] for path in (run.path / "marks").glob("[!.]*"))


def graph(work):
    """Listed before what they need."""
    return [
        cell(work, "draw", "c", ("a", "b")),
        cell(work, "draw", "b", ("a",)),
        cell(work, "draw", "a"),
        cell(work, "draw", "d"),
    ]


def without_seconds(results):
    return {
        name: {key: value for key, value in result.items() if "seconds" not in key} for name, result in results.items()
    }


def test_workers_change_no_number_and_needs_come_first(work, tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    found = []
    for workers in (1, 2):
        run = Run.start(tmp_path / str(workers), "s", {}, resume=False)
        results = run_cells(run, graph(work), workers=workers, quiet=True)
        assert list(results) == ["c", "b", "a", "d"] and marks(run) == ["a", "b", "c", "d"]
        assert all(result["seconds"] >= 0 and result["cpu_seconds"] >= 0 for result in results.values())
        events = [(event["cell"], event["event"]) for event in run.events()]
        assert sorted(events) == sorted((name, event) for name in "abcd" for event in ("start", "end"))
        found.append(without_seconds(results))
    assert found[0] == found[1]
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_a_node_finds_a_run_that_is_named_relative_to_where_it_was_asked_for(work, tmp_path, monkeypatch):
    class Elsewhere(Executor):
        def submit(self, do, *arguments):
            done = Future()
            (tmp_path / "node").mkdir(exist_ok=True)
            with monkeypatch.context() as patch:
                patch.chdir(tmp_path / "node")
                done.set_result(do(*arguments))
            return done

    monkeypatch.setattr(remnant.engine.cells, "_pool", lambda workers: (Elsewhere(), 2))
    monkeypatch.chdir(tmp_path)
    run = Run.start(Path("run"), "s", {}, resume=False)
    assert [*run_cells(run, graph(work), workers="auto", quiet=True)] == ["c", "b", "a", "d"]
    assert not list((tmp_path / "node").iterdir())


def test_resuming_repeats_no_finished_cell(work, run):
    cells = graph(work)
    run_cells(run, cells[2:], workers=1, quiet=True)
    times = {path.name: path.stat().st_mtime_ns for path in (run.path / "cells").iterdir()}
    run_cells(run, cells, workers=1, quiet=True)
    results = run_cells(run, cells, workers=1, quiet=True)
    assert marks(run) == ["a", "b", "c", "d"] and set(results) == set("abcd")
    assert all((run.path / "cells" / name).stat().st_mtime_ns == then for name, then in times.items())


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_ends_the_others_and_what_is_finished_stays(work, run, workers):
    cells = [cell(work, "draw", "a"), cell(work, "fail", "b", ("a",)), cell(work, "linger", "c", ("a",))]
    started = time.monotonic()
    with pytest.raises(RemnantError, match="This cell cannot be done"):
        run_cells(run, cells, workers=workers, quiet=True)
    assert time.monotonic() - started < 50
    assert [path.name for path in (run.path / "cells").iterdir()] == ["a.json"]
    repaired = [cells[0], cell(work, "draw", "b", ("a",))]
    assert set(run_cells(run, repaired, workers=1, quiet=True)) == {"a", "b"}
    assert marks(run).count("a") == 1


def test_a_worker_that_is_killed_is_one_sentence(work, run):
    with pytest.raises(RemnantError, match="fewer --workers"):
        run_cells(run, [cell(work, "die", "a")], workers=2, quiet=True)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_die_with_a_killed_parent(work, run):
    script = textwrap.dedent(
        """
        import sys
        import cell_work
        from pathlib import Path
        from remnant.base.run import Run
        from remnant.engine.cells import Cell, run_cells
        if __name__ == "__main__":
            cells = [Cell(name, cell_work.linger, {"name": name}) for name in "ab"]
            run_cells(Run(Path(sys.argv[1])), cells, workers=2, quiet=True)
        """
    )
    path = run.path / "script.py"
    path.write_text(script)
    parent = subprocess.Popen([sys.executable, str(path), str(run.path)])
    try:
        deadline = time.monotonic() + 60
        while len(marks(run)) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        workers = [int(mark.read_text()) for mark in (run.path / "marks").iterdir() if not mark.name.startswith(".")]
        assert len(workers) == 2 and all(alive(pid) for pid in workers)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(alive(pid) for pid in workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_need_that_no_cell_gives_is_said(work, run, workers):
    with pytest.raises(RemnantError, match="needs nothing, which no cell gives"):
        run_cells(run, [cell(work, "draw", "a", ("nothing",))], workers=workers, quiet=True)


def test_what_a_cell_logs_is_told_while_it_works(work, run, monkeypatch, capsys):
    monkeypatch.setattr(remnant.engine.cells, "HEARD_EVERY_S", 0.02)
    monkeypatch.setattr(progress, "PLAIN_LINE_EVERY_S", 0.0)
    run_cells(run, [cell(work, "report", "attack")], workers=1, quiet=False)
    told = capsys.readouterr().err
    # Which steps are heard of is for the machine's load to say.
    assert (
        re.search(r"^parts of the work 0/1, at attack: step \d+, loss 0.25$", told, re.MULTILINE)
        and "terms" not in told
    )


def test_what_a_cell_is_at_is_said_of_how_many_steps():
    event = {"time": "now", "cell": "planted", "event": "round", "step": 330, "of": 400, "loss": 0.2}
    assert _in_words(event) == "planted: step 330 of 400, loss 0.2" and event["of"] == 400
