"""The process in which the owner's code runs: started by `remnant.audit.owner.process`, and by nothing else."""

import json
import os
import sys
import threading
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remnant.audit.config import AuditConfig
from remnant.base.errors import RemnantError, disk_sentence

if TYPE_CHECKING:
    from remnant.audit.inputs.folder import Folder
    from remnant.audit.materials.material import Material


def main() -> None:
    """Do what stands on standard input, and report on the pipe whose number is the first argument."""
    pipe = os.fdopen(int(sys.argv[1]), "w", buffering=1)
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, args=(os.dup(0),), daemon=True).start()
    # The owner's code has nobody to ask, and what it prints is no result of ours.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    def report(**message: Any) -> None:
        pipe.write(json.dumps(message) + "\n")

    try:
        report(done=work(order, report))
    except RemnantError as error:
        report(error=str(error))
    except Exception as error:
        if said := mendable(error):
            report(error=said)
        else:
            report(fault=f"{type(error).__name__}: {error}", trace=traceback.format_exc())


def _end_with_parent(pipe: int) -> None:
    """Wait for the end of the process that started this one, whatever ended it: nobody would hear of the audit any more."""
    while os.read(pipe, 1):
        pass
    os._exit(1)


def mendable(error: Exception) -> str:
    """What a user can do about an error of the system: no room, no rights, no memory; empty for any other."""
    from remnant.targets.audited import lacks_memory

    if lacks_memory(error):
        return "Memory runs out; set a smaller batch or a window in [target], give smaller images, and add --resume to go on."
    return disk_sentence(error)


def work(order: dict[str, Any], report: Any) -> dict[str, Any]:
    """Check the folder, or audit it; returns what the parent needs to know of it."""
    from remnant.audit.inputs.folder import Folder

    config = AuditConfig.model_validate(order["config"])
    folder = Folder(Path(order["folder"]), config, lambda stage: report(stage=stage))
    if order["task"] == "check":
        faults, doubts = folder.checked()
        return {"faults": faults, "doubts": doubts}
    if "mitigate" in order["task"]:
        return _mitigated(folder, order, report)
    if order["task"] == "estimate":
        return _estimate(folder, report, quiet=order["quiet"])
    from remnant.audit.run.conduct import conduct
    from remnant.audit.run.results import Clock

    clock = Clock()
    material = _read_again(folder)
    report(stage="audit")
    told = {name: order[name] for name in ("command", "resume", "quiet")}
    told["workers"] = _at_a_time(order["workers"])
    results = conduct(material, config, Path(order["out"]), clock, given={"folder": order["folder"]}, **told)
    return {"ruling": results.verdict.ruling}


def _read_again(folder: "Folder") -> "Material":
    """The material of the folder, which other processes can read, too."""
    from remnant.audit.inputs.folder_again import FolderAgain
    from remnant.audit.materials.material import digests_of

    material = folder.material()
    return replace(material, elsewhere=FolderAgain(folder.path.resolve(), folder.config, digests_of(material)))


def _at_a_time(workers: int | str) -> int | str:
    """How many processes work at a time, of so many that are asked for: two networks at a time on one GPU need twice its memory,
    and are not sooner done."""
    from remnant.engine.device import fabric

    return workers if isinstance(workers, str) or fabric().device.type == "cpu" else 1


def _mitigated(folder: "Folder", order: dict[str, Any], report: Any) -> dict[str, Any]:
    from remnant.audit.cells.shadow_time import FEWEST
    from remnant.audit.mitigation.attempts import strengths_of
    from remnant.audit.mitigation.inquiry import foretold, mitigate

    config, audit, given = folder.config, order["audit"] and Path(order["audit"]), order["strengths"]
    strengths = strengths_of(Path(given) if isinstance(given, str) else given)
    # A defence is tried on train() also where no shadow models are asked of it, and those of this run are shared with no other.
    shadows = config.shadows.changed(count=config.shadows.count or FEWEST, shared=None)
    material = _read_again(replace(folder, config=config.changed(shadows=shadows)))
    report(stage="audit")
    how = {"asked": order["defences"], "strengths": strengths, "quiet": order["quiet"]}
    if order["task"] != "mitigate":
        pieces, not_tried = foretold(audit, material, config, **how)
        return {"pieces": [asdict(piece) for piece in pieces], "not_run": not_tried}
    told = {name: order[name] for name in ("command", "resume")}
    mitigate(audit, material, config, Path(order["out"]), workers=_at_a_time(order["workers"]), **how, **told)
    return {}


def _estimate(folder: "Folder", report: Any, *, quiet: bool) -> dict[str, Any]:
    from remnant.audit.run.estimate import estimated

    material = folder.material()
    report(stage="audit")
    pieces, not_run = estimated(material, folder.config, quiet=quiet)
    return {"pieces": [asdict(piece) for piece in pieces], "not_run": not_run}


if __name__ == "__main__":
    main()
