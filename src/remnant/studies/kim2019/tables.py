"""All flat rows of results.json, from what the cells kept. Nothing here trains, encodes or reads an image."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from remnant.base.results import Row
from remnant.base.seeds import Seeds
from remnant.measure.membership_inference import MembershipTest
from remnant.studies import published
from remnant.studies.kim2019.described import described
from remnant.studies.kim2019.difference_tables import difference_rows
from remnant.studies.kim2019.identity_tables import family, identity_rows, looks, primary_kind, verified
from remnant.studies.kim2019.inversion_tables import inversion_rows
from remnant.studies.kim2019.membership import membership_rows
from remnant.studies.kim2019.overlap_tables import by_class, robustness_rows, segmentation_rows, transfer_rows
from remnant.studies.kim2019.people_tables import people_rows
from remnant.studies.kim2019.records import Fitted, Identity, Inversion, People, Segmented, Timed, Transferred
from remnant.studies.kim2019.summary_tables import Tables, headline_rows, trade_off_rows
from remnant.studies.kim2019.variants import Variant

Record = TypeVar("Record", Identity, Inversion, Segmented, Transferred, People, Timed, Fitted)

NAMES = (
    "identity",
    "difference",
    "inversion",
    "people",
    "segmentation",
    "transfer",
    "robustness",
    "segmentation_by_class",
    "transfer_by_class",
    "robustness_by_class",
    "runtime",
    "trade_off",
    "headline",
    "membership",
    "membership_verdicts",
)


def make_tables(
    variants: Mapping[str, Variant],
    *,
    identities: Sequence[Identity],
    inversions: Sequence[Inversion],
    segmented: Sequence[Segmented],
    transferred: Sequence[Transferred],
    people: Sequence[People],
    timed: Sequence[Timed],
    fitted: Sequence[Fitted],
    blind: MembershipTest,
    seeds: Seeds,
) -> Tables:
    """Every table of `NAMES`, from records of the `variants`, in whose order rows stand; one without records has no rows."""
    words = described(variants)

    def ordered(records: Sequence[Record]) -> list[Record]:
        return sorted(records, key=lambda record: [*variants].index(record.variant))

    together = looks(identities, words)
    views = [
        verified(each, seeds.child("verified", each.variant, each.kind, each.view), together[family(each, words)])
        for each in ordered(identities)
    ]
    inversions, segmented = ordered(inversions), ordered(segmented)
    identity = [*identity_rows(views, words, seeds.child("identity"))]
    tables: Tables = {
        "identity": identity,
        "difference": difference_rows(views, inversions, primary_kind(identity), words, seeds.child("difference")),
        "inversion": inversion_rows(inversions, words, seeds.child("inversion")),
        "people": [*people_rows(ordered(people), words, seeds.child("people"))],
        "segmentation": [*segmentation_rows(segmented, words, seeds.child("segmentation"))],
        "transfer": [*transfer_rows(ordered(transferred), words, seeds.child("transfer"))],
        "robustness": [*robustness_rows(segmented, words, seeds.child("robustness"))],
        "runtime": [*_runtime_rows(ordered(timed), words)],
    }
    for name in ("segmentation", "transfer", "robustness"):
        tables[f"{name}_by_class"] = by_class(tables[name])
    tables["trade_off"] = [*trade_off_rows(tables)]
    tables["headline"] = [*headline_rows(tables)]
    tables |= membership_rows(ordered(fitted), blind, words, seeds.child("membership"))
    return {name: tables[name] for name in NAMES}


def _runtime_rows(timed: Sequence[Timed], described: Mapping[str, Row]) -> Iterator[Row]:
    """Median seconds a scan, with the fastest and the slowest, of each step and `altogether`."""
    for each in timed:
        steps = {"encode": each.encode, "segment": each.segment, "undo": each.undo}
        for step, seconds in (steps | {"altogether": sum(steps.values())}).items():
            yield {
                **described[each.variant],
                "step": step,
                "n": len(seconds),
                "seconds": float(np.median(seconds)),
                "fastest": float(np.min(seconds)),
                "slowest": float(np.max(seconds)),
                "voxels": " x ".join(str(int(side)) for side in each.shape),
                "device": each.device,
                "published": published.KIM2019_SECONDS.get(step),
            }
