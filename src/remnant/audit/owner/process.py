"""The owner's code in a process of its own: started here, watched, and its end told in one sentence whatever it was."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from remnant.audit.config import AuditConfig
from remnant.base.errors import RemnantError

Task = Literal["check", "estimate", "audit", "mitigate", "estimate of mitigate"]
# What the owner's code was at, in the words of an error.
STAGES = {
    "": "starting",
    "import": "importing target.py",
    "build": "building the network",
    "data": "reading data()",
    "images": "looking at the images",
    "answers": "asking the network about images",
    "audit": "the audit",
}
LIMITED = ("import", "build", "data")  # stages that may take no longer than [target] says; data(), for each item


class WorkerError(Exception):
    """The process ended by a fault of Remnant's own; its traceback was printed."""


def in_own_process(
    folder: Path,
    out: Path,
    config: AuditConfig,
    *,
    task: Task,
    resume: bool,
    quiet: bool,
    command: str,
    workers: int | str,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Do the `task` on `folder` in a process of its own; returns what it reports. The process ends when this one does.
    `workers`: processes at a time that it may start in turn, or the address of a cluster. `more`: what the task takes besides.

    Raises `RemnantError` for what its owner can mend, among it a build or an item that takes longer than `seconds`, and a
    process that was killed; `WorkerError` for a fault of Remnant.
    """
    order = {
        "folder": str(folder),
        "out": str(out),
        "config": config.resolved(),
        "task": task,
        "resume": resume,
        "quiet": quiet,
        "command": command,
        "workers": workers,
        **more,
    }
    read, write = os.pipe()
    program = [sys.executable, "-m", "remnant.audit.inputs.worker", str(write)]
    with os.fdopen(read, "rb") as pipe:
        # In a session of its own: Ctrl-C is for this process, which ends that one.
        process = subprocess.Popen(program, stdin=subprocess.PIPE, pass_fds=(write,), start_new_session=True)
        os.close(write)
        assert process.stdin
        try:
            # One that has ended already says so by the other pipe.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(order).encode() + b"\n")
                process.stdin.flush()
            return _heard(process, pipe.fileno(), config.target.seconds, folder)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()


def _heard(process: subprocess.Popen, pipe: int, seconds: float, folder: Path) -> dict[str, Any]:
    stage, entered, waiting = "", time.monotonic(), b""
    with selectors.DefaultSelector() as watched:
        watched.register(pipe, selectors.EVENT_READ)
        while True:
            # Lines that came together are all told before the pipe is watched again, which would show none of them.
            while b"\n" in waiting:
                line, waiting = waiting.split(b"\n", 1)
                message = json.loads(line)
                if "stage" in message:
                    stage, entered = message["stage"], time.monotonic()
                elif "error" in message:
                    raise RemnantError(message["error"])
                elif "fault" in message:
                    sys.stderr.write(message["trace"])
                    raise WorkerError(message["fault"])
                else:
                    return message["done"]
            limit = entered + seconds if stage in LIMITED else None
            if not watched.select(None if limit is None else max(0.0, limit - time.monotonic())):
                process.kill()
                took = "gave no item for" if stage == "data" else "took longer than"
                raise RemnantError(
                    f"{STAGES[stage][0].upper()}{STAGES[stage][1:]} of {folder} {took} {seconds:g} s; mend it, or give more "
                    "seconds in [target]."
                )
            received = os.read(pipe, 1 << 16)
            if not received:
                raise _ended(process, stage, folder)
            waiting += received


def _ended(process: subprocess.Popen, stage: str, folder: Path) -> RemnantError:
    code = process.wait()
    if code == -signal.SIGKILL:
        return RemnantError(
            f"The process was killed while {STAGES[stage]} ({folder}), for want of memory; give smaller images, a "
            "smaller batch in [target] or a larger machine, and add --resume to go on."
        )
    ended = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
    return RemnantError(
        f"The process ended {ended} while {STAGES[stage]} ({folder}): code in target.py ended it, or a library crashed; "
        "look above for what it said."
    )
