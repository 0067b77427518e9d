"""`remnant mitigate`: from a finished audit of a folder with train() to a run in which each defence was tried."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from remnant.audit.cells.piece import Piece
from remnant.audit.cells.shadow_time import LONGEST_TRIAL_S, PIECE
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material, digests_of
from remnant.audit.mitigation.attempt_cells import defended, try_all
from remnant.audit.mitigation.attempts import NONE, Attempt, attempts_of, strengths_of
from remnant.audit.mitigation.conclusion import STUDY, conclude_mitigation
from remnant.audit.owner.training import TimeUpError, at_most
from remnant.audit.run.estimate import estimated
from remnant.audit.run.results import Clock, machine
from remnant.audit.several.finished import FinishedAudit, read_finished
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.findings import LAYER
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.base.texts import enumerated
from remnant.engine.cells import Workers


def mitigate(
    audit: Path | None,
    material: Material,
    config: AuditConfig,
    out: Path,
    *,
    asked: Sequence[str] = (),
    strengths: Settings | None = None,
    command: str = "",
    workers: Workers = 1,
    resume: bool = False,
    quiet: bool = False,
) -> Results:
    """Train anew under each defence that applies, or those `asked`, audit each by the same attacks, and leave results.json in
    `out`.

    `audit`: that of the model, which is told beside the training without a defence; None where there was none. `material` is what
    it was made of; `asked` and `strengths` as `attempts_of` takes them. `workers`: so many attempts at a time, each in a process
    of its own or on a cluster, where the material can be read again; one at a time in this process otherwise. Raises
    `RemnantError` where the material is another than that of the audit, as `attempts_of`, and for a directory that is taken.
    """
    clock, first = Clock(), read_finished(audit) if audit else None
    digests = digests_of(material)
    if audit:
        require_same(audit, digests)
    attempts, not_tried = chosen(material, config, asked, _layer(first), strengths)
    settings = {
        **config.resolved(),
        "audit": str(audit.resolve()) if audit else None,
        "defences": [one.name for one in attempts],
        "strengths": (strengths or strengths_of(None)).resolved(),
    }
    # The digests stay in the run: whoever holds the images could prove by them that they took part.
    begun = {**settings, **digests}
    with Run.start(out, STUDY, begun, resume=resume, growing=("defences",)) as run:
        if run.asks_more(begun, ("defences",)):
            run.take_on(begun)
        before = run.events()
        several = workers if material.elsewhere else 1
        cells = try_all(run, material, config, attempts, command=command, workers=several, quiet=quiet)
        where = machine(clock, command, before)
        name = str(material.model["name"])
        results = conclude_mitigation(run, name, config, first, attempts, not_tried, cells, settings, where)
        results.write(run.results)
    return results


def _layer(first: FinishedAudit | None) -> str:
    """Whose output the attack on latents read, empty where none did."""
    return str(first.results.model.get(LAYER) or "") if first else ""


def chosen(
    material: Material, config: AuditConfig, asked: Sequence[str], layer: str, strengths: Settings | None = None
) -> tuple[list[Attempt], dict[str, str]]:
    """The attempts, that without a defence first, and why others are not made, by words of the defence."""
    found = attempts_of(material, config, asked, layer, strengths)
    tried = [attempt for attempt, why in found if not why]
    if not tried:
        raise RemnantError("No defence applies to this network and its train(); `remnant protect --list` names all.")
    return [Attempt(), *tried], {attempt.words: why for attempt, why in found if why}


def require_same(audit: Path, digests: dict[str, Any]) -> None:
    """Raise `RemnantError` where images, weights or loss are not those of the audit."""
    before = read_json(audit / "config.json")
    if odd := [name for name, digest in digests.items() if before.get(name) != digest]:
        raise RemnantError(
            f"The folder gives other {enumerated(odd)} than when {audit} was made; undo the change, or audit it again."
        )


def folder_of(audit: Path) -> tuple[Path, AuditConfig]:
    """The folder that an audit is of, and its settings, without a limit on the time, which would leave out other attacks each
    time.

    Raises `RemnantError` for a run that is no finished audit of a folder.
    """
    run = Run.open(audit, "give the directory of a finished `remnant audit`")
    before = read_json(run.path / "config.json")
    if run.study != "audit" or "folder" not in before or not run.results.exists():
        raise RemnantError(
            f"{audit} is no finished audit of a folder with target.py; a defence is tried by its train(), which nothing else has."
        )
    folder = Path(before["folder"])
    if not folder.is_dir():
        raise RemnantError(
            f"The folder {folder} that {audit} is of is gone; bring it back, or audit it where it is now."
        )
    own = {name: before[name] for name in AuditConfig.model_fields if name in before}
    return folder, AuditConfig.checked(**own).changed(minutes=None)


def foretold(
    audit: Path | None,
    material: Material,
    config: AuditConfig,
    *,
    asked: Sequence[str] = (),
    strengths: Settings | None = None,
    quiet: bool = False,
) -> tuple[list[Piece], dict[str, str]]:
    """What each attempt takes, a training and an audit of it, and why others are not made; a training of each is timed."""
    if audit:
        require_same(audit, digests_of(material))
    layer = _layer(read_finished(audit) if audit else None)
    attempts, not_tried = chosen(material, config, asked, layer, strengths)
    pieces, _ = estimated(material, config, quiet=quiet)
    size, whole = sum(piece.bytes for piece in pieces), sum(piece.seconds for piece in pieces)
    shadows = sum(piece.seconds for piece in pieces if piece.name == PIECE)
    trained = {one.name: _training_seconds(material, config, one) for one in attempts}
    # Shadow models are trained under the defence, too, and everything else is asked of a network as large.
    seconds = {name: own + whole + shadows * (own / max(trained[NONE], 1e-9) - 1) for name, own in trained.items()}
    return [Piece(one.name, one.words, seconds[one.name], size) for one in attempts], not_tried


def _training_seconds(material: Material, config: AuditConfig, attempt: Attempt) -> float:
    """Of the training by the members under a defence; stopped where it takes too long to be tried."""
    began = time.monotonic()
    with contextlib.suppress(TimeUpError), at_most(LONGEST_TRIAL_S):
        defended(material, attempt, config.seed)
    return time.monotonic() - began
