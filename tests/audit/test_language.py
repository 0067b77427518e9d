"""Every sentence that a verdict and its report can say: at most 30 words, in the field's terms, and no promise."""

import ast
import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from tests.report.example_audit import audit_results, control, finding, reaching, single_patients

import remnant
from remnant.attacks.membership.references import AGAINST_TRAINED
from remnant.attacks.registry import ATTACKS
from remnant.audit.cells.fits import Fit
from remnant.audit.cells.planted import Dose
from remnant.audit.cells.recipe import SECTION, disagreement
from remnant.audit.findings.controls import blind_control, null_control, planted_control, recipe_control, reconciled
from remnant.audit.findings.given import BlindKnowledge
from remnant.audit.findings.referenced import reference_controls
from remnant.audit.findings.rows import ScoredPatients
from remnant.audit.inputs import table, table_claims
from remnant.audit.owner import starter_texts
from remnant.audit.verdict.alike import groups_unchecked
from remnant.audit.verdict.appetite import Appetite
from remnant.audit.verdict.judge import verdict_of
from remnant.audit.verdict.outcome import LEVEL, outcome_of
from remnant.audit.verdict.scenario import ASKS, RECIPIENTS
from remnant.audit.verdict.words import against, not_measured, ruling_sentence, unreckoned
from remnant.base.findings import AttackRun, Judged, Limit, LimitName, Outcome, Ruling, Scenario, Statistic
from remnant.base.results import Section
from remnant.measure.intervals import Interval
from remnant.measure.membership_inference import membership_test
from remnant.measure.swaps import SwapTest
from remnant.report.audit import render_audit
from remnant.report.egress import told_outside
from remnant.report.glossary import AUDIT_GLOSSARY
from remnant.report.notebook import NotebookView
from remnant.report.untested import untested

MOST_WORDS = 30
RENDERED = True  # the words of figures are read, too
# The left column of the house's table of words, and promises that nobody can keep.
NOT = re.compile(
    r"\b(?:areas?|redraw\w*|what was drawn|found first|(?:the|its own) map|told apart|tells patients|looks|many codes|what helps|"
    r"whom|safe(?:ly|ty)?|anonym\w*)\b",
    re.IGNORECASE,
)
BLOCKS = {"p", "li", "dd", "dt", "td", "th", "h1", "h2", "h3", "h4", "figcaption", "title", "a", "text"}


