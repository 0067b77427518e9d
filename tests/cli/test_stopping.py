"""Commands that are ended by signals."""

import os
import signal
import subprocess
import sys
import time

import pytest

from remnant.cli.stopping import stoppable

WAIT_S = 60
# What a command does that keeps a patient's data beside its result until it is whole.
WORK = """
import os, sys, tempfile, time
from remnant.cli.stopping import stoppable
with stoppable(), tempfile.TemporaryDirectory(dir=sys.argv[1]):
    print("begun", flush=True)
    time.sleep(60)
"""


def begun(program, folder, how=signal.SIG_DFL):
    def default():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, how if number == signal.SIGHUP else signal.SIG_DFL)

    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | paths,
        preexec_fn=default,
    )
    assert process.stdout.readline() == "begun\n"
    return process


def test_ctrl_c_while_the_command_is_imported_ends_without_a_traceback():
    program = """
import sys
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from remnant.cli import main
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=WAIT_S)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_a_signal_ends_is_cleared_away_and_dies_of_it(number, tmp_path):
    process = begun(WORK, tmp_path)
    assert list(tmp_path.iterdir())
    process.send_signal(number)
    assert process.communicate(timeout=WAIT_S) == ("", "") and process.returncode == -number
    assert not list(tmp_path.iterdir())


def test_what_is_ignored_stays_so(tmp_path):
    process = begun(WORK, tmp_path, signal.SIG_IGN)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None and list(tmp_path.iterdir())
    process.terminate()
    process.wait(WAIT_S)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_an_import(number, tmp_path):
    (tmp_path / "heavy.py").write_text("print('begun', flush=True)\nimport time\ntime.sleep(1)\nwhole = True\n")
    program = """
import sys
from remnant.cli.stopping import Stopped, stoppable
sys.path.insert(0, sys.argv[1])
with stoppable():
    try:
        import heavy
        import time
        time.sleep(60)
    except (KeyboardInterrupt, Stopped):
        print(heavy.whole)
"""
    process = begun(program, tmp_path)
    process.send_signal(number)
    process.send_signal(number)
    assert process.communicate(timeout=WAIT_S) == ("True\n", "") and process.returncode == 0


def test_afterwards_signals_are_as_before():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with stoppable():
        pass
    assert before == {number: signal.getsignal(number) for number in before}


def test_commands_are_stoppable(remnant, monkeypatch):
    seen = []
    monkeypatch.setattr(
        sys.modules["remnant.cli.main"], "app", lambda **_: seen.append(signal.getsignal(signal.SIGTERM))
    )
    assert remnant()[0] == 0 and len(seen) == 1 and seen != [signal.getsignal(signal.SIGTERM)]
