"""The paper's tables on identity: the accuracy of every adversary on every view, and retrieval, beside what was printed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from remnant.attacks.verification import AVERAGED, REGISTERED
from remnant.audit.findings.pairs import Paired
from remnant.audit.findings.rows import interval_columns
from remnant.base.results import Row, Value, number
from remnant.base.seeds import Seeds
from remnant.measure.verification import Verification
from remnant.studies import published
from remnant.studies.kim2019.subjects import AuditedVariant
from remnant.studies.kim2019.variants import control_of, is_control

FRESH = "d_new"
# Views beside "code" and "labels", of a patient sent many times: scores of pairs averaged, or codes registered and averaged.
QUERIED = {AVERAGED: "code_scores_averaged", REGISTERED: "code_registered_mean"}
# The paper judges its discriminator by patches; what it printed stands beside the judgement by whole codes, too.
PRINTED_AS = {"d_adv_patch": "d_adv"}
NO_RETRIEVAL: Row = dict.fromkeys(("precision", "precision_low", "precision_high", "precision_chance"))


@dataclass(frozen=True)
class JudgedPairs:
    """What one adversary makes of pairs of a `kind`, in one `view` of a variant, scans sent so many times (`queries`)."""

    variant: str
    view: str
    kind: str
    queries: int
    pairs: Paired
    found: Verification
    retrieval: Row

    @property
    def adversary(self) -> str:
        return self.pairs.adversary

    @property
    def attack(self) -> str:
        """The kind of the adversary: all fresh ones, of any network and seed, and their mean are one."""
        return FRESH if self.adversary.startswith(f"{FRESH}_") else self.adversary


def judged_pairs(subjects: Sequence[AuditedVariant], kind: str, queries: int, seeds: Seeds) -> list[JudgedPairs]:
    """Every adversary on every view of every variant; `kind` of the pairs that the study rests on."""
    return [
        JudgedPairs(
            subject.variant,
            _view(shown, one),
            "real" if one.where else kind,
            queries if shown == "repeated" else 1,
            one,
            one.judged(seeds.child(subject.variant)),
            subject.retrieval.get(shown, {}).get(one.adversary, NO_RETRIEVAL) if not one.where else NO_RETRIEVAL,
        )
        for subject in subjects
        for shown, own in subject.pairs.items()
        for one in own
    ]


def _view(shown: str, one: Paired) -> str:
    return next((name for words, name in QUERIED.items() if one.view.endswith(words)), shown)


def strongest_of(judged: Sequence[JudgedPairs]) -> dict[tuple[str, str, str, str], JudgedPairs]:
    """By variant, view, kind of pairs and attack the adversary with the largest AUC, whichever way round."""
    found: dict[tuple[str, str, str, str], JudgedPairs] = {}
    for one in judged:
        key = (one.variant, one.view, one.kind, one.attack)
        if key not in found or one.found.strength > found[key].found.strength:
            found[key] = one
    return found


def identity_rows(judged: Sequence[JudgedPairs], described: Mapping[str, Row]) -> Iterator[Row]:
    """A row a variant, view and adversary. `strongest`: of its attack on this view.

    `control`: balanced accuracy of the same adversary on raw scans (for an adversary of segmentations, on those made of them), in
    the run of the same recipe; `counts`: whether that is as much as the paper's has, so that its failure says something. None
    where the run has no raw scans.
    """
    raw = {
        (one.variant, one.kind, view, one.adversary): one.found
        for view in ("labels", "code")
        for one in judged
        if is_control(described[one.variant]) and one.view == view
    }
    strongest = strongest_of(judged)
    for one in judged:
        against = control_of(described, one.variant)
        views = ("code", "labels")
        control = next((raw[key] for view in views if (key := (against, one.kind, view, one.adversary)) in raw), None)
        best = strongest[one.variant, one.view, one.kind, one.attack] is one
        paper = published.KIM2019_IDENTITY.get(one.variant, {}) if best and one.view == "code" else {}
        found = one.found
        yield {
            **described[one.variant],
            "view": one.view,
            "kind": one.kind,
            "queries": one.queries,
            "attack": one.attack,
            "adversary": one.adversary,
            "strongest": best,
            "patients": found.auc.n,
            "same": found.same,
            "different": found.different,
            **interval_columns("balanced", found.balanced),
            "best": found.best.mean,
            "best_chance": number(found.best_chance),
            **interval_columns("auc", found.auc),
            "p": number(found.p),
            "control": None if control is None else number(control.balanced.mean),
            "counts": None if control is None else control.passes_as_control,
            **one.retrieval,
            "published": paper.get(PRINTED_AS.get(one.attack, one.attack)),
            "published_precision": paper.get("retrieval") if one.attack == FRESH else None,
        }


def primary_kind(rows: Sequence[Row]) -> Value:
    """The kind of pairs that headlines rest on: of the table `identity` that of the most patients; None without rows."""
    return max(rows, key=lambda row: row["patients"])["kind"] if rows else None
