"""Are two codes of one patient? Every adversary of Kim 2019 on the pairs that are asked, listed as one attack."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pydantic
import torch
from torch import Tensor

from remnant.attacks.adversaries import AdversaryScores, AdversarySettings, adversary_scores, ms_ssim_scores
from remnant.attacks.attack import Attack, PairScores, Work, of_a_client
from remnant.attacks.learnt import Learnt
from remnant.attacks.queries import QuerySettings, averaged, groupwise_means, looks, pairs_of_looks, registered_scores
from remnant.attacks.reidentify import ReidentifierSettings, embedded, train_on_codes
from remnant.attacks.shapes import shape_fields
from remnant.base.config import Settings
from remnant.cohort.images import Images
from remnant.cohort.pairs import Pair, all_pairs
from remnant.engine.cost import timed
from remnant.measure.threshold import best_threshold
from remnant.targets.access import Codes, encode
from remnant.targets.audited import Audited
from remnant.targets.seen_codes import SeenCodes

FEWEST = 2  # patients on either side, somebody of whom has several scans
AVERAGED, REGISTERED = "scores averaged", "registered and averaged"


class VerificationSettings(Settings):
    """`adversaries` tell pairs apart. `looks`: how many codes of each of his own scans the attacker learns from where the client
    draws a secret for each. `negatives`: pairs of two patients for each pair of one, all where there are fewer. `queries`: how
    often each scan of `queried` patients is sent, where the client keeps a secret.
    """

    adversaries: AdversarySettings = AdversarySettings()
    looks: int = pydantic.Field(default=3, ge=1)
    negatives: int = pydantic.Field(default=10, ge=1)
    queries: QuerySettings = QuerySettings()
    queried: int = pydantic.Field(default=12, ge=2)


def verify(access: SeenCodes, own: Images, settings: VerificationSettings, work: Work) -> list[PairScores]:
    """A claim an adversary, on `access.pairs`. Of scans sent several times the mean over all pairs of their codes, and what
    is made of the codes once they are bent onto each other and averaged."""
    scans, patients = torch.stack(own.images), own.patients
    asked = [Pair(int(one), int(other), False) for one, other in access.pairs]
    if access.times == 1:
        found = {"": _by_all(access, scans, patients, asked, settings, work)}
    else:
        found = {
            AVERAGED: _averaged(access, scans, patients, asked, settings, work),
            REGISTERED: _registered(access, scans, patients, asked, settings, work),
        }
    names = np.array([[access.patients[pair.anchor], access.patients[pair.other]] for pair in asked], dtype=str)
    return [
        PairScores(
            ", ".join(filter(None, [access.what, how])),
            names,
            scored.test,
            name,
            scored.threshold,
            # Of several codes a scan there is none for the scan.
            scored.embeddings if access.times == 1 else None,
        )
        for how, adversaries in found.items()
        for name, scored in adversaries.items()
    ]


def first_two(patients: Sequence[str], most: int) -> list[int]:
    """The places of the first two scans of so many patients, those before others who have two: a pair of one needs two."""
    seen: Counter[str] = Counter()
    early = []
    for place, patient in enumerate(patients):
        seen[patient] += 1
        if seen[patient] <= 2:
            early.append(place)
    came = Counter(patients[i] for i in early)
    chosen = set(sorted(came, key=lambda patient: -came[patient])[:most])
    return [i for i in early if patients[i] in chosen]


def _by_all(
    access: SeenCodes,
    scans: Tensor,
    patients: Sequence[str],
    asked: Sequence[Pair],
    settings: VerificationSettings,
    work: Work,
) -> dict[str, AdversaryScores]:
    training = all_pairs(patients, settings.negatives, seeds=work.seeds.child("training"))
    return adversary_scores(
        access.given,
        scans,
        patients,
        training,
        asked,
        settings.adversaries,
        # The same branch for all views: the same adversary, with the same budget, as on raw scans.
        work.seeds.child("adversaries"),
        work.epoch,
        access.discriminator,
        settings.looks if access.secret else 1,
        access.spacing_mm if access.anatomical else None,
        # Where a secret is drawn scans are sent once and many times, and the same adversaries are asked about either.
        Learnt(work.folder / "learnt") if access.secret else Learnt(),
    )


def _averaged(
    access: SeenCodes,
    scans: Tensor,
    patients: Sequence[str],
    asked: Sequence[Pair],
    settings: VerificationSettings,
    work: Work,
) -> dict[str, AdversaryScores]:
    found = _by_all(access, scans, patients, pairs_of_looks(asked, access.times), settings, work)
    return {name: replace(each, test=averaged(each.test, access.times)) for name, each in found.items()}


def _registered(
    access: SeenCodes,
    scans: Tensor,
    patients: Sequence[str],
    asked: Sequence[Pair],
    settings: VerificationSettings,
    work: Work,
) -> dict[str, AdversaryScores]:
    queries = settings.queries.changed(queries=access.times)
    # Registering takes its time, so that fewer are learnt from.
    chosen = first_two(patients, settings.queried)
    whose = [patients[i] for i in chosen]
    sent = looks(access.view, scans[chosen], access.times)
    with torch.no_grad():
        mine, theirs = (groupwise_means(codes, queries, access.spacing_mm) for codes in (sent, access.codes))
    training = all_pairs(whose, settings.negatives, seeds=work.seeds.child("registered"))
    names = [(whose[pair.anchor], whose[pair.other]) for pair in training]
    bent = [registered_scores(*each, access.spacing_mm) for each in ((mine, training), (theirs, asked))]
    found = adversary_scores(
        # What the attacker made of its own scans is looked at as it is.
        Codes(lambda means: means, theirs),
        mine,
        whose,
        training,
        asked,
        # One seed of each, for the time.
        settings.adversaries.changed(seeds=1),
        work.seeds.child("adversaries"),
        work.epoch,
        spacing_mm=access.spacing_mm if access.anatomical else None,
    )
    return {"registered": AdversaryScores(*bent, best_threshold(bent[0], names))} | found


def _cost(access: SeenCodes, own: Images, settings: VerificationSettings, work: Work) -> float:
    """A step of each fresh adversary is tried, and a few pairs; his own scans pass the client, and are registered where codes
    show a head. As many codes and pairs are asked about as are learned from."""
    chosen = first_two(own.patients, FEWEST)
    scans, whose = torch.stack([own.images[i] for i in chosen]), [own.patients[i] for i in chosen]
    seen, fresh = encode(access.view, scans), settings.adversaries
    few = [Pair(one, other, False) for one in range(len(scans)) for other in range(len(scans))]
    pair = timed(lambda: ms_ssim_scores(seen, few)) / len(few)
    bent = timed(lambda: shape_fields(scans[:1, 0], scans.mean((0, 1)), access.spacing_mm)) * access.anatomical
    trained = sum(_trained(seen, whose, fresh.reidentifier.changed(trunk=trunk), work) for trunk in fresh.trunks)
    pairs = len(all_pairs(own.patients, settings.negatives, seeds=work.seeds))
    if access.times > 1:
        return pairs * pair + trained + _queried(access, own, settings, work, pair, bent)
    looked = len(own) * (settings.looks if access.secret else 1)
    passing = timed(lambda: encode(access.view, scans[:1]))
    judged = 0.0
    if access.discriminator:
        model, patch = access.discriminator
        judged = timed(lambda: embedded(model, seen[:1], patch))
    return fresh.seeds * trained + looked * (passing + bent) + len(own) * (bent + 2 * judged) + 2 * pairs * pair


def _queried(
    access: SeenCodes, own: Images, settings: VerificationSettings, work: Work, pair: float, bent: float
) -> float:
    """Seconds of what is asked beside about scans that are sent several times; `pair`: of one pair, `bent`: of one code."""
    chosen = first_two(own.patients, settings.queried)
    pairs = len(all_pairs([own.patients[i] for i in chosen], settings.negatives, seeds=work.seeds))
    codes = len(chosen) * access.times
    # Of one pair, two registrations: straight and mirrored.
    once = timed(lambda: registered_scores(access.codes[:2], [Pair(0, 1, True)], access.spacing_mm)) / 2
    registrations = 2 * codes * (1 + settings.queries.rounds) + 2 * 2 * pairs
    return registrations * once + pairs * access.times**2 * pair + (codes + 2 * len(chosen)) * bent


def _trained(seen: Tensor, patients: Sequence[str], settings: ReidentifierSettings, work: Work) -> float:
    """Seconds of the training of one fresh adversary, of which a step is tried."""
    once = settings.changed(pairs=settings.batch, fit=settings.fit.changed(epochs=1))
    step = timed(lambda: train_on_codes(seen, patients, once, work.seeds, work.epoch))
    return settings.fit.epochs * settings.steps * step


def _verifiable(target: Audited, candidates: Images, own: Images | None) -> str:
    for whose, images in (("of the attacker's own", own), ("who are attacked", candidates)):
        counts: Mapping[str, int] = Counter(images.patients if images else ())
        if len(counts) < FEWEST or max(counts.values()) < 2:
            return f"pairs need {FEWEST} patients {whose}, and somebody among them with two scans"
    return ""


VERIFICATION = Attack(
    "verification",
    "whether two codes are of one patient, by similarity, likelihood ratios and Siamese networks",
    access="codes",
    claim="pair_scores",
    run=verify,
    source="Kim et al. 2019 (Privacy-Net)",
    applies=_verifiable,
    needs="patients with several scans, or --simulate-revisits",
    settings=VerificationSettings,
    cost=_cost,
    suits=of_a_client,
)
