"""Commands of ours as processes that need not import anything first, so that they can be begun and killed by the dozen.

A process of one thread imports everything, and is split for each command.
"""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

WAIT_S = 120  # on a busy machine
# What the commands would import when they run.
NEEDED = (
    "remnant.cli.main",
    "remnant.defenses.privacynet.networks",
    "remnant.serve.client.measured",
    "remnant.serve.client.seg",
    "remnant.serve.client.watch",
    "remnant.serve.server.app",
    "remnant.serve.server.models",
    "remnant.serve.server.process",
    "nibabel",
)


class Ready:
    """`begin(*words)`: the process id of a command `remnant`, whose words on both streams come into the file `log`."""

    def __init__(self, log: Path):
        self.log = log
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._from = subprocess.Popen(
            [sys.executable, __file__, log],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | one_thread,
        )
        self._living = set()
        assert self._from.stdout.readline() == "ready\n"

    def begin(self, *words):
        process = int(self._ask(list(map(str, words))))
        self._living.add(process)
        return process

    def kill(self, process):
        """SIGKILL; raises where it has ended by itself."""
        self._living.discard(process)
        assert self._ask(process) == "killed", self.log.read_text()[-2000:]

    def stop(self):
        for process in list(self._living):
            self._ask(process)
        self._from.kill()
        self._from.wait(WAIT_S)

    def _ask(self, what):
        self._from.stdin.write(json.dumps(what) + "\n")
        self._from.stdin.flush()
        return self._from.stdout.readline().strip()


def run(words, log):
    """A process that runs one command; its id."""
    if process := os.fork():
        return process
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream, at in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, out)):
        os.dup2(at, stream)
    sys.argv = ["remnant", *words]
    status = 70
    try:
        from remnant.cli import main

        main()
        status = 0
    except SystemExit as end:
        status = end.code or 0
    finally:
        sys.stdout.flush()
        os._exit(status)


def main():
    for module in NEEDED:
        importlib.import_module(module)
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a thread would not come along"
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if isinstance(asked, list):
            print(run(asked, sys.argv[1]), flush=True)
        else:
            os.kill(asked, 9)
            _, status = os.waitpid(asked, 0)
            print("killed" if status == 9 else f"ended {status}", flush=True)


if __name__ == "__main__":
    main()
