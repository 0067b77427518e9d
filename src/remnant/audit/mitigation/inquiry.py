"""`remnant mitigate`: from a finished audit of a folder with train() to a run in which each defence was tried."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from remnant.audit.cells.piece import Piece
from remnant.audit.cells.shadow_time import LONGEST_TRIAL_S
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material, digests_of
from remnant.audit.mitigation.attempts import Attempt, attempts_of, defended, strengths_of, try_all
from remnant.audit.mitigation.conclusion import STUDY, conclude_mitigation
from remnant.audit.owner.training import TimeUpError, at_most
from remnant.audit.run.estimate import estimated
from remnant.audit.run.results import Clock, machine
from remnant.audit.several.finished import read_finished
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.findings import LAYER
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.base.texts import enumerated


def mitigate(
    audit: Path,
    material: Material,
    config: AuditConfig,
    out: Path,
    *,
    asked: Sequence[str] = (),
    strengths: Settings | None = None,
    command: str = "",
    resume: bool = False,
    quiet: bool = False,
) -> Results:
    """Train anew under each defence that applies, or those `asked`, audit each as `audit` was, and leave results.json in `out`.

    `material` is what `audit` was made of; `strengths` as `attempts_of` takes them. Raises `RemnantError` where it is another
    now, as `attempts_of`, and for a directory that is taken.
    """
    clock, first = Clock(), read_finished(audit)
    digests = digests_of(material)
    require_same(audit, digests)
    attempts, not_tried = chosen(material, config, asked, first.results.model.get(LAYER), strengths)
    settings = {
        **config.resolved(),
        "audit": str(audit.resolve()),
        "defences": [one.name for one in attempts],
        "strengths": (strengths or strengths_of(None)).resolved(),
    }
    # The digests stay in the run: whoever holds the images could prove by them that they took part.
    begun = {**settings, **digests}
    with Run.start(out, STUDY, begun, resume=resume, growing=("defences",)) as run:
        if run.asks_more(begun, ("defences",)):
            run.take_on(begun)
        before = run.events()
        cells = try_all(run, material, config, attempts, command=command, quiet=quiet)
        where = machine(clock, command, before)
        results = conclude_mitigation(run, config, first, attempts, not_tried, cells, settings, where)
        results.write(run.results)
    return results


def chosen(
    material: Material, config: AuditConfig, asked: Sequence[str], layer: Any, strengths: Settings | None = None
) -> tuple[list[Attempt], dict[str, str]]:
    """The attempts, that without a defence first, and why others are not made, by words of the defence."""
    found = attempts_of(material, config, asked, str(layer or ""), strengths)
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
    audit: Path, material: Material, config: AuditConfig, *, asked: Sequence[str] = (), quiet: bool = False
) -> tuple[list[Piece], dict[str, str]]:
    """What each attempt takes, a training and an audit of it, and why others are not made; of the training one is timed."""
    require_same(audit, digests_of(material))
    attempts, not_tried = chosen(material, config, asked, read_finished(audit).results.model.get(LAYER))
    pieces, _ = estimated(material, config, quiet=quiet)
    seconds = sum(piece.seconds for piece in pieces) + _training_seconds(material, config)
    size = sum(piece.bytes for piece in pieces)
    return [Piece(one.name, one.words, seconds, size) for one in attempts], not_tried


def _training_seconds(material: Material, config: AuditConfig) -> float:
    """Of the training without a defence, by the members; stopped where it takes too long to be tried."""
    began = time.monotonic()
    with contextlib.suppress(TimeUpError), at_most(LONGEST_TRIAL_S):
        defended(material, Attempt(), config.seed)
    return time.monotonic() - began
