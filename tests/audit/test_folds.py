"""The audit of a cross-validation: who is put to which model, what a leak shows, who is left out."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
import typer
from tests.audit.example import Classifier, Segmenter, folds

from remnant.attacks.attack import Work
from remnant.attacks.checkpoint.audited import LISTED
from remnant.attacks.membership.references import REFERENCES
from remnant.audit.config import AuditConfig
from remnant.audit.findings.folds import NAME, NOT_RUN, Folds, dealt, fold_rank_findings
from remnant.audit.inputs.trained import forecast_trained, material_of
from remnant.audit.run.model import audit_model
from remnant.audit.verdict.outcome import outcome_of
from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cli.trained import FolderOptions, audit_folds
from remnant.cohort.images import Images
from remnant.measure.fold_rank import FoldRank
from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.targets.seen import seen_outputs


def audited(tmp_path, trained, fold=None):
    material, _ = material_of(trained, fold, Seeds(0))
    config = AuditConfig()
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        return material, audit_model(run, material, config, quiet=True)


def outcomes(parts):
    return {
        (one.attack, one.statistic): outcome_of(one, parts["controls"])
        for one in parts["findings"]
        if one.primary or one.attack == NAME
    }


def held_out(patients, models):
    return {f"p{i}": i % models for i in range(patients)}


def test_the_other_of_two_folds_is_no_reference_of_the_one_that_is_released(tmp_path):
    """The other leaks, and the released one does not: it would be exposed by what the other knows."""
    leaky, honest = (folds(Classifier, leaks=leaks, models=2) for leaks in (True, False))
    mixed = replace(honest, models=(honest.models[0], leaky.models[1]))
    material, parts = audited(tmp_path, mixed, fold=0)
    assert not material.target.references and material.folds is None
    assert "no reference" in " ".join(material.notes)
    assert {one.attack for one in parts["findings"]} == {"output", "label_only", "gradient"}
    assert not [one for one in parts["findings"] if outcome_of(one, parts["controls"]) == "exposed"]
    both, _ = material_of(mixed, None, Seeds(0))
    assert len(both.target.references) == 1 and both.folds is not None


def test_half_of_each_fold_is_put_to_the_model_that_did_not_train_on_it():
    own = dealt(held_out(51, 5), 5, None, Seeds(0))
    asked = Counter((own.held_out[patient], own.asked[patient]) for patient in own.held_out)
    roles = Counter(map(own.role, own.held_out))
    assert abs(roles[MEMBER] - roles[NON_MEMBER]) <= 1
    for fold in range(5):
        to_own = asked[fold, fold]
        others = [asked[fold, one] for one in range(5) if one != fold]
        assert abs(to_own - sum(others)) <= 1
        assert max(others) - min(others) <= 1


def test_each_model_is_asked_about_as_many_members_as_non_members_where_folds_are_unequal():
    own = dealt({f"p{i}": max(0, i // 10 - 2) for i in range(60)}, 4, None, Seeds(3))
    for model in range(4):
        roles = Counter(own.role(patient) for patient, asked in own.asked.items() if asked == model)
        assert abs(roles[MEMBER] - roles[NON_MEMBER]) <= 2


@pytest.mark.parametrize("sizes", [(60, 20), (100, 10, 10), (60, 20, 20)])
def test_of_a_fold_larger_than_all_others_the_surplus_is_left_out(sizes):
    """Model 0 fits everybody worse by two standard deviations of noise, and nobody was learned by heart."""
    held = {f"p{i}": fold for i, fold in enumerate(np.repeat(np.arange(len(sizes)), sizes).tolist())}
    p_values = []
    for seed in range(200):
        random, own = np.random.default_rng(seed), dealt(held, len(sizes), None, Seeds(seed))
        assert 20 <= len(own.held_out) == len(own.asked) < len(held)
        scores = np.array([random.normal(-2.0 * (model == 0), 1) for model in own.asked.values()])
        roles = np.array([own.role(patient) for patient in own.held_out])
        p_values.append(membership_test(scores, roles, random, 400).p)
    assert np.mean(np.array(p_values) <= 0.05) < 0.1


def test_the_deal_is_of_the_seed():
    first, again, other = (dealt(held_out(40, 4), 4, None, Seeds(seed)).asked for seed in (0, 0, 1))
    assert first == again != other


def test_of_one_released_model_members_are_who_trained_it():
    own = dealt(held_out(12, 3), 3, 1, Seeds(0))
    assert {patient for patient in own.held_out if own.role(patient) == NON_MEMBER} == {"p1", "p4", "p7", "p10"}


@pytest.mark.parametrize("released", [None, 1])
def test_references_are_left_out_as_often_of_non_members_as_of_members(released):
    # Folds of 30, 10, 10 and 10 patients.
    own = dealt({f"p{i}": max(0, i // 10 - 2) for i in range(60)}, 4, released, Seeds(0))
    for model in range(4):
        left = {role: Counter() for role in (MEMBER, NON_MEMBER)}
        for patient, asked in own.asked.items():
            if asked == model:
                left[own.role(patient)][own.left_out[patient]] += 1
        assert model not in left[MEMBER] + left[NON_MEMBER]
        shares = [[own[one] / max(own.total(), 1) for one in range(4)] for own in left.values()]
        assert shares[0] == pytest.approx(shares[1], abs=0.15)


def test_of_two_models_no_reference_can_be_left_out():
    assert dealt(held_out(12, 2), 2, None, Seeds(0)).passed_over() == {}


@pytest.mark.parametrize("released", [None, 0])
def test_a_model_that_learned_nobody_by_heart_shows_no_leak_where_the_others_have_one(released):
    """Losses of 48 patients under four models, of which all but the one that a patient is put to fit him better if he trained
    them."""
    p_values, aucs = [], []
    for seed in range(60):
        random = np.random.default_rng(seed)
        own = dealt(held_out(48, 4), 4, released, Seeds(seed))
        patients = tuple(own.held_out)
        held, asked = (np.array([of[patient] for patient in patients]) for of in (own.held_out, own.asked))
        losses = random.normal(0, 2, (48, 1)) + random.normal(0, 0.5, 4) + random.normal(0, 0.5, (48, 4))
        losses -= 2.0 * ((held[:, None] != np.arange(4)) & (np.arange(4) != asked[:, None]))
        turned = np.take_along_axis(losses, (asked[:, None] + np.arange(4)) % 4, axis=1)
        counts = np.ones((48, 4), dtype=bool)
        counts[:, 0] = False
        over = own.passed_over()
        counts[np.arange(48), [over[patient] for patient in patients]] = False
        scores = np.where(counts, turned, 0).sum(1) / 2 - turned[:, 0]
        test = membership_test(scores, np.array([own.role(patient) for patient in patients]), random)
        p_values.append(test.p)
        aucs.append(test.auc.mean)
    # With all three references members, of whom one of these knows nothing, stand out: a mean AUC of 0.73 and 0.80.
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.04)
    assert np.mean(np.array(p_values) <= 0.05) < 0.13


def test_losses_find_back_to_their_models():
    own = Folds({"a": 0, "b": 2}, {"a": 1, "b": 2}, 3)
    # Columns: the model asked, and those behind it in turn.
    turned = np.array([[11, 12, 10], [22, 20, 21]])
    assert own.by_model(("a", "b"), turned).tolist() == [[10, 11, 12], [20, 21, 22]]
    assert (own.roles(("a", "b")) == np.array([[NON_MEMBER, MEMBER], [MEMBER, MEMBER], [MEMBER, NON_MEMBER]])).all()


@pytest.mark.parametrize("fold", [None, 1])
def test_each_patient_is_put_to_his_model_and_the_others_are_references(tmp_path, fold):
    trained = folds(Classifier, leaks=False)
    material, _ = material_of(trained, fold, Seeds(0))
    found = REFERENCES.run(seen_outputs(material.target, material.images), None, None, Work(Seeds(0), tmp_path))[0]
    losses = material.folds.by_model(found.patients, found.losses)
    for place, patient in enumerate(found.patients):
        images = material.images.of([patient])
        for number, model in enumerate(trained.models):
            with torch.no_grad():
                logits = model.module(torch.stack(images.images))
            truth = torch.tensor(images.labels)
            own = logits[range(len(truth)), truth]
            margin = own - logits[range(len(truth)), 1 - truth]
            assert losses[place, number] == pytest.approx(-float(margin.mean()), abs=1e-4)
    asked = np.array([material.folds.asked[patient] for patient in found.patients])
    rows = np.arange(len(asked))
    mine = losses[rows, asked]
    counts = np.ones(losses.shape, dtype=bool)
    counts[rows, asked] = False
    counts[rows, [material.folds.left_out[patient] for patient in found.patients]] = False
    assert (counts.sum(1) == losses.shape[1] - 2).all()
    assert found.scores == pytest.approx(np.where(counts, losses, 0).sum(1) / counts.sum(1) - mine, abs=1e-6)
    # All that count trained on the patient.
    held = np.array([material.folds.held_out[patient] for patient in found.patients])
    assert not counts[rows, held].any()
    assert found.view.endswith("against models that trained on the patient")


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Classifier, Segmenter])
def test_a_leak_is_exposed_by_calibration_and_fold_rank_and_untrained_networks_are_not(tmp_path, kind):
    (tmp_path / "silent").mkdir()
    (tmp_path / "leaking").mkdir()
    # So many that of those whom one model did not see five can be planted among more.
    _, leaking = audited(tmp_path / "leaking", folds(kind, leaks=True, patients=48))
    _, silent = audited(tmp_path / "silent", folds(kind, leaks=False, patients=48))
    expected = {("references", "auc"), ("references", "advantage"), (NAME, "fold_rank"), (NAME, "advantage")}
    assert {key for key, outcome in outcomes(leaking).items() if outcome == "exposed"} >= expected
    assert set(outcomes(silent).values()) == {"not shown"}
    # Bare answers may tell too little to find those who were planted.
    assert all(control.passed for control in leaking["controls"] if control.attack != "label_only")
    # The gradient of a segmenter is smaller than that of strangers only for whom it knows very well.
    seen = [one for one in silent["controls"] if (kind, one.attack) != (Segmenter, "gradient")]
    assert all(control.passed for control in seen if control.kind != "fit")
    assert {control.kind for control in leaking["controls"]} == {"blind", "fit", "planted"}
    assert leaking["attacks"][-1].name == NAME


def test_the_primary_tests_are_the_calibrated_one_and_the_fold_rank(tmp_path):
    _, parts = audited(tmp_path, folds(Classifier, leaks=False))
    assert {one.attack for one in parts["findings"] if one.primary} == {"references", NAME}


def test_of_one_released_fold_the_rank_over_all_models_is_no_finding(tmp_path):
    """It would be of the others' leak as well."""
    material, parts = audited(tmp_path, folds(Classifier, leaks=True), fold=2)
    assert len(material.group(NON_MEMBER)) == 8
    assert not [one for one in parts["findings"] if one.attack == NAME]
    assert [one.why for one in parts["attacks"] if one.name == NAME] == [NOT_RUN.why]
    assert parts["model"]["released"] == "fold 2"


