"""All flat rows of results.json, from what the cells kept. Nothing here trains, encodes or segments."""

from collections.abc import Iterator, Mapping, Sequence

from remnant.attacks.attributes import READ
from remnant.audit.findings.attribute_rows import skill_rows, truth_of
from remnant.audit.findings.worth import seconds_rows
from remnant.base.findings import Control, Finding
from remnant.base.results import Row
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.studies import published
from remnant.studies.judged import judged_tables
from remnant.studies.kim2019.difference_tables import difference_rows
from remnant.studies.kim2019.findings import controls_of, findings_of, unseen
from remnant.studies.kim2019.identity_tables import identity_rows, judged_pairs, primary_kind
from remnant.studies.kim2019.inversion_tables import inversion_rows
from remnant.studies.kim2019.overlap_tables import by_class, robustness_rows, segmentation_rows, transfer_rows
from remnant.studies.kim2019.subjects import AuditedVariant
from remnant.studies.kim2019.summary_tables import Tables, exposures, headline_rows, trade_off_rows
from remnant.studies.kim2019.variants import Variant, described


def make_tables(
    variants: Mapping[str, Variant],
    subjects: Sequence[AuditedVariant],
    images: Images,
    roles: Mapping[str, int],
    blind: Sequence[Control],
    *,
    kind: str,
    queries: int,
    seed: int,
) -> tuple[list[Finding], Tables]:
    """What is found, and every table; `subjects` in the order of the `variants`.

    `images` are of the training and the test patients, `roles` by patient. `kind` of the pairs that the study rests on, `queries`
    how often a scan was sent where it was sent many times, `blind` the control of the groups themselves.
    """
    words, seeds, others = described(variants), Seeds(seed).child("tables"), unseen(images, roles)
    controls = controls_of(subjects, blind, others, seed)
    findings = findings_of(subjects, variants, images, roles, controls, seed)
    judged = judged_pairs(subjects, kind, queries, seeds.child("identity"))
    identity = [*identity_rows(judged, words)]
    tables: Tables = {
        **judged_tables(findings, {str(words[name]["name"]): own for name, own in controls.items()}),
        "identity": identity,
        "difference": difference_rows(
            judged, subjects, others, primary_kind(identity), words, seeds.child("difference")
        ),
        "inversion": [*inversion_rows(subjects, others, words, seeds.child("inversion"))],
        "attributes": [*_attribute_rows(subjects, images, roles, words)],
        "segmentation": [*segmentation_rows(subjects, words, seeds.child("segmentation"))],
        "transfer": [*transfer_rows(subjects, words, seeds.child("transfer"))],
        "robustness": [*robustness_rows(subjects, words, seeds.child("robustness"))],
        "runtime": [*_runtime_rows(subjects, words)],
    }
    for name in ("segmentation", "transfer", "robustness"):
        tables[f"{name}_by_class"] = by_class(tables[name])
    exposed = exposures(findings, words)
    tables["trade_off"] = [*trade_off_rows(tables, exposed)]
    tables["headline"] = [*headline_rows(tables, exposed)]
    return findings, tables


def _attribute_rows(
    subjects: Sequence[AuditedVariant], images: Images, roles: Mapping[str, int], described: Mapping[str, Row]
) -> Iterator[Row]:
    truths = [truth for name in READ if (truth := truth_of(images, name))]
    for subject in subjects:
        for row in skill_rows(subject.read, truths, roles):
            yield {**described[subject.variant], **row}


def _runtime_rows(subjects: Sequence[AuditedVariant], described: Mapping[str, Row]) -> Iterator[Row]:
    for subject in subjects:
        for row in seconds_rows(subject.worth):
            yield {
                **described[subject.variant],
                **row,
                "published": published.KIM2019_SECONDS.get(str(row["step"])),
            }
