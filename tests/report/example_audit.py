"""Results of an audit as they may come out, invented: every outcome, every control, all four limits."""

from typing import get_args

from remnant.base.findings import (
    AttackRun,
    AuditResults,
    Control,
    Finding,
    Judged,
    Limit,
    Outcome,
    Scenario,
    Verdict,
)
from remnant.base.results import Row
from remnant.report.audit_rows import fold_curve_rows, forest_rows, limit_rows

SENTENCES = {
    "outside": "Outside the risk appetite: membership advantage is above the limit.",
    "within": "Within the risk appetite, against the attacks that were run: membership advantage.",
    "cannot tell": "Cannot tell whether the model is within the risk appetite. About 670 patients would tell.",
}
POWER = [{"leak": leak, "share": share, "power": share**2} for leak, share in ((0.0, 0.2), (1.0, 0.5), (2.0, 0.9))]
LONG = "Wherever Widely Wandering Women Wonder, Walls Watch " * 5  # as wide and as long as texts get
WORDLESS = "W" * 250


def finding(**changed):
    """An exposed AUC of membership."""
    values = {
        "target": "model",
        "attack": "output",
        "view": "signed margin",
        "claim": "patient_scores",
        "criterion": "inference",
        "statistic": "auc",
        "group": "members against non-members",
        "n": 120,
        "value": 0.91,
        "low": 0.85,
        "high": 0.96,
        "bound_low": 0.83,
        "null": 0.5,
        "p": 0.0001,
        "adjusted_p": 0.0004,
        "detectable": 0.65,
        "primary": True,
        "counts": "60 members, 60 non-members",
        "outcome": "exposed",
    }
    return Finding(**(values | changed))


def control(kind="blind", passed=True, attack="", **changed):
    """A control with an AUC."""
    sentence = f"The control {kind} {'passed' if passed else 'did not pass'}."
    values = {"value": 0.53, "low": 0.43, "high": 0.63, "p": 0.4, "n": 120}
    return Control(kind=kind, attack=attack, passed=passed, sentence=sentence, **(values | changed))


def limit(name, statistic, value=0.05, **changed):
    """A limit that is asked."""
    return Limit(name=name, statistic=statistic, value=value, origin="0.05, Remnant's own", **changed)


def audit_results(ruling="outside", **changed) -> AuditResults:
    """Results with a membership attack that exposes, and one that does not."""
    limits = [
        limit("identification", "rank1", 0.09, asked=False),
        limit("membership_advantage", "advantage"),
        limit("membership_tpr", "tpr_at_10_fpr"),
        limit("attribute", "skill", 0.09, asked=False),
    ]
    findings = [
        finding(),
        finding(statistic="advantage", value=0.68, low=0.52, high=0.81, null=0.0, bound_low=0.5, detectable=None),
        finding(statistic="tpr_at_10_fpr", value=0.7, low=0.55, high=0.82, null=0.1, bound_low=0.5, detectable=None),
        finding(attack="gradient", value=0.55, low=0.45, high=0.65, p=0.3, adjusted_p=0.6, outcome="not shown"),
    ]
    values = {
        "title": "Audit of ResNet18",
        "model": {"name": "resnet18", "version": "1.2", "sha256": "0123456789abcdef" * 4},
        "scenario": Scenario(
            name="checkpoint",
            recipient="The recipient has the model's file: its weights, and all that it answers.",
            attacks=[
                AttackRun(name="output", words="the model's own output", run=True, claim="patient_scores"),
                AttackRun(name="gradient", words="the gradient's norm", run=True, claim="patient_scores"),
                AttackRun(
                    name="decoder",
                    words="reconstruction from latents",
                    run=False,
                    why="the model has no narrow layer",
                    claim="reconstructions",
                ),
            ],
        ),
        "cohort": {"patients": 120, "members": 60, "non_members": 60, "images": 240, "unit": "patient"},
        "verdict": Verdict(
            ruling=ruling,
            sentence=SENTENCES[ruling],
            reasons=["The membership advantage is 0.68 [0.52, 0.81] (signed margin). It lies above the limit of 0.05."],
            judged=[
                Judged(limit="membership_advantage", ruling=ruling, sentence="Held against the limit.", finding=1),
                Judged(limit="membership_tpr", ruling="cannot tell", sentence="Held too.", finding=2),
            ],
        ),
        "limits": limits,
        "findings": findings,
        "controls": [control(), control("planted", attack="output", value=0.99, low=0.95, high=1.0)],
        "tables": {
            "roc": [
                {"attack": "output", "view": "signed margin", "fpr": x / 20, "tpr": min(1.0, 0.4 + x / 20)}
                for x in range(21)
            ],
            "balance": [
                {
                    "trait": "age",
                    "members": 61.0,
                    "non_members": 60.2,
                    "members_known": 60,
                    "non_members_known": 60,
                    "difference": 0.08,
                    "apart": False,
                }
            ],
        },
        "command": "remnant audit /home/ann/models/audit.toml --out /home/ann/runs/a",
        "seed": 0,
        "minimum_cell": 10,
        "seconds": 61.0,
        "cpu_seconds": 90.0,
        "started": "2026-01-02T03:04:05.678+00:00",
        "hardware": {"cpu": "Xeon", "cores": 2, "memory_gb": 16.0, "gpu": None},
        "versions": {"remnant": "0.1.0", "python": "3.11", "commit": None},
        "settings": {"scenario": "checkpoint", "seed": 0, "appetite": {"release": "public", "minimum_cell": 10}},
    }
    if "findings" in changed and "verdict" not in changed:
        values["verdict"] = values["verdict"].model_copy(update={"judged": []})
    return AuditResults(**(values | changed))