def test_folds_that_differ_by_themselves_are_found_without_a_model(tmp_path):
    trained = folds(Classifier, leaks=True)
    brighter = tuple(
        image + 2 * (place == 1) for image, place in zip(trained.images.images, trained.held_out, strict=True)
    )
    _, parts = audited(tmp_path, replace(trained, images=replace(trained.images, images=brighter)))
    blind = next(control for control in parts["controls"] if control.kind == "blind")
    assert not blind.passed
    assert "distinguishes one fold from the others" in blind.sentence
    assert set(outcomes(parts).values()) == {"not testable"}


def test_patients_with_cases_in_several_folds_are_left_out():
    trained = folds(Classifier, leaks=False)
    places = list(trained.held_out)
    places[0], places[6] = 1, 2  # an image of p0 and one of p3
    material, split = material_of(replace(trained, held_out=tuple(places)), None, Seeds(0))
    assert split == 2
    assert not {"p0", "p3"} & set(material.images.patients)
    assert len(material.roles) == 30


def test_where_nearly_everybody_is_in_several_folds_nothing_can_be_tested():
    trained = folds(Classifier, leaks=False)
    places = tuple(i % 2 for i in range(len(trained.held_out)))
    with pytest.raises(RemnantError, match="membership is not testable; split by patient"):
        material_of(replace(trained, held_out=places), None, Seeds(0))


