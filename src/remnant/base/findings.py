"""What an audit writes into results.json: the one table of findings, the controls, the limits, the verdict.

`docs/schema/results.schema.json` is made from these models, so that other programs can read a run without Remnant.
"""

from typing import Annotated, Any, Literal, Self

import pydantic

from remnant.base.results import ResultsFile, ResultsPart, Row, Section, Value, require_views

SCHEMA_VERSION = 1

Claim = Literal["reconstructions", "candidates", "patient_scores", "pair_scores", "attributes"]
Statistic = Literal[
    "auc",
    "advantage",
    "tpr_at_10_fpr",
    "tpr_at_lowest_fpr",
    "fold_rank",
    "rank1",
    "verification_auc",
    "skill",
    "skill_gap",
    "gain",
]
# The three criteria of the Article 29 Working Party, opinion 05/2014 (WP 216).
Criterion = Literal["singling out", "linkability", "inference"]
Outcome = Literal["exposed", "not shown", "power unknown", "attack too weak", "too few patients", "not testable"]
Ruling = Literal["within", "outside", "cannot tell"]
LimitName = Literal["identification", "membership_advantage", "membership_tpr", "attribute"]
# Of pairs of a member and a non-member, who have the same score: of more the score has too few values to clear anybody.
MOST_TIED = 0.1
# Of a model that was handed over as a table of scores: SHA-256 of that file.
TABLE_SHA256 = "table_sha256"
# Of which layer's output an attack read.
LAYER = "layer that was read"
Probability = Annotated[float, pydantic.Field(ge=0, le=1)]


class Finding(ResultsPart):
    """One statistic of one attack on one target, over `n` patients, None where so few are withheld.

    `view`: what of the target the attack looked at. `value` with its 95% interval (`low`, `high`: None where too few patients
    support one) is compared with `null`, what no leak gives. `p` is of that null, `adjusted_p` after Holm for all that was
    looked at in this audit; `p_bound`: no resample was as extreme, so that both are at most this. `bound_low`: the lower end of
    the interval that holds for all findings together, which is what is compared with a limit. `detectable`: the value that
    80% power would have shown. `tied`: of pairs of a member and a non-member the share with one score, where the value is of
    scores. `fewest`: of scores of few values, the patients in the smallest cell of the table of groups by values, since the
    other numbers give such a table back. `counts`: what the value is made of, in words. `primary`: named before the run.
    `published`: the number of a paper.
    """

    target: str
    defence: str = ""
    attack: str
    view: str
    claim: Claim
    criterion: Criterion
    statistic: Statistic
    where: str = ""
    group: str
    n: int | None
    value: float | None
    low: float | None = None
    high: float | None = None
    bound_low: float | None = None
    null: float
    p: Probability | None = None
    p_bound: bool = False
    adjusted_p: Probability | None = None
    detectable: float | None = None
    tied: float | None = None
    fewest: int | None = None
    primary: bool = False
    counts: str = ""
    published: float | None = None
    outcome: Outcome | None = None

    @property
    def coarse(self) -> bool:
        """Whether scores of so few values can show a leak and clear nobody."""
        return self.tied is not None and self.tied > MOST_TIED


class Control(ResultsPart):
    """A measurement whose answer is known if all is as it should be; `passed` None where it cannot tell.

    `blind`: a classifier that never sees the model must not distinguish the groups. `null`: what cannot know the members must
    not distinguish them. `planted`: what was made to leak must be found. `canary`: so must patients with exchanged labels, in the
    networks of the same training that some of them trained. `recipe`: whether the attack distinguishes who trained
    networks of the same training; it passes or says nothing (None). `dose`: the more networks were trained, the better must be
    told who trained them. `fit`: the model must answer better than chance about its members. Of these two `p` alone is told, and
    they bear on no finding. `attack` empty: it is about all attacks that make the `claim`, or any. `n` patients, of whom
    `fewest` are in the smaller of two groups; None where they are withheld, or there are no groups.
    """

    kind: Literal["blind", "null", "planted", "canary", "recipe", "dose", "fit"]
    attack: str = ""
    claim: Claim | None = None
    statistic: Statistic = "auc"
    value: float | None
    low: float | None = None
    high: float | None = None
    p: Probability | None = None
    p_bound: bool = False
    n: int | None
    fewest: int | None = None
    passed: bool | None
    sentence: str


