"""Rows on identity: what every adversary makes of every view, and what the code tells beyond its own segmentation map."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from remnant.base.results import Row, Value, number
from remnant.base.seeds import Seeds
from remnant.measure.multiplicity import holm
from remnant.measure.retrieval import retrieval
from remnant.measure.verification import Verification, orientation, verification
from remnant.measure.verification_words import verdict
from remnant.studies import published
from remnant.studies.columns import interval_columns
from remnant.studies.kim2019.described import control_of, is_control
from remnant.studies.kim2019.records import Identity, Scores

FRESH = "d_new"
LEVEL = 0.05  # two-sided, after Holm over all that was looked at together
# The paper judges its discriminator by patches; what it printed stands beside the judgement by whole codes, too.
PRINTED_AS = {"d_adv_patch": "d_adv"}


@dataclass(frozen=True)
class Pairs:
    """Scores (n,) of pairs and the patients (n, 2) of their images; higher for more alike, whichever way the adversary errs."""

    scores: np.ndarray
    patients: np.ndarray


@dataclass(frozen=True)
class Verified:
    """One view of one variant: what each adversary, by name, makes of its pairs, and the strongest of each attack."""

    identity: Identity
    found: dict[str, Verification]
    strongest: dict[str, str]

    @property
    def winner(self) -> str:
        """The adversary that tells most, of all."""
        return max(self.found, key=lambda name: self.found[name].strength)

    def pairs(self, name: str) -> Pairs:
        """The test pairs as this adversary scores them, turned where its own training pairs showed it to err."""
        scores = self.identity.adversaries[name]
        sign = orientation(scores.training, self.identity.training_pairs)
        return Pairs(sign * scores.test, self.identity.test_pairs)


def family(identity: Identity, described: Mapping[str, Row]) -> tuple[str, bool]:
    """What is looked at together: all views of all variants on a kind of pairs, the raw scans, which are the control, apart."""
    return identity.kind, is_control(described[identity.variant])


def looks(identities: Iterable[Identity], described: Mapping[str, Row]) -> Counter[tuple[str, bool]]:
    """How many adversaries each `family` has."""
    counts: Counter[tuple[str, bool]] = Counter()
    for each in identities:
        counts[family(each, described)] += len(each.adversaries)
    return counts


def verified(identity: Identity, seeds: Seeds, together: int = 1) -> Verified:
    """Judge every adversary, by its own threshold; `together`: how many its family has."""
    pairs = identity.test_pairs
    found = {
        name: verification(scores.test, pairs, scores.threshold, seeds.child(name).numpy(), looks=together)
        for name, scores in identity.adversaries.items()
    }
    strongest: dict[str, str] = {}
    for name, each in found.items():
        attack = _attack(name)
        if attack not in strongest or each.strength > found[strongest[attack]].strength:
            strongest[attack] = name
    return Verified(identity, found, strongest)


def identity_rows(views: Sequence[Verified], described: Mapping[str, Row], seeds: Seeds) -> Iterator[Row]:
    """A row a variant, view and adversary. `strongest`: of its attack on this view, by the area, whichever way round.

    `control`: balanced accuracy of the same adversary on raw scans (for an adversary of maps, on the maps made of them), in the
    run of the same recipe; `counts`: whether that is enough for its failure to say anything. None where the run has no raw scans.

    `knows`: it tells patients apart, by `holm_p`, which holds for the whole `family`. Of the strongest of many adversaries that
    know nothing, every third tells patients apart by an interval of its own.
    """
    raw = _raw(views, described)
    adjusted = _adjusted(views, described)
    for view in views:
        identity = view.identity
        for name, found in view.found.items():
            attack = _attack(name)
            trunk, _, seed = name.removeprefix(f"{FRESH}_").rpartition("_") if attack == FRESH else ("", "", "")
            strongest = view.strongest[attack] == name
            against = control_of(described, identity.variant)
            control = next(
                (raw[key] for seen in ("code", "labels") if (key := (against, identity.kind, seen, name)) in raw), None
            )
            p = adjusted[identity.variant, identity.kind, identity.view, name]
            knows = p is not None and p <= LEVEL
            paper = published.KIM2019_IDENTITY.get(identity.variant, {})
            of_paper = strongest and identity.view == "code"
            yield {
                **described[identity.variant],
                "view": identity.view,
                "kind": identity.kind,
                "queries": identity.queries,
                "attack": attack,
                "adversary": name,
                "trunk": trunk or None,
                "seed": seed if trunk else None,
                "strongest": strongest,
                "patients": found.auc.n,
                "same": found.same,
                "different": found.different,
                **interval_columns("balanced", found.balanced),
                **interval_columns("best", found.best),
                "best_chance": number(found.best_chance),
                **interval_columns("auc", found.auc),
                "strength": number(found.strength),
                "detectable": number(found.detectable),
                "p": number(found.p),
                "holm_p": p,
                "knows": knows,
                "control": None if control is None else number(control.balanced.mean),
                "counts": None if control is None else control.passes_as_control,
                "verdict": _verdict(found, control, knows=knows),
                **_retrieval_columns(
                    identity, identity.adversaries[name], seeds.child(identity.variant, identity.view, name)
                ),
                "published": paper.get(PRINTED_AS.get(attack, attack)) if of_paper else None,
                "published_precision": paper.get("retrieval") if of_paper and attack == FRESH else None,
            }


def _attack(name: str) -> str:
    """The kind of an adversary: all fresh ones, of any network and seed, and their mean are one."""
    return FRESH if name.startswith(f"{FRESH}_") else name


def primary_kind(rows: Sequence[Row]) -> Value:
    """The kind of pairs that headlines rest on: of the table `identity` that of the most patients; None without rows."""
    return max(rows, key=lambda row: row["patients"])["kind"] if rows else None


def _adjusted(views: Sequence[Verified], described: Mapping[str, Row]) -> dict[tuple[str, str, str, str], float | None]:
    """The adjusted p by variant, kind of pairs, view and name; None where there was none to be had."""
    families: dict[tuple[str, bool], dict[tuple[str, str, str, str], float]] = {}
    for view in views:
        seen = view.identity
        families.setdefault(family(seen, described), {}).update(
            {(seen.variant, seen.kind, seen.view, name): found.p for name, found in view.found.items()}
        )
    return {
        key: number(p) for own in families.values() for key, p in zip(own, holm([*own.values()]).tolist(), strict=True)
    }


def _raw(
    views: Sequence[Verified], described: Mapping[str, Row]
) -> dict[tuple[str | None, str, str, str], Verification]:
    """What the adversaries make of scans that are not encoded, by variant, kind of pairs, view and name."""
    return {
        (view.identity.variant, view.identity.kind, view.identity.view, name): found
        for view in views
        if is_control(described[view.identity.variant])
        for name, found in view.found.items()
    }


def _verdict(found: Verification, control: Verification | None, *, knows: bool) -> str:
    if found is control:
        return "passes as control" if found.passes_as_control else "too weak for a control"
    if control is None:
        return "tells patients apart" if knows else "no control in this run"
    return verdict(found, control, knows=knows)


def _retrieval_columns(identity: Identity, scores: Scores, seeds: Seeds) -> Row:
    names = ("precision", "precision_low", "precision_high", "precision_chance")
    if not scores.embeddings.shape[-1]:
        return dict.fromkeys(names)
    found = retrieval(scores.embeddings, identity.patients, seeds.numpy())
    return interval_columns("precision", found.mean_average_precision) | {"precision_chance": number(found.chance)}