def crowded(text: str = LONG) -> AuditResults:
    """As much as an audit can say, every text being `text`, which no page one has room for."""
    few = audit_results("outside")
    findings = [
        finding(attack=f"{text[:40]}{place}", view=text, target=f"target {place % 3}", outcome=outcome)
        for place, outcome in enumerate(get_args(Outcome) * 7)
    ]
    findings += [
        finding(
            claim=claim, criterion=criterion, statistic=statistic, attack=text, view=text, null=0.123, detectable=None
        )
        for claim, criterion, statistic in (
            ("reconstructions", "singling out", "rank1"),
            ("pair_scores", "linkability", "verification_auc"),
            ("attributes", "inference", "skill"),
        )
    ]
    names = ("identification", "membership_advantage", "membership_tpr", "attribute")
    statistics = ("rank1", "advantage", "tpr_at_10_fpr", "skill")
    return few.model_copy(
        update={
            "title": text,
            "model": few.model | {"name": text, "version": text},
            "scenario": few.scenario.model_copy(
                update={"attacks": [AttackRun(name=f"a{i}", words=text, run=i > 6, why=text) for i in range(9)]}
            ),
            "about": dict.fromkeys(
                (
                    "model",
                    "version",
                    "purpose",
                    "recipient",
                    "cohort",
                    "criterion_set_on",
                    "residual_risk",
                    "valid_until",
                    "new_test_when",
                    "retention",
                    "contact",
                ),
                text,
            ),
            "notices": [text] * 5,
            "limits": [
                limit(name, statistic, 0.333).model_copy(update={"origin": text})
                for name, statistic in zip(names, statistics, strict=True)
            ],
            "verdict": Verdict(
                ruling="outside",
                sentence=text,
                reasons=[f"{place} {text}" for place in range(9)],
                judged=[
                    Judged(limit=name, ruling="cannot tell", sentence=f"{place} {text}", finding=0)
                    for place, name in enumerate(names)
                ],
            ),
            "findings": findings,
            "controls": [
                control(kind, passed, attack="output")
                for kind in ("blind", "null", "planted", "recipe")
                for passed in (True, False, None)
            ],
            "not_tested": [text] * 9,
        }
    )


