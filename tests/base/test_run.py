import json
import multiprocessing
import os
import shutil
import stat
import subprocess
import sys
import threading
import time

import pytest

from remnant.base import run as run_module
from remnant.base.cachedir import TAG, private_cache
from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path, write_json
from remnant.base.purge import purge
from remnant.base.run import Run

CONFIG = {"seed": 0, "networks": ["unet"]}


def start(path, *, study="s", config=CONFIG, resume=False, growing=()):
    with Run.start(path, study, config, resume=resume, growing=growing) as run:
        return run


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("exists", [False, True])
def test_only_the_owner_may_look(tmp_path, exists):
    if exists:
        (tmp_path / "run").mkdir(mode=0o755)
    run = start(tmp_path / "run")
    assert mode(run.path) == 0o700 and mode(run.private) == 0o700
    assert mode(run.private / "key") == 0o600
    assert json.loads((run.path / "config.json").read_text()) == CONFIG


@pytest.mark.parametrize("foreign", ["notes.txt", "private/thesis.txt"])
def test_a_directory_that_is_not_ours_is_left_alone(tmp_path, foreign):
    (tmp_path / foreign).parent.mkdir(exist_ok=True)
    (tmp_path / foreign).write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RemnantError, match="exists and is not a run directory"):
        start(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_is_no_run(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RemnantError, match="not a run directory"):
        start(tmp_path / "file")
    with pytest.raises(RemnantError, match=r"no run\.json"):
        Run.open(tmp_path / "file")


def test_an_existing_run_needs_resume_the_same_study_and_the_same_settings(tmp_path):
    start(tmp_path / "run")
    with pytest.raises(RemnantError, match="add --resume"):
        start(tmp_path / "run")
    with pytest.raises(RemnantError, match="a run of the study 's', not of 'other'"):
        start(tmp_path / "run", study="other", resume=True)
    with pytest.raises(RemnantError, match="seed: 0 then, 1 now"):
        start(tmp_path / "run", config=CONFIG | {"seed": 1}, resume=True)
    with pytest.raises(RemnantError, match="more: None then, 2 now"):
        start(tmp_path / "run", config=CONFIG | {"more": 2}, resume=True)
    start(tmp_path / "run", resume=True)


def test_a_list_that_may_grow_may_not_shrink_or_change(tmp_path):
    asked = {**CONFIG, "variants": ["raw", "a"]}
    run = start(tmp_path / "run", config=asked)
    more = {**CONFIG, "variants": ["raw", "b", "a"]}
    with pytest.raises(RemnantError, match="started with other settings"):
        start(tmp_path / "run", config=more, resume=True)
    assert run.asks_more(more, ["variants"]) == {"variants": ["raw", "a"]} and not run.asks_more(asked, ["variants"])
    start(tmp_path / "run", config=more, resume=True, growing=["variants"])
    for others in (["raw"], ["raw", "b", "c"], ["raw", "b"]):
        with pytest.raises(RemnantError, match="variants: "):
            start(tmp_path / "run", config={**CONFIG, "variants": others}, resume=True, growing=["variants"])
    with pytest.raises(RemnantError, match="seed: 0 then, 1 now"):
        start(tmp_path / "run", config={**more, "seed": 1}, resume=True, growing=["variants"])
    run.results.write_text("{}")
    run.take_on(more)
    assert not run.results.exists() and not run.asks_more(more, ["variants"])
    start(tmp_path / "run", config=more, resume=True)
    purge(run)
    with pytest.raises(RemnantError, match="purged"):
        run.take_on({**more, "variants": [*more["variants"], "c"]})


def test_of_settings_within_settings_only_those_that_differ_are_told(tmp_path):
    start(tmp_path / "run", config={"attack": {"steps": 3, "search": {"rate": 0.1, "images": 4}}})
    with pytest.raises(RemnantError, match=r"\(attack\.search\.rate: 0\.1 then, 0\.2 now\); give"):
        start(tmp_path / "run", config={"attack": {"steps": 3, "search": {"rate": 0.2, "images": 4}}}, resume=True)


@pytest.mark.parametrize("record", ['{"format": 99}', "[]"])
def test_another_format_is_refused(tmp_path, record):
    run = start(tmp_path / "run")
    (run.path / "run.json").write_text(record)
    with pytest.raises(RemnantError, match="this version reads 1"):
        Run.open(run.path)


def test_a_second_process_is_kept_out(tmp_path):
    run = start(tmp_path / "run")
    enter = "import sys; from remnant.base.run import Run; Run.open(sys.argv[1]).__enter__()"
    command = [sys.executable, "-c", enter, str(run.path)]
    with run:
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        assert second.returncode == 1 and "Another process is working in" in second.stderr
    assert subprocess.run(command, check=False).returncode == 0


def _contend(ready, path, resume, told):
    ready.wait()
    try:
        with Run.start(path, "s", {}, resume=resume) as run:
            key = (run.private / "key").read_bytes()
            time.sleep(0.02)
            told.put("won" if (run.private / "key").read_bytes() == key else "the key was replaced")
    except RemnantError as error:
        told.put("kept out" if "Another process" in str(error) or "holds a run already" in str(error) else str(error))
    except BaseException as error:
        told.put(repr(error))


@pytest.mark.parametrize("resume", [False, True])
def test_of_two_processes_that_start_at_once_one_wins(tmp_path, resume):
    context = multiprocessing.get_context("fork")
    for attempt in range(10):
        ready, told = context.Barrier(2), context.SimpleQueue()
        arguments = (ready, tmp_path / str(attempt), resume, told)
        pair = [context.Process(target=_contend, args=arguments) for _ in range(2)]
        for process in pair:
            process.start()
        found = sorted(told.get() for _ in pair)
        for process in pair:
            process.join()
        # On a busy machine the second may come when the first is done.
        assert found == ["kept out", "won"] or (resume and found == ["won", "won"])


def test_a_run_is_held_from_its_start(tmp_path):
    run = Run.start(tmp_path / "run", "s", CONFIG, resume=False)
    with pytest.raises(RemnantError, match="Another process is working in"):
        start(tmp_path / "run", resume=True)
    with run:
        pass
    start(tmp_path / "run", resume=True)


def test_a_link_to_nowhere_is_no_place_for_a_run(tmp_path):
    (tmp_path / "run").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RemnantError, match="is not a run directory"):
        start(tmp_path / "run")


