"""What the audit finds in every variant, judged together: one family of tests, outcomes by the controls of each."""

from collections.abc import Mapping, Sequence

from remnant.attacks.attributes import READ
from remnant.attacks.code_inversion import CODE_INVERSION
from remnant.attacks.verification import VERIFICATION
from remnant.audit.cells.code_cells import inversion_controls
from remnant.audit.findings.attribute_rows import attribute_keys, attribute_rows, truth_of
from remnant.audit.findings.identified import identification_keys, identification_rows
from remnant.audit.findings.pair_rows import pair_controls, pair_keys, pair_rows
from remnant.audit.findings.rows import membership_rows
from remnant.audit.verdict.family import Key, levels_of
from remnant.base.findings import Control, Finding
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.roles import NON_MEMBER
from remnant.studies.judged import judged
from remnant.studies.kim2019.subjects import AuditedVariant
from remnant.studies.kim2019.variants import RAW, Variant, described


def findings_of(
    subjects: Sequence[AuditedVariant],
    variants: Mapping[str, Variant],
    images: Images,
    roles: Mapping[str, int],
    controls: Mapping[str, Sequence[Control]],
    seed: int,
) -> list[Finding]:
    """The findings on all variants, by their names for people; of raw scans, which are the control, in a family of their own.

    `images` are of the training and the test patients, `roles` by patient, `controls` by variant.
    """
    names = {name: str(row["name"]) for name, row in described(variants).items()}
    others = unseen(images, roles)
    truths = [truth for name in READ if (truth := truth_of(images, name))]
    found: list[Finding] = []
    for control in (False, True):
        own = [subject for subject in subjects if variants[subject.variant].control == control]
        keys: dict[str, list[Key]] = {
            subject.variant: [
                *(claim.key for claim in subject.scored),
                *identification_keys({CODE_INVERSION.name: subject.claims}, others),
                *attribute_keys(subject.read, truths),
                *pair_keys({VERIFICATION.name: subject.paired}),
            ]
            for subject in own
        }
        levels = levels_of({name: [(key, False) for key in some] for name, some in keys.items()})
        rows: list[Finding] = []
        for subject in own:
            level, target = levels[subject.variant], names[subject.variant]
            seeds = Seeds(seed).child("audit", "tests", subject.variant)
            rows += membership_rows(subject.scored, level, seeds.numpy(), target)
            rows += identification_rows({CODE_INVERSION.name: subject.claims}, others, level, target)
            rows += pair_rows({VERIFICATION.name: subject.paired}, level, seeds.child("verification"), target)
            rows += attribute_rows(subject.read, truths, roles, level, "skill", target)
        found += judged(rows, {names[name]: own for name, own in controls.items()})
    return found


def controls_of(
    subjects: Sequence[AuditedVariant], blind: Sequence[Control], others: Images, seed: int
) -> dict[str, list[Control]]:
    """The controls by variant: what must find nothing, of its own codes; and what must succeed, on scans that are sent as they
    are. `blind`: of the groups themselves."""
    raw = next(subject for subject in subjects if subject.variant == RAW)
    planted = [control for control in raw.controls if control.kind == "planted"]
    found: dict[str, list[Control]] = {}
    for subject in subjects:
        seeds = Seeds(seed).child("audit", "pairs", "controls", subject.variant)
        own = pair_controls(VERIFICATION.name, subject.pairs["code"], raw.as_raw, seeds)
        if subject.drawn and raw.drawn:
            own += inversion_controls(CODE_INVERSION, subject.drawn["code"][0], raw.drawn["code"][0], others, seed)
        own += [*subject.controls, *(planted if subject.read and subject is not raw else ())]
        found[subject.variant] = [*own, *(blind if subject.scored else ())]
    return found


def unseen(images: Images, roles: Mapping[str, int]) -> Images:
    """The scans of test patients."""
    return images.of([patient for patient, role in roles.items() if role == NON_MEMBER])