def single_patients() -> dict[str, list[Row]]:
    """Tables of an audit with 16 shadow models, in which a tenth of 120 patients is exposed."""
    exposures = [max(0.2, 0.97 - place / 150) for place in range(120)]
    return {
        "exposure_summary": [
            {
                "patients": 120,
                "networks": 16,
                "signal": "signed margin",
                "why": "",
                "exposure": 0.6,
                "exposure_low": 0.56,
            }
            | {"exposure_high": 0.64, "flagged": 12, "spread": 1.4}
        ],
        "exposure": [
            {
                "pseudonym": f"P-{place:08x}",
                "role": "trained on",
                "exposure": one,
                "low": one - 0.15,
                "high": min(1.0, one + 0.1),
            }
            | {"effect": 4 * one - 2, "p": 0.01, "adjusted_p": 0.001 if place < 12 else 0.4, "flagged": place < 12}
            | {"images": 1, "rests_on": "class 3, of 5% of patients"}
            for place, one in enumerate(exposures)
        ],
        "most_exposed": [
            {"pseudonym": "P-00000000", "seems": 0.97, "shrunken": 0.8, "corrected": 0.81, "corrected_low": 0.6}
            | {"corrected_high": 0.92}
        ],
        "exposure_ranks": [
            {"rank": rank, "ranks": 10, "patients": 12, "exposure": 0.85 - rank / 30, "exposure_low": 0.78 - rank / 30}
            | {"exposure_high": 0.9 - rank / 30}
            for rank in range(1, 11)
        ],
        "exposure_groups": [
            {
                "trait": "sex",
                "group": group,
                "patients": 60,
                "exposure": 0.61,
                "exposure_low": 0.55,
                "exposure_high": 0.67,
            }
            for group in ("women", "men")
        ],
        "own_thresholds": [
            {"fpr": fpr, "carried": carried, "members": 60, "non_members": 60, "told": 30, "told_share": 0.5}
            | {"told_share_low": 0.37, "told_share_high": 0.63, "false_alarms": 12, "false_alarms_share": 0.2}
            | {"false_alarms_share_low": 0.11, "false_alarms_share_high": 0.32, "networks_fpr": 0.098}
            for fpr, carried in ((0.1, True), (0.01, False))
        ],
    }


def reaching() -> dict[str, list[Row]]:
    """Tables of how far the numbers of 60 members and 60 non-members reach, the latter as if they were more."""
    keys = {"attack": "output", "view": "signed margin"}
    return {
        "auc_power": [
            keys
            | {
                "times": times,
                "members": 60 * times,
                "non_members": 60 * times,
                "auc": area / 10,
                "power": (area - 5) / 5,
            }
            | {"detectable": 0.7 - times / 20, "least_fpr": 0.049 / times}
            for times in (1, 2, 4)
            for area in range(5, 11)
        ],
        "guess_worth": [
            keys
            | {"members": 60, "non_members": 60, "fpr": 0.1, "base_rate": base, "set": False, "value": 0.5 + base / 3}
            | {"low": 0.4, "high": 0.8}
            for base in (0.5, 0.01)
        ],
        "roc_low": [
            keys | {"fpr": fpr, "tpr": 0.4 + fpr / 2, "tpr_low": 0.2, "tpr_high": 0.5 + fpr / 2}
            for fpr in (0.01, 0.1, 0.5, 1)
        ],
    }


def audit_figure_rows():
    """The rows of each kind of figure that audits have."""
    results = audit_results()
    more = single_patients() | reaching()
    corrected = {"corrected": 0.81, "corrected_low": 0.6, "corrected_high": 0.92}
    return {
        "exposed_patients": [row | corrected for row in more["exposure"]],
        "exposed_ranks": more["exposure_ranks"],
        "auc_power": more["auc_power"],
        "low_roc_curves": more["roc_low"],
        "audit_forest": forest_rows(results),
        "limits_held": limit_rows(results),
        "roc_curves": results.tables["roc"],
        "fold_power": fold_curve_rows(results.model_copy(update={"tables": results.tables | {"fold_power": POWER}})),
    }