class Texts(HTMLParser):
    """The texts of a page, a block each, and what its figures say to who does not see them."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.skip = [""], False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.skip = tag in ("style", "pre") or (self.skip and tag != "svg")
        if tag in BLOCKS:
            self.texts.append("")
        said = dict(attributes).get("aria-label") or dict(attributes).get("alt")
        if said:
            self.texts += [*said.split(";"), ""]

    def handle_endtag(self, tag):
        self.skip = self.skip and tag not in ("style", "pre")
        if tag in BLOCKS:
            self.texts.append("")

    def handle_data(self, data):
        if not self.skip:
            self.texts[-1] += data


def sentences(text):
    return re.split(r"(?<=[.!?])\s+(?=[A-Z0-9])", " ".join(text.split()))


def faults(texts):
    said = {one for text in texts for one in sentences(text)}
    assert len(said) > 1
    return sorted(one for one in said if len(one.split()) > MOST_WORDS or NOT.search(one))


def limits():
    return [
        limit
        for release in ("public", "controlled", "trusted")
        for limit in Appetite(release=release).limits("checkpoint")
    ]


def test_what_it_takes_for_a_fault_is_one():
    assert faults(["One word more " * 11 + ".", "Fine."]) and faults(["It is safe.", "Fine."])
    assert faults(["The area under the curve.", "Fine."]) and not faults(["It is fine.", "And so is this."])


def texts_of(path):
    """What a module may say: its strings, but docstrings, with one word in the place of each value."""
    tree = ast.parse(path.read_text())
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    own = [node.body[0] for node in ast.walk(tree) if isinstance(node, kinds) and ast.get_docstring(node)]
    formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    passed = {id(inner) for node in (*own, *formatted) for inner in ast.walk(node) if inner is not node}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            yield node.value


def test_strings_of_the_modules_that_an_audit_runs():
    """Notes, reasons why an attack is not run, what it needs, forecasts, doubts of a check, refusals."""
    house = Path(remnant.__file__).parent
    rooms = ("audit", "attacks/membership", "targets/adapters")
    modules = [path for room in rooms for path in (house / room).rglob("*.py") if path.name != "starter_texts.py"]
    modules += [house / "attacks" / name for name in ("attributes.py", "inversion.py", "checkpoint/audited.py")]
    modules += [house / "cli" / f"{name}.py" for name in ("audit", "trained", "folder", "verdict")]
    assert faults([text for path in modules for text in texts_of(path) if len(text.split()) > 3]) == []
    said = [text for one in ATTACKS for text in (one.words, one.needs)]
    assert faults([*said, *starter_texts.SAID.values()]) == []


def test_sentences_of_limits_and_verdicts():
    said = []
    views = [*table_claims.VIEWS.values(), "signed margin, mean over 16 augmentations of each image", LONGEST_VIEW]
    for limit, statistic, view, side in itertools.product(
        limits(), get_args(Statistic), views, ("above", "below", "wholly above", "on both sides of")
    ):
        for changed in ({}, {"low": None, "high": None}, {"value": None, "low": None, "high": None}):
            held = limit.model_copy(update={"statistic": statistic})
            said += [
                against(finding(statistic=statistic, view=view, null=0.1, **changed), held, side),
                not_measured(held),
                unreckoned(finding(statistic=statistic, null=0.1, **changed), held, unfit=side == "above"),
            ]
    names = get_args(LimitName)
    for rulings in itertools.product(get_args(Ruling), repeat=len(names)):
        held = [
            Judged(limit=name, ruling=one, sentence="", patients=670) for name, one in zip(names, rulings, strict=True)
        ]
        said += [ruling_sentence(ruling, held) for ruling in set(rulings)]
        said.append(ruling_sentence("cannot tell", held, shown=True))
    said += [ruling_sentence("cannot tell", []), *RECIPIENTS.values(), *(limit.origin for limit in limits())]
    assert faults(said) == []


def test_sentences_of_controls():
    found = Interval(0.61, 0.43, 0.78, 120)
    draw = np.random.default_rng(0)
    told = membership_test(draw.normal(size=120), np.repeat([1, -1], 60), draw)
    tests = [replace(told, auc=found, p=p) for p in (0.002, 0.5)]
    many = ("age", "sex", "site: A", "site: B", "rows", "weight")
    said = [
        blind_control(test, BlindKnowledge(names[:enough], names[enough:], 60, 60, images), groups).sentence
        for test in tests
        for images in (False, True)
        for names in (many[: 1 + count] for count in range(len(many)))
        for enough in range(len(names) + 1)
        for groups in ("the groups", "one fold from the others")
    ]
    said += groups_unchecked([])
    roles = np.where(np.arange(80) < 40, 1, -1)
    for shift in (0, 5):
        scores = ScoredPatients("", "", tuple(map(str, range(80))), draw.normal(0, 1, 80) + shift * (roles > 0), roles)
        said.append(null_control(scores, draw, what="the mean score under the reference models").sentence)
        said.append(planted_control("output", draw.normal(shift, 1, 20), draw.normal(0, 1, 20)).sentence)
        test = SwapTest(Interval(0.3 + shift / 10, 0.2, 1.0, 80), 0.001, True, np.array([0.5] * 8))
        said.append(recipe_control("references", [test]).sentence)
        for given in ({"learned": False}, {"looks": 4}, {"dose": Dose(1.0, 0.7, 0.1).said}, {}):
            dose = {"dose": Dose(1.0, 0.02, 0.3).said, **given}
            said.append(planted_control("output", draw.normal(shift, 1, 5), draw.normal(0, 1, 6), **dose).sentence)
        missed = planted_control("references", draw.normal(0, 1, 20), draw.normal(0, 1, 20))
        said += [one.sentence for one in reconciled([missed, recipe_control("references", [test])])]
    for shift in (0, 5):
        given, calibrated = (
            ScoredPatients("", "", tuple(map(str, range(80))), draw.normal(0, 1, 80) + up * (roles > 0), roles)
            for up in (0, 5)
        )
        references = draw.normal(0, 1, (80, 3)) + shift * np.outer(roles > 0, [1, 0, 0])
        said += [one.sentence for one in reference_controls(references, given, calibrated, draw, calibrated)]
    for p, worse in ((0.001, 1.0), (0.5, 0.5), (1.0, 0.001)):
        said += [Fit(24, 0.69, own, 0.71, p, worse).sentence for own in (0.12, 640.0)]
    said.append(Fit(3, 0.69).sentence)
    said.append(Fit(24, 1.79, 1.83, 3.64, 0.001, 1.0, 1.21).sentence)
    said.append(Fit(24, 1.79, 1.83, 3.64, 0.001, 1.0, 1.21, (1, 2, 0.31)).sentence)
    primary = finding(statistic="auc", value=0.5, low=0.4, high=0.6)
    said += disagreement(primary, [{"attack": primary.attack, "view": primary.view, "low": 0.7}])
    said += [SECTION.title + ".", *SECTION.text, SECTION.table.caption]
    assert faults(said) == []


def reasons():
    """Why an attack is not run, in the words of its module, with one word in the place of each value."""
    rooms = [Path(remnant.__file__).parent / "attacks" / room for room in ("membership", "checkpoint", ".")]
    for path in (path for room in rooms for path in room.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.returns and ast.unparse(node.returns) == "str":
                yield from (
                    ast.unparse(one.value).strip("f'\"").replace("{", "").replace("}", "")
                    for one in ast.walk(node)
                    if isinstance(one, ast.Return) and isinstance(one.value, ast.Constant | ast.JoinedStr)
                )


def not_run():
    """Every attack with the longest of the reasons, and every reason with the longest of the attacks."""
    said = sorted({one for one in reasons() if len(one.split()) > 3}, key=lambda one: len(one.split()))
    assert len(said) > 5
    longest = max((one.words for one in ATTACKS), key=lambda words: len(words.split()))
    pairs = [*((one.words, said[-1]) for one in ATTACKS), *((longest, why) for why in said)]
    return [AttackRun(name=f"attack-{i}", words=words, run=False, why=why) for i, (words, why) in enumerate(pairs)]


LONGEST_VIEW = AGAINST_TRAINED.format("Dice")
CONTROLS = {
    "sound": [control(), control("planted", attack="output")],
    "none": [],
    "blind failed": [control(passed=False), control("planted", attack="output")],
    "nothing planted": [control()],
    "planted failed": [control(), control("planted", False, attack="output")],
    "the same training": [control(), control("planted", attack="output"), control("recipe", None, attack="output")],
}
FINDINGS = {
    "exposed": {},
    "few": {"low": None, "high": None, "adjusted_p": None, "n": 6},
    "silent": {"value": 0.52, "low": 0.4, "high": 0.6, "adjusted_p": 0.9},
    "swapped": {"value": 0.1, "low": 0.05, "high": 0.2},
    "unmeasured": {"value": None, "low": None, "high": None, "adjusted_p": None, "p": None},
}


@pytest.mark.parametrize("scenario", list(RECIPIENTS))
def test_sentences_of_whole_reports(scenario, tmp_path):
    """Every outcome and control of every scenario, judged as an audit is, on the page, on the page for release, in a notebook."""
    asked = [limit for limit in limits()[:4] if limit.statistic in ASKS[scenario]]
    statistics = [*dict.fromkeys(limit.statistic for limit in asked), "auc"]
    outcomes, texts = set(), []
    for controls in CONTROLS.values():
        findings = []
        for statistic, changed in itertools.product(statistics, FINDINGS.values()):
            one = finding(statistic=statistic, **changed)
            findings.append(one.model_copy(update={"outcome": outcome_of(one, controls)}))
        outcomes |= {one.outcome for one in findings}
        attacks = not_run()
        results = audit_results(
            findings=findings,
            controls=controls,
            limits=asked,
            verdict=verdict_of(asked, findings, controls, ["The loss did not fall."]),
            scenario=Scenario(name=scenario, recipient=RECIPIENTS[scenario], attacks=[*attacks, *table.WITHOUT_MODEL]),
            rescored="2026-01-01" if controls else "",
            tables=audit_results().tables | single_patients() | reaching() | {"epsilon": [{"epsilon_high": 3.0}]},
        )
        # Figures are drawn elsewhere, and their words are in the page of the first alone.
        pages = [render_audit(tmp_path, results), NotebookView(results)._repr_html_()]
        pages.append(render_audit(tmp_path, told_outside(results)) if controls is CONTROLS["sound"] else "<p>A.</p>")
        texts += untested(results)
        texts += [text for page in pages for text in Texts(page).texts]
    assert outcomes == set(get_args(Outcome))
    assert faults(texts) == []


def test_sentences_of_empty_reports(tmp_path):
    bare = audit_results("cannot tell", findings=[], controls=[], tables={}, limits=[], sections=[Section(title="A")])
    scenario = bare.scenario.model_copy(update={"attacks": []})
    assert faults(Texts(render_audit(tmp_path, bare.model_copy(update={"scenario": scenario}))).texts) == []


def test_the_glossary_states_the_level_of_the_judge():
    assert f"p is at most {LEVEL:g} after Holm" in AUDIT_GLOSSARY["Exposed"]


def test_a_limit_of_each_name_has_words():
    assert all(not_measured(Limit(name=name, statistic="auc", value=0, origin="")) for name in get_args(LimitName))