class Limit(ResultsPart):
    """How much exposure the model's owner accepts, beyond chance: a line of the risk appetite, and where its number is from."""

    name: LimitName
    statistic: Statistic
    value: float
    origin: str
    asked: bool = True


class Judged(ResultsPart):
    """One limit held against the findings. `finding`: the place of the one that decides. `patients`: how many would tell, None
    where it is told or no number would; `above`: whether they would by its being above the limit, where its estimate lies."""

    limit: LimitName
    ruling: Ruling
    sentence: str
    finding: int | None = pydantic.Field(None, ge=0)
    patients: int | None = None
    above: bool = False


class Verdict(ResultsPart):
    """What the audit says of the model: `sentence` first, then a `reason` each.

    `kept_open`: what beside limits and controls keeps the audit from clearing a model, also where it is outside.
    `unplanted`: why no member was planted; empty where some were, or nobody said.
    """

    ruling: Ruling
    sentence: str
    reasons: list[str] = pydantic.Field(default_factory=list)
    kept_open: list[str] = pydantic.Field(default_factory=list)
    unplanted: str = ""
    judged: list[Judged] = pydantic.Field(default_factory=list)


class AttackRun(ResultsPart):
    """An attack of Remnant's list: what it does in `words`, whether it was `run`, and why not; what it would `claim`."""

    name: str
    words: str
    run: bool
    why: str = ""
    claim: Claim | None = None


class Scenario(ResultsPart):
    """What the model's recipient sees, and which attacks that allows."""

    name: str
    recipient: str
    attacks: list[AttackRun] = pydantic.Field(default_factory=list)


class Beforehand(ResultsPart):
    """What an audit was judged by before anybody knew its findings, and to what ruling."""

    limits: list[Limit]
    minimum_cell: int
    ruling: Ruling


class Tried(ResultsPart):
    """Limits by which an audit was judged anew when its findings were known: on which `day` (UTC), and to what ruling."""

    day: str
    limits: list[Limit]
    minimum_cell: int
    ruling: Ruling


class AuditResults(ResultsFile):
    """results.json of an audit.

    `model`: name, architecture, parameters, and SHA-256 of its file, of a module's weights as safetensors, or as `table_sha256`
    of the table of scores. `cohort`: patients, images, and what unit was counted. `about`: what only the owner knows, as he wrote
    it in `[about]`. `sections` show `tables` in the evidence. `rescored`: when the limits or the minimum cell were changed,
    by which time the findings were known, and `first` what they were before; empty and None where they are as they were.
    `tried`: those it was judged by since, in their order, also where the first ones are back.
    """

    schema_version: Literal[1] = 1
    study: Literal["audit"] = "audit"
    title: str
    model: dict[str, Value]
    scenario: Scenario
    cohort: dict[str, Value]
    about: dict[str, str] = pydantic.Field(default_factory=dict)
    notices: list[str] = pydantic.Field(default_factory=list)
    verdict: Verdict
    limits: list[Limit]
    rescored: str = ""
    first: Beforehand | None = None
    tried: list[Tried] = pydantic.Field(default_factory=list)
    findings: list[Finding]
    controls: list[Control]
    not_tested: list[str] = pydantic.Field(default_factory=list)
    sections: list[Section] = pydantic.Field(default_factory=list)
    tables: dict[str, list[Row]] = pydantic.Field(default_factory=dict)
    command: str
    seed: int
    minimum_cell: int
    seconds: float
    cpu_seconds: float | None = None
    started: str
    hardware: dict[str, Value]
    versions: dict[str, str | None]
    checkpoints: dict[str, str] = pydantic.Field(default_factory=dict)
    settings: dict[str, Any] = pydantic.Field(default_factory=dict)

    @pydantic.model_validator(mode="after")
    def _names_what_exists(self) -> Self:
        require_views(self.sections, self.tables)
        limits = {limit.name for limit in self.limits}
        for one in self.verdict.judged:
            if one.limit not in limits:
                raise ValueError(f"the verdict judges the limit {one.limit!r}, not in limits")
            if one.finding is not None and one.finding >= len(self.findings):
                raise ValueError(f"the limit {one.limit!r} is held against the finding {one.finding}, not in findings")
        return self