def test_a_fold_that_there_is_not():
    with pytest.raises(RemnantError, match="no fold 7 among fold 0, fold 1, fold 2, fold 3"):
        material_of(folds(Classifier, leaks=False), 7, Seeds(0))


def test_the_hash_is_of_the_released_model_and_of_none_where_all_are():
    files = {f"fold_{i}/model.pt": f"{i}" * 64 for i in range(4)}
    trained = folds(Classifier, leaks=False)
    trained = replace(trained, checkpoints=files, about={**trained.about, "sha256": "0" * 64})
    assert material_of(trained, 2, Seeds(0))[0].model["sha256"] == "2" * 64
    assert material_of(trained, None, Seeds(0))[0].model["sha256"] is None


def test_findings_of_the_fold_rank():
    share, advantage = fold_rank_findings(FoldRank(60, 100, 5, 0.001, False, 0.001, 0.02, 0.2), 0.0025)
    assert (share.value, share.null, share.counts) == (0.6, 0.2, "60 of 100 patients, 5 folds")
    assert (advantage.value, advantage.null) == (pytest.approx(0.5), 0)
    assert share.bound_low < share.low < share.value < share.high
    assert share.detectable == pytest.approx(0.36, abs=0.03)
    assert advantage.detectable == pytest.approx((5 * share.detectable - 1) / 4)
    assert share.primary and advantage.primary