def test_entering_removes_what_a_kill_left_unfinished(tmp_path):
    run = start(tmp_path / "run")
    (run.path / "cells").mkdir()
    (run.path / "cells" / ".tmp-x.json").write_text("{")
    (run.path / ".tmp-left" / "new").mkdir(parents=True)
    (run.path / "cells" / "a.json").write_text("{}")
    with run:
        assert [entry.name for entry in (run.path / "cells").iterdir()] == ["a.json"]


@pytest.mark.parametrize("kill_at", range(4))
def test_a_kill_at_any_moment_of_the_start_leaves_what_can_be_started(tmp_path, monkeypatch, kill_at):
    """The steps after the directory is there: config, key, run.json; `kill_at` 3 lets all of them pass."""
    steps = iter(range(10))
    real = run_module.atomic_path

    class KilledError(BaseException):
        pass

    def killed(path):
        if next(steps) == kill_at:
            (path.parent / ".tmp-left").write_text("half")
            raise KilledError
        return real(path)

    monkeypatch.setattr(run_module, "atomic_path", killed)
    monkeypatch.setattr("remnant.base.files.atomic_path", killed)
    try:
        start(tmp_path / "run")
    except KilledError:
        assert kill_at < 3
    monkeypatch.undo()
    run = start(tmp_path / "run", resume=True)
    assert len((run.private / "key").read_bytes()) == 32
    assert Run.open(run.path).pseudonym("x") == run.pseudonym("x")


def test_pseudonyms_are_stable_in_a_run_and_mean_nothing_outside_it(tmp_path):
    one, other = start(tmp_path / "one"), start(tmp_path / "other")
    names = {one.pseudonym(f"patient{i}") for i in range(50)}
    assert len(names) == 50 and all(len(name) == 10 and name.startswith("P-") for name in names)
    assert start(tmp_path / "one", resume=True).pseudonym("patient0") == one.pseudonym("patient0")
    assert one.pseudonym("patient0") != other.pseudonym("patient0")


def test_a_line_of_the_log_that_was_cut_short_spoils_no_other(tmp_path):
    run = start(tmp_path / "run")
    run.log("a", "start", seconds=1.5)
    with (run.path / "log.jsonl").open("a") as file:
        file.write('\n{"time": "2026", "cel')
    run.log("b", "end")
    assert [(event["cell"], event["event"]) for event in run.events()] == [("a", "start"), ("b", "end")]
    assert run.events()[0]["seconds"] == 1.5


def test_purge_removes_private_and_cached_files_and_keeps_results(tmp_path, monkeypatch):
    run = start(tmp_path / "run")
    cached = [private_cache(tmp_path / "cache") / f"head-{i:032x}.npz" for i in range(3)]
    for path in cached:
        path.write_text("a patient")
    # Noted by a path that holds from this directory alone, and in two steps.
    monkeypatch.chdir(tmp_path)
    run.keep_note_of([cached[0].relative_to(tmp_path)])
    run.keep_note_of([cached[1]])
    monkeypatch.chdir("/")
    (run.private / "decoders").mkdir()
    (run.private / "decoders" / "a.safetensors").write_text("a patient")
    run.results.write_text("{}")
    # Two of the cache; key, note and decoder of the run.
    assert purge(run) == 5
    assert [path.exists() for path in cached] == [False, False, True]
    assert not run.private.exists() and run.results.exists()
    assert purge(run) == 0


