"""What attacks drew of the scans of each trained target, read one target at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

from remnant.attacks.attack import Reconstructions
from remnant.audit.cells.kept import kept_reconstructions
from remnant.base.run import Run
from remnant.cohort.images import Images, stacked
from remnant.report.private import write_reconstructions
from remnant.studies.subbanna2021.experiments import EXPERIMENTS, OVERFIT, TARGETS, attack_cell_name, subject_name
from remnant.studies.subbanna2021.folds import attacked_in, part_of, read_fold, seen_by
from remnant.studies.subbanna2021.settings import StudySettings


@dataclass(frozen=True)
class DrawnReconstructions:
    """What the attacks on one trained target drew of the scans that they were `asked` about, by experiment."""

    network: str
    fold: int
    target: str
    claims: dict[str, list[Reconstructions]]
    asked: Images

    @property
    def name(self) -> str:
        """What findings call the target."""
        return subject_name(self.network, self.fold, self.target)


def drawn_of(run: Run, settings: StudySettings, *, control: bool | None = None) -> Iterator[DrawnReconstructions]:
    """Of every target, or of those alone that were, or were not, made to leak."""
    for fold in range(settings.dealt):
        data = read_fold(run, fold)
        for network in settings.networks:
            by_target: dict[str, list[str]] = {}
            for experiment in settings.on(network):
                by_target.setdefault(EXPERIMENTS[experiment].target, []).append(experiment)
            for target, experiments in by_target.items():
                if control not in (None, target == OVERFIT):
                    continue
                attacked = attacked_in(data, settings.few_of(target))
                asked = seen_by(data, TARGETS[target]).take(attacked)
                part = part_of(run, network, fold, target)
                claims = {name: kept_reconstructions(part, name) for name in experiments}
                yield DrawnReconstructions(network, fold, target, claims, asked)


def keep_pairs(run: Run, settings: StudySettings) -> None:
    """Keep what was drawn of everybody beside his own scans, for the figures that show patients."""
    for one in drawn_of(run, settings):
        originals = stacked(one.asked.images)[:, 0].numpy()
        for experiment, (claim,) in one.claims.items():
            write_reconstructions(
                run.path,
                attack_cell_name(one.network, one.fold, experiment),
                network=one.network,
                decoder=experiment,
                pseudonyms=claim.patients,
                groups=one.asked.roles,
                sessions=tuple(map(str, one.asked.visits)),
                originals=originals,
                reconstructions=claim.images[:, 0].numpy(),
            )
