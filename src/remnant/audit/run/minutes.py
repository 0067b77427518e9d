"""What of an audit fits a time, and what is said of what does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remnant.attacks.attack import Attack
from remnant.audit.cells import codes, doses, reader, shadow_time, shadows
from remnant.audit.cells.forecast import forecast_cell
from remnant.audit.cells.piece import PLANTED, Piece, affordable, minutes_for
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.audit.run import resumed
from remnant.audit.run.attacks import attacks_of
from remnant.audit.verdict.scenario import BEARS
from remnant.base.run import Run
from remnant.base.terms import called
from remnant.base.texts import counted, enumerated
from remnant.engine.cells import Cell, run_cells

FORECAST = "forecast"
LEFT_OUT = "left out by --minutes"


@dataclass(frozen=True)
class Fitting:
    """What is run: the `material` with as many shadow models as fit of those `asked` for, and every one of the `attacks` with
    why it is not run, empty where it is. `left_out`: attacks and controls by name, for want of time; `pieces`: what was foretold.
    `early`: why no more shadow models were trained, empty where all were.
    """

    material: Material
    attacks: Sequence[tuple[Attack, str]]
    asked: int = 0
    left_out: Sequence[str] = ()
    pieces: Sequence[Piece] = ()
    early: str = ""

    @property
    def chosen(self) -> list[Attack]:
        """The attacks that are run."""
        return [attack for attack, why in self.attacks if not why]

    def kept_open(self, config: AuditConfig) -> list[str]:
        """Why an audit clears nobody from which attacks were left out that bear on a limit, in one sentence."""
        asked = {limit.statistic for limit in config.appetite.limits(config.scenario) if limit.asked}
        bearing = [attack for attack, why in self.attacks if why == LEFT_OUT and asked & {*BEARS[attack.claim]}]
        missing = [repr(called(attack.name)) for attack in bearing]
        if not missing:
            return []
        which = f"attack {missing[0]} was" if len(missing) == 1 else f"attacks {enumerated(missing)} were"
        would = "it" if len(missing) == 1 else "they"
        return [f"The {which} {LEFT_OUT}, and nobody knows what {would} would have found."]

    def unplanted(self, found: Mapping[str, dict[str, Any]], config: AuditConfig) -> str:
        """Why no leak was planted, by what the cells `found`, and what would change it; empty where one was."""
        if PLANTED not in self.left_out:
            return found.get(PLANTED, {}).get("why", "")
        would = counted(minutes_for(self.pieces, PLANTED), "minute")
        return f"{LEFT_OUT} {config.minutes:.3g}; about {would} would run it"

    def not_tested(self, found: Mapping[str, dict[str, Any]], config: AuditConfig) -> list[str]:
        """What of an audit is missing, by what the cells `found`, a sentence each."""
        bare = self.unplanted(found, config)
        return [
            *([f"No leak was planted: {bare}."] if bare else []),
            *([codes.UNPLANTED] if self.material.sent else []),
            *([self.early] if self.early else shadow_time.untrained(self.material, self.asked)),
            *([f"More training, and less: {LEFT_OUT}."] if doses.DOSES in self.left_out else doses.untold(found)),
            *([f"Age and sex of the people in drawn images: {LEFT_OUT}."] if reader.READER in self.left_out else []),
        ]


def fitting(run: Run, material: Material, config: AuditConfig, *, workers: int, quiet: bool) -> Fitting:
    """Every attack that applies, with the shadow models that it may read; without what does not fit `config.minutes`, by a
    forecast, where there are so many."""
    whole, material = material, shadows.with_shadows(material, config)
    attacks, asked = attacks_of(material, config), material.target.shadows
    shadows.note_shared(run, material, [attack for attack, why in attacks if not why], config.seed)
    resumed.forget_stopped(run, config.minutes)
    if not config.minutes:
        return Fitting(material, attacks, asked)
    chosen = [attack for attack, why in attacks if not why]
    cell = Cell(FORECAST, forecast_cell, {"material": material, "config": config, "attacks": chosen})
    pieces = [Piece(**one) for one in run_cells(run, [cell], workers=1, quiet=quiet)[FORECAST]["pieces"]]
    # What a run that is gone on with has done already costs nothing more.
    done = {name for name in (piece.name for piece in pieces) if resumed.is_done(run, name)}
    left_out = [name for name in affordable(pieces, config.minutes) if name not in done]
    if asked:
        left = 60 * config.minutes - sum(piece.seconds for piece in pieces if piece.name not in left_out)
        trained = shadows.shadow_cells(material, [one for one in chosen if one.name not in left_out], config.seed)
        count = shadow_time.affordable_shadows(run, trained, left, workers=workers, quiet=quiet)
        material = shadows.with_shadows(material if count else whole, config, count)
        beside = count == asked and shadow_time.fit_beside(run, trained, doses.TRAININGS, left, workers=workers)
        left_out += [doses.DOSES] if config.shadows.doses and not beside else []
        without = [] if count else [attack for attack in chosen if attack.shadows]
        left_out += [one.name for one in without if one.applies(material.target, material.candidates, material.own)]
    said = [(attack, LEFT_OUT if attack.name in left_out and not why else why) for attack, why in attacks]
    return Fitting(material, said, asked, left_out, pieces)