def test_a_purged_run_is_not_resumed_but_its_report_can_be_made(tmp_path):
    run = start(tmp_path / "run")
    purge(run)
    with pytest.raises(RemnantError, match="were purged"):
        run.pseudonym("x")
    with pytest.raises(RemnantError, match="were purged"):
        start(tmp_path / "run", resume=True)
    run.results.write_text("{}")
    start(tmp_path / "run", resume=True)


def test_a_copied_run_opens_elsewhere(tmp_path):
    start(tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    assert Run.open(tmp_path / "copy").path == tmp_path / "copy"
    with pytest.raises(RemnantError, match="is not a run directory"):
        Run.open(tmp_path)


def test_a_run_of_another_version_is_not_continued(tmp_path):
    Run.start(tmp_path / "run", "s", {}, resume=False)
    write_json(tmp_path / "run" / "run.json", {"format": 1, "study": "s", "version": "0.0.1"})
    with pytest.raises(RemnantError, match=r"started by version 0\.0\.1"):
        Run.start(tmp_path / "run", "s", {}, resume=True)


def test_purge_finds_what_a_kill_left_in_the_cache(tmp_path):
    run = Run.start(tmp_path / "run", "s", {}, resume=False)
    cache = private_cache(tmp_path / "cache")
    head = cache / f"head-{0:032x}.npz"
    for name in (head.name, ".tmp-old.npz", ".tmp-young.npz", "somebody-else.npz"):
        (cache / name).touch()
    os.utime(cache / ".tmp-old.npz", (0, 0))
    run.keep_note_of([head])
    with atomic_path(cache / "at-work.npz") as writing:
        purge(run)
        left = {path.name for path in cache.iterdir()} - {TAG}
        assert left == {writing.name, "somebody-else.npz"}


def test_purge_removes_nothing_that_a_strangers_run_points_at(tmp_path):
    run = start(tmp_path / "run")
    mine = [tmp_path / "thesis.npz", tmp_path / f"head-{0:032x}.npz", private_cache(tmp_path / "cache") / "thesis.npz"]
    for path in mine:
        path.write_text("mine")
    write_json(run.private / "cache.json", [*map(str, mine), 3, "a\0b", str(tmp_path)])
    with pytest.raises(RemnantError, match=r"^2 files of patient data were removed, but .*thesis\.npz"):
        purge(run)
    assert all(path.read_text() == "mine" for path in mine) and not run.private.exists()
    write_json(run.private / "cache.json", {"a": 1})
    assert purge(run) == 1


def test_purge_follows_no_link_and_says_so(tmp_path):
    run = start(tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "scan.npz").write_text("mine")
    (run.private / "drawn").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RemnantError, match=r"was left alone \(.*elsewhere\)"):
        purge(run)
    assert (tmp_path / "elsewhere" / "scan.npz").exists() and not run.private.exists()
    run.private.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RemnantError, match=r"was left alone \(.*elsewhere\)"):
        purge(run)
    assert (tmp_path / "elsewhere" / "scan.npz").exists() and not run.private.is_symlink()
    assert purge(run) == 0


def test_a_name_that_no_report_can_hold(tmp_path):
    with pytest.raises(RemnantError, match=r"The name of .*\\udcff is not UTF-8"):
        start(tmp_path / "run\udcff")
    assert not list(tmp_path.iterdir())


def test_a_part_keeps_apart_what_is_of_one_of_several_and_knows_patients_as_the_run_does(tmp_path):
    with Run.start(tmp_path / "run", "s", {}, resume=False) as run:
        part = run.part("unet")
        part.log("attack", "start")
        run.log("attack", "start")
        assert part.private == run.private / "unet"
        assert part.pseudonym("Jo") == run.pseudonym("Jo")
        assert [event["cell"] for event in run.events()] == ["unet/attack", "attack"]
        part.private.mkdir()
        (part.private / "scan.npz").write_bytes(b"Jo")
        purge(run)
        assert not part.private.exists()


def test_who_waits_for_another_process_goes_on_once_it_has_ended(tmp_path):
    Run(tmp_path / "none").await_others(60)  # of nothing nobody waits
    with Run.start(tmp_path / "run", "s", {}, resume=False) as held:
        began = time.monotonic()
        Run(tmp_path / "run").await_others(0.1)
        assert 0.1 <= time.monotonic() - began < 5
        ending = threading.Timer(0.2, held._release)
        ending.start()
        Run(tmp_path / "run").await_others(60)
        assert time.monotonic() - began < 10
        ending.join()
        # Nobody is kept out by having been waited for.
        held._hold()


def test_audits_of_audits_are_purged(tmp_path):
    for place in ("", "audits/unet", "audits/unet/audits/none"):
        Run.start(tmp_path / "run" / place, "s", {}, resume=False)._release()
    with Run.open(tmp_path / "run") as run:
        assert purge(run) == 3
    assert not [*(tmp_path / "run").rglob("private")]
