"""The audit of codes: codes that are the scans themselves are exposed, codes that hold nothing are not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.audit.coded import QUICK, material, people

from remnant.attacks.attack import PairScores
from remnant.attacks.code_attributes import CODE_ATTRIBUTES
from remnant.attacks.code_inversion import CODE_INVERSION
from remnant.attacks.membership.output import OUTPUT
from remnant.attacks.registry import all_attacks
from remnant.attacks.verification import VERIFICATION, first_two
from remnant.audit.cells.code_cells import code_piece, pair_cell, pairs_of, planted_scans
from remnant.audit.cells.kept import kept_pairs
from remnant.audit.config import AuditConfig
from remnant.audit.run.attacks import attacks_of
from remnant.audit.run.model import audit_model
from remnant.audit.run.results import Clock, conclude, machine
from remnant.base.run import Run
from remnant.base.terms import CODES, MAPS, RAW
from remnant.defenses.privacynet.secret import SecretSettings
from remnant.engine.loop import FitSettings
from remnant.report.audit import make_audit_report

CONFIG = AuditConfig(scenario="codes")


ONE = FitSettings(epochs=1, learning_rate=1e-3)
# Who asks what stands where, and not what attacks find, has them learn nothing.
UNTAUGHT = QUICK | {
    CODE_INVERSION.name: QUICK[CODE_INVERSION.name].changed(fit=ONE),
    CODE_ATTRIBUTES.name: QUICK[CODE_ATTRIBUTES.name].changed(fit=ONE),
}


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """`audited(leaks, settings)`: the results of an audit, and its run directory; each is made once."""
    made = {}

    def audit(leaks, settings=QUICK):
        key = leaks, settings is QUICK
        if key not in made:
            own = replace(material(leaks=leaks), settings=settings)
            made[key] = audit_of(own, tmp_path_factory.mktemp("codes") / "run")
        return made[key]

    return audit


def audit_of(own, out):
    with Run.start(out, "audit", CONFIG.resolved(), resume=False) as run:
        parts = audit_model(run, own, CONFIG, quiet=True)
        results = conclude(CONFIG, **parts, **machine(Clock(), "remnant protect evaluate"))
        results.write(run.results)
    return results, out


def of(results, claim, view=CODES):
    return [one for one in results.findings if one.claim == claim and one.view == view]


@pytest.mark.slow
def test_codes_that_are_the_scans_are_exposed_by_pairs_and_by_reconstructions(audited):
    results, _ = audited(True)
    assert results.verdict.ruling == "outside" and "identification" in results.verdict.sentence
    for view in (CODES, MAPS):
        (pairs,) = of(results, "pair_scores", view)
        assert (pairs.attack, pairs.statistic, pairs.criterion) == ("verification", "verification_auc", "linkability")
        assert pairs.outcome == "exposed" and pairs.value > 0.95 and pairs.null == 0.5 and pairs.n == 14
        assert pairs.bound_low < pairs.low < pairs.value and pairs.p <= pairs.adjusted_p
        assert "the strongest of 4 adversaries; 14 pairs of one patient, 56 of two" in pairs.counts
    drawn = of(results, "reconstructions")
    assert [(one.attack, one.outcome) for one in drawn] == [("code_inversion", "exposed"), ("linkage", "exposed")]
    # No limit is held against pairs, so that what they expose would keep such codes from being within.
    assert any("AUC of same patient or not" in one for one in results.verdict.kept_open)


@pytest.mark.slow
def test_what_codes_show_of_a_sex_is_read_of_patients_whom_no_training_saw(audited):
    sexes = [one for leaks in (True, False) for one in of(audited(leaks)[0], "attributes") if one.attack == "sex"]
    assert [(one.statistic, one.outcome) for one in sexes] == [("skill", "exposed"), ("skill", "not shown")]


@pytest.mark.slow
def test_codes_that_hold_nothing_expose_nobody_and_few_patients_clear_nobody(audited):
    results, _ = audited(False)
    assert results.verdict.ruling == "cannot tell" and not results.verdict.kept_open
    (pairs,) = of(results, "pair_scores")
    assert (pairs.value, pairs.outcome, pairs.adjusted_p, pairs.detectable) == (0.5, "not shown", 1.0, None)
    assert {one.outcome for one in of(results, "reconstructions")} == {"not shown"}
    assert not [one for one in results.findings if one.outcome == "exposed" and one.claim != "patient_scores"]


@pytest.mark.slow
@pytest.mark.parametrize("leaks", [True, False])
def test_scans_themselves_are_told_apart_and_exchanged_patients_are_not(audited, leaks):
    results, _ = audited(leaks)
    for attack in ("verification", "code_inversion", "linkage"):
        own = {one.kind: one for one in results.controls if one.attack == attack}
        assert own["planted"].passed is True and own["null"].passed is True, attack
    assert "sent as they are" in own["planted"].sentence or attack == "linkage"
    sex = {one.kind: one.passed for one in results.controls if one.attack == "sex"}
    assert sex == {"null": True, "planted": True}


def test_tables_say_what_every_adversary_made_of_it_and_what_the_segmentation_is_worth(audited):
    results, out = audited(True, UNTAUGHT)
    tables = results.tables
    rows = {(row["view"], row["adversary"]): row for row in tables["adversaries"]}
    assert len(rows) == 8 and not [view for view, _ in rows if view == RAW]
    assert rows[CODES, "likelihood"]["auc"] == rows[CODES, "likelihood"]["raw"] == 1
    assert {row["adversary"] for row in tables["beyond_segmentation"]} == {name for _, name in rows}
    dice = {row["class"]: row["dice"] for row in tables["segmentation"]}
    assert dice["head"] == pytest.approx(1, abs=0.02) and set(dice) == {"head", "overall"}
    assert {row["condition"] for row in tables["robustness"]} == {
        "clean", "noise_15", "noise_10", "noise_5", "low_resolution"
    }  # fmt: skip
    # A row a class, so that the page shows all of them.
    assert {row["class"]: row["noise_5_dice"] for row in tables["worse_scans"]} == {
        row["class"]: row["dice"] for row in tables["robustness"] if row["condition"] == "noise_5"
    }
    assert [row["step"] for row in tables["runtime"]] == ["encode", "segment", "undo", "altogether"]
    page = make_audit_report(out).read_text()
    for title in ("Adversaries of codes", "What the segmentation is worth", "Codes beyond their segmentations"):
        assert title in page


def test_who_trained_is_the_attackers_own_and_others_are_attacked(audited):
    results, out = audited(True, UNTAUGHT)
    run = Run.open(out)
    asked = {name for one in kept_pairs(run, VERIFICATION.name) for name in one.patients.ravel().tolist()}
    assert asked == {f"p{i}" for i in range(10, 24)}
    ages = [one for one in results.findings if one.claim == "attributes"]
    assert {one.group for one in ages} == {"patients in no training"} and {one.n for one in ages} == {14}


def test_membership_is_told_by_the_segmentation_and_asked_of_nobody(tmp_path, monkeypatch):
    alone = [(OUTPUT, ""), (VERIFICATION, "is not asked here")]
    monkeypatch.setattr("remnant.audit.run.minutes.attacks_of", lambda material, config: alone)
    results, _ = audit_of(material(leaks=False), tmp_path / "run")
    scores = [one for one in results.findings if one.claim == "patient_scores"]
    assert {one.attack for one in scores} == {"output"} and scores[0].n == 24
    assert [one.passed for one in results.controls if one.kind == "blind"] == [True]
    assert not [limit for limit in results.limits if limit.asked and "membership" in limit.name]
    assert any("planted in the segmenter" in one for one in results.not_tested)


def test_an_attack_is_told_neither_whose_codes_are_nor_which_pairs_are_exchanged(tmp_path, monkeypatch):
    seen = []

    def spy(access, own, settings, work):
        seen.append(access)
        scores = np.arange(len(access.pairs), dtype=float)
        names = np.array(access.patients)[access.pairs]
        return [PairScores(access.what, names, scores, "spy")]

    own = material(members=4, others=4, details=False)
    with Run.start(tmp_path / "run", "audit", {}, resume=False) as run:
        pair_cell(run, own, replace(VERIFICATION, run=spy), 0)
        kept = {(one.view, one.adversary): one for one in kept_pairs(run, VERIFICATION.name)}
    assert [access.what for access in seen] == [CODES, MAPS, RAW]
    assert not {name for access in seen for name in access.patients} & {*own.roles}
    assert torch.allclose(seen[0].codes, torch.stack(own.images.images[8:]), atol=1e-6) and seen[1].codes.shape[1] == 2
    one = kept[CODES, "spy"]
    same = one.patients[:, 0] == one.patients[:, 1]
    assert len(one.exchanged) == same.sum() == 4 and len(one.scores) == 4 + 8
    # Every exchanged pair is of two: by the places that were asked about.
    codes, pairs = own.images.patients[8:], seen[0].pairs[len(one.scores) :]
    assert all(codes[i] != codes[j] for i, j in pairs.tolist())


def test_scores_of_other_pairs_are_refused(tmp_path):
    own = material(members=4, others=4, details=False)
    short = replace(VERIFICATION, run=lambda access, *rest: [PairScores("x", np.empty((1, 2)), np.zeros(1))])
    from remnant.base.errors import RemnantError

    with (
        Run.start(tmp_path / "run", "audit", {}, resume=False) as run,
        pytest.raises(RemnantError, match="one finite score a pair"),
    ):
        pair_cell(run, own, short, 0)


def test_where_a_secret_is_drawn_scans_are_sent_many_times_and_two_views_more_are_attacked(tmp_path):
    # Registration needs a few voxels a side, and takes a second a scan.
    own = material(members=3, others=3, details=False, secret=SecretSettings())
    quick = QUICK[VERIFICATION.name].changed(queried=2)
    quick = quick.changed(queries=quick.queries.changed(queries=2, rounds=1))
    own = replace(own, settings={**QUICK, VERIFICATION.name: quick})
    with Run.start(tmp_path / "run", "audit", {}, resume=False) as run:
        told = pair_cell(run, own, VERIFICATION, 0)
    many = f"{CODES}, each scan sent 2 times"
    assert told["views"] == [CODES, MAPS, f"{many}, scores averaged", f"{many}, registered and averaged"]


def test_real_visits_beside_simulated_ones_are_pairs_of_their_own(tmp_path):
    real = people(8, seed=0).take(range(10, 16))  # of the last three
    own = replace(material(members=4, others=4, details=False), sent=None)
    sent = material(members=4, others=4, details=False, real=real).sent
    own = replace(own, sent=sent, model={"visits": "simulated"})
    with Run.start(tmp_path / "run", "audit", {}, resume=False) as run:
        pair_cell(run, own, VERIFICATION, 0)
        kept = kept_pairs(run, VERIFICATION.name)
    where = {one.where: {*one.patients.ravel().tolist()} for one in kept}
    assert where == {"simulated visits": {"p4", "p5", "p6", "p7"}, "real visits": {"p5", "p6", "p7"}}


def test_what_does_not_apply_is_said():
    alone = material(members=4, others=4)
    images = alone.images.take(range(0, 16, 2))
    once = replace(alone, images=images)
    why = {attack.name: why for attack, why in attacks_of(once, CONFIG)}
    assert "two scans" in why[VERIFICATION.name] and not why[CODE_INVERSION.name]
    assert "fewer than" in why[CODE_ATTRIBUTES.name]
    nobody = {attack.name: why for attack, why in attacks_of(material(details=False), CONFIG)}
    assert "neither ages nor sexes" in nobody[CODE_ATTRIBUTES.name]
    for attack in all_attacks().values():
        if attack.access in ("weights", "latents", "features"):
            assert "only in the scenario" in nobody[attack.name]


@pytest.mark.parametrize("name", [VERIFICATION.name, CODE_INVERSION.name, CODE_ATTRIBUTES.name])
def test_ten_times_the_epochs_take_longer(name):
    own = material(members=4, others=10)
    fit = {
        VERIFICATION.name: {"adversaries": {"reidentifier": {"fit": {"epochs": 200}}}},
        CODE_INVERSION.name: {"fit": {"epochs": 20}},
        CODE_ATTRIBUTES.name: {"fit": {"epochs": 250}},
    }
    longer = type(QUICK[name]).checked(**merged(QUICK[name].model_dump(), fit[name]))
    more = replace(own, settings={**QUICK, name: longer})
    once, often = (code_piece(each, all_attacks()[name], AuditConfig()).seconds for each in (own, more))
    assert 0 < 2 * once < often


def test_what_takes_registrations_of_codes_that_show_a_head_is_foretold():
    own = material(members=2, others=2)
    shown = replace(own, sent=replace(own.sent, view=replace(own.sent.view, encoder=None)))
    assert code_piece(shown, VERIFICATION, AuditConfig()).seconds > code_piece(own, VERIFICATION, AuditConfig()).seconds


def test_adversaries_that_embed_hand_over_their_embeddings(tmp_path):
    own = material(members=4, others=4, details=False)
    with Run.start(tmp_path / "run", "audit", {}, resume=False) as run:
        claims, asked = pairs_of(run, own, VERIFICATION, 0, "labels")
    embedded = {claim.adversary: claim.embeddings for claim in claims if claim.embeddings is not None}
    assert "ms_ssim" not in embedded and "d_new_all" in embedded
    assert {len(values) for values in embedded.values()} == {len(asked.patients)} == {8}


def merged(settings, changes):
    """The settings with some of them changed, table by table."""
    return settings | {
        key: merged(settings[key], value) if isinstance(value, dict) else value for key, value in changes.items()
    }


def test_the_first_two_scans_of_whoever_came_twice_are_sent_many_times():
    patients = ["a", "b", "b", "b", "c", "d", "d"]
    assert first_two(patients, 2) == [1, 2, 5, 6] and first_two(patients, 3) == [0, 1, 2, 5, 6]


def test_an_attribute_is_planted_where_it_can_be_seen():
    images = people(4)
    dark = planted_scans(images)
    for before, after, patient in zip(images.images, dark.images, images.patients, strict=True):
        man = int(patient[1:]) % 2 == 1
        front = (slice(None), slice(None), slice(8, None), slice(0, 8))
        assert torch.equal(after[front], before[front] * (0.5 if man else 1.0))
    assert torch.equal(images.images[0], people(4).images[0])
