"""What the cells left of one variant: the claims of the audit's attacks, read from where the audit keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from remnant.attacks.attack import Attributes, Reconstructions
from remnant.attacks.code_attributes import CODE_ATTRIBUTES
from remnant.attacks.code_inversion import CODE_INVERSION
from remnant.attacks.membership.output import OUTPUT
from remnant.attacks.verification import VERIFICATION
from remnant.audit.cells.codes import kept_worth
from remnant.audit.cells.kept import kept_attributes, kept_pairs, kept_reconstructions, kept_scores
from remnant.audit.findings.pairs import Paired
from remnant.audit.findings.rows import ScoredPatients
from remnant.audit.findings.worth import Worth
from remnant.base.findings import Control
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.base.terms import RAW as RAW_VIEW
from remnant.studies.frame import Cells
from remnant.studies.kim2019.cells import claim_of
from remnant.studies.kim2019.plan import ATTRIBUTES, INVERSION, MEMBERSHIP, PAIRS
from remnant.studies.kim2019.training import cell_name


@dataclass(frozen=True)
class AuditedVariant:
    """One variant under audit: `pairs` and `drawn` by what was shown of it ("code", "labels", "repeated"), age and sex as `read`,
    membership as `scored`, what its segmentation is `worth`, the `controls` that its cells made, and of each adversary that
    embeds the columns of `retrieval`, by what was shown.
    """

    variant: str
    pairs: Mapping[str, Sequence[Paired]]
    worth: Worth
    drawn: Mapping[str, Sequence[Reconstructions]] = field(default_factory=dict)
    read: Sequence[Attributes] = ()
    scored: Sequence[ScoredPatients] = ()
    controls: Sequence[Control] = ()
    retrieval: Mapping[str, Mapping[str, Row]] = field(default_factory=dict)

    @property
    def paired(self) -> list[Paired]:
        """Everything that was made of pairs."""
        return [one for own in self.pairs.values() for one in own]

    @property
    def claims(self) -> list[Reconstructions]:
        """Everything that was reconstructed."""
        return [one for own in self.drawn.values() for one in own]

    @property
    def as_raw(self) -> list[Paired]:
        """What is made of its codes, as those of scans that are sent as they are."""
        return [replace(one, view=RAW_VIEW) for one in self.pairs["code"]]


def subject_of(run: Run, cells: Cells, variant: str, roles: Mapping[str, int]) -> AuditedVariant:
    """What the finished `cells` of a run left of a variant."""
    part = run.part(variant)
    shown = {
        kind: [view for view in ("code", "labels", "repeated") if cell_name(kind, variant, view) in cells]
        for kind in (PAIRS, INVERSION)
    }
    people = cells.get(cell_name(ATTRIBUTES, variant))
    return AuditedVariant(
        variant,
        {view: kept_pairs(part, claim_of(VERIFICATION.name, view)) for view in shown[PAIRS]},
        kept_worth(part),
        {view: kept_reconstructions(part, claim_of(CODE_INVERSION.name, view)) for view in shown[INVERSION]},
        kept_attributes(part, CODE_ATTRIBUTES.name) if people else (),
        kept_scores(part, roles, OUTPUT.name, primary=False) if cell_name(MEMBERSHIP, variant) in cells else (),
        [Control(**one) for one in (people or {}).get("controls", [])],
        {view: cells[cell_name(PAIRS, variant, view)]["retrieval"] for view in shown[PAIRS]},
    )