@pytest.mark.parametrize("fold", [None, 2])
def test_the_control_is_planted_in_one_model_among_those_whom_it_did_not_see(fold):
    trained = folds(Classifier, leaks=False)
    material, _ = material_of(trained, fold, Seeds(0))
    target, who = material.planting
    number = fold or 0
    assert target.module is trained.models[number].module
    assert sorted(who) == sorted(patient for patient in material.roles if material.folds.held_out[patient] == number)
    assert [one.module for one in target.references] == [trained.models[(number + c) % 4].module for c in range(1, 4)]


def test_what_it_takes_is_forecast():
    material, _ = material_of(folds(Classifier, leaks=False), None, Seeds(0))
    pieces, not_run = forecast_trained(material, AuditConfig())
    assert [piece.name for piece in pieces] == [
        "output",
        "label_only",
        "gradient",
        "references",
        "blind",
        "fit",
        "planted",
    ]
    assert all(piece.seconds > 0 for piece in pieces)
    codes = {"verification", "code_inversion", "code_attributes"}
    shadowed = {"rmia", "lira", "bavaria", "hierarchical"}
    more = {"parts", "quantile", "versions", "persons"}
    assert set(not_run) == {"inversion", "attributes", *codes, *shadowed, *more, *(attack.name for attack in LISTED)}


@pytest.mark.parametrize("exchanged", [False, True])
def test_a_check_holds_the_models_against_those_who_trained_them(tmp_path, monkeypatch, capsys, exchanged):
    trained = replace(folds(Classifier, leaks=True), notes=("Every case counts as a person.",))
    if exchanged:
        images = trained.images
        labels = tuple(1 - label for label in images.labels)
        trained = replace(trained, images=Images(images.images, labels, images.patients))
    monkeypatch.setattr("remnant.audit.inputs.trained.read_trained", lambda *given: trained)
    with pytest.raises(typer.Exit) as ended:
        audit_folds(
            tmp_path,
            FolderOptions(None, None, None),
            tmp_path,
            # Limits that so few can clear, so that the check ends by what the models answer.
            AuditConfig(appetite={"attribute": False, "membership_advantage": 0.9, "membership_tpr": 0.9}),
            "check",
            resume=False,
            quiet=True,
        )
    assert ended.value.exit_code == (3 if exchanged else 0)
    printed = capsys.readouterr().out
    assert ("answers worse than chance" in printed) == exchanged and "Every case counts as a person.\n" in printed
