"""Candidates that an attack drew, scored and ranked as an audit does."""

from dataclasses import dataclass

from torch import Tensor

from remnant.attacks.attack import Work
from remnant.attacks.checkpoint.likely import LikelyScores, Ranking, rank, score
from remnant.attacks.checkpoint.methods import ListedSettings, MethodSettings
from remnant.attacks.checkpoint.under_way import asks_nothing, under_way
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.cohort.images import Images
from remnant.targets.seen import SeenWeights


@dataclass(frozen=True)
class Ranked:
    """The `scores` of what an attack drew, and the `ranking` by both of them."""

    scores: LikelyScores
    ranking: Ranking

    @property
    def by_chance(self) -> float:
        """How many would be likely, if both scores had nothing to do with each other."""
        scores, ranking = self.scores, self.ranking
        cuts = ((scores.excitation, ranking.excitation_cutoff), (scores.distance, ranking.distance_cutoff))
        shares = [float((values <= cut).mean()) for values, cut in cuts]
        return shares[0] * shares[1] * len(scores.excitation)


def ranked_of(
    access: SeenWeights, images: Tensor, settings: Settings, work: Work, own: Images | None = None
) -> Ranked | None:
    """The `images` (k, 1, N, N) that an attack drew, scored and ranked by its own settings or the list's; `own`: the attacker's
    images. None for a network whose layers do not tell."""
    assert work.prior
    if asks_nothing(access.target, work.prior.input_range):
        return None
    told = settings if isinstance(settings, MethodSettings) else ListedSettings()
    try:
        scores = score(images, under_way(access, told, work, own).goals, told.likely)
    except RemnantError as error:
        work.tell(str(error))
        return None
    return Ranked(scores, rank(scores, told.likely.q))
