"""The tables `membership` and `membership_verdicts`: who trained a model by its own output, a blind classifier beside it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from remnant.attacks.membership.signals import SIGNALS
from remnant.attacks.membership.verdict import LEVEL, judge
from remnant.base.results import FigureView, Row, Section, TableView, number
from remnant.measure.membership_inference import MembershipTest
from remnant.measure.multiplicity import holm
from remnant.studies.columns import interval_columns

BLIND = "blind"
BLIND_IN_WORDS = "a classifier that never saw the model"


@dataclass(frozen=True)
class ByOutput:
    """The tests of one target's signals, by signal, and the blind baseline on the same patients.

    `control`: the target was made to leak, so that it accuses nobody's model.
    """

    tests: Mapping[str, MembershipTest]
    blind: MembershipTest
    control: bool = False


def membership_tables(tested: Mapping[str, ByOutput], key: str = "target") -> dict[str, list[Row]]:
    """Both tables of what was tested together, by target, whose name stands in the column `key`.

    `membership`: a row a signal and one for the blind baseline. `holm_p` is over all signals of all targets.
    `membership_verdicts`: a row a target, with `outcome`, `sentence`, the `signal` that shows it with its `auc`, and
    `strongest_auc`, the largest of any signal.
    """
    looks = [(target, signal) for target, one in tested.items() for signal in one.tests]
    adjusted = dict(
        zip(looks, holm([tested[target].tests[signal].p for target, signal in looks]).tolist(), strict=True)
    )
    rows, verdicts = [], []
    for target, one in tested.items():
        own = {signal: adjusted[target, signal] for signal in one.tests}
        rows += [
            _row({key: target, "signal": signal}, test, own[signal], LEVEL / len(looks))
            for signal, test in one.tests.items()
        ]
        # Its p is one-sided.
        rows.append(_row({key: target, "signal": BLIND}, one.blind, None, 2 * LEVEL))
        verdict = judge(one.tests, one.blind, own, len(looks))
        auc = one.tests[verdict.signal].auc.mean if verdict.signal else None
        strongest = number(max(test.auc.mean for test in one.tests.values()))
        verdicts.append(
            {key: target, "control": one.control, **asdict(verdict), "auc": auc, "strongest_auc": strongest}
        )
    return {"membership": rows, "membership_verdicts": verdicts}


def membership_section(key: str = "target", heading: str = "Target", who: str = "") -> Section:
    """The chapter on both; `who`: a sentence on who was held against whom, where there is more to say."""
    return Section(
        title="Does the model's own output give its training patients away?",
        text=[
            "A model is surer of what it was trained on. Whoever may ask it about a patient's images compares its answer "
            "with those on other patients. A patient's score is the mean over his images. The blind classifier must be at "
            "chance, or the two groups differ by themselves.",
            *([who] if who else []),
        ],
        table=TableView(
            name="membership",
            caption="AUC of members against non-members with 95% CI; exact or Monte Carlo p, and after Holm over all rows; "
            "members found at 10% false positives, ties broken at random; the AUC that 80% power would have shown, after Holm.",
            columns={
                key: heading,
                "by": "By",
                "{auc:.2f} [{auc_low:.2f}, {auc_high:.2f}]": "AUC",
                "p": "p",
                "holm_p": "p, Holm",
                "found": "Found at 10% FPR",
                "{detectable:.2f}": "Detectable",
                "{members}/{non_members}": "Members / non-members",
            },
        ),
        figures=[
            FigureView(
                name="membership-by-output",
                kind="membership_forest",
                caption="AUC of members against non-members by each signal of the model's output, and of the blind baseline.",
            )
        ],
    )


def _row(where: Row, test: MembershipTest, adjusted: float | None, level: float) -> Row:
    found = test.true_positives
    return {
        **where,
        "by": SIGNALS.get(str(where["signal"]), BLIND_IN_WORDS),
        "members": test.members,
        "non_members": test.non_members,
        **interval_columns("auc", test.auc),
        "p": number(test.p),
        "p_bound": test.p_bound,
        "holm_p": adjusted,
        "holm_p_bound": test.p_bound,
        "detectable": number(test.detectable(level)),
        **interval_columns("true_positives", found.share),
        "at_false_positives": found.rate,
        "found": found.describe(),
    }
