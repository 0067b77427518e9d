"""What holds for every attack of the list, and of other packages: one seed one claim, blind to roles, no trace on the target."""

from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from tests.audit import coded, test_attributes, test_candidates, test_latents, test_questions, test_shadows
from tests.audit.example import Classifier, Segmenter, images_of, material

from remnant.attacks.attack import Work
from remnant.attacks.membership.references import queries_of
from remnant.attacks.registry import all_attacks
from remnant.audit.cells.model_cells import access_of, sides
from remnant.audit.cells.reading import read_in_parts, shown
from remnant.audit.cells.shadows import half_of, with_shadows
from remnant.audit.config import AuditConfig
from remnant.audit.findings.pairs import scan_pairs
from remnant.audit.run.model import audit_model
from remnant.audit.verdict.outcome import outcome_of
from remnant.audit.verdict.scenario import SEEN
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.roles import OTHER
from remnant.targets.seen import Shadows, seen_latents

EXAMPLES = {
    "classifier": lambda leaks: material(Classifier, leaks=leaks),
    "segmenter": lambda leaks: material(Segmenter, leaks=leaks),
    "latents": lambda leaks: test_latents.material(keeps=leaks),
    "people": lambda leaks: test_attributes.material(leaks=leaks),
    "drawn": lambda leaks: test_candidates.material(leaks=leaks),
    "codes": lambda leaks: coded.material(leaks=leaks, members=4, others=10),
    "remembered": lambda leaks: test_candidates.remembered(leaks=leaks),
    "shadowed": lambda leaks: shadowed(leaks=leaks),
    "updated": lambda leaks: test_questions.versions(before=0, leaks=leaks),
    "taught": lambda leaks: taught(material(Classifier, leaks=leaks)),
    "seen again": lambda leaks: seen_again(material(Classifier, leaks=leaks)),
}
# The leak of which example those that draw candidates find. Fine-tuned generators and pixels come near a few people whom their
# target keeps, of many: no small network is known of which they show more than the controls do.
FINDS = {"joint": "drawn", "gmi": "remembered"}


def seen_again(own):
    """The same with a further image of everybody, which is like the one that trained."""
    return replace(own, further=test_questions.again(own.images, range(len(own.images)), 0.1))


def taught(own):
    """The same with images of the attacker's own."""
    more = images_of(Classifier, 77, 48)
    names = tuple(f"own {place}" for place in range(48))
    both = replace(
        own.images,
        images=(*own.images.images, *more.images),
        labels=(*own.images.labels, *more.labels),
        patients=(*own.images.patients, *names),
    )
    return replace(own, images=both, roles={**own.roles, **dict.fromkeys(names, OTHER)})


def shadowed(*, leaks):
    """A model with a training, of which shadow models are to come."""
    own = test_shadows.own(test_shadows.by_heart if leaks else test_shadows.of_nobody, leaks=leaks)
    return with_shadows(own, test_shadows.FOUR)


@cache
def shadows():
    """What shadow models of the leaking example say."""
    own = shadowed(leaks=True)
    halves = [half_of(own, 0, number) for number in range(own.target.shadows)]
    found = [own.training(own.target, own.candidates, set(half), Seeds(i)) for i, half in enumerate(halves)]
    queries = [queries_of(one.head, own.candidates, one.answers) for one in found]
    return Shadows(
        own.candidates.patients,
        {name: np.stack([one[name] for one in queries], axis=1) for name in queries[0]},
        np.stack([np.isin(own.candidates.patients, half) for half in halves], axis=1),
    )


def example_for(attack, leaks=True):
    """The first example that the attack applies to, and holds what it looks for."""
    for name, make in EXAMPLES.items():
        own = make(leaks)
        mine, asked = sides(own, attack)
        fits = {
            "latents": attack.access == "latents",
            "codes": attack.access == "codes",
            "shadowed": attack.shadows,
            FINDS.get(attack.name, "drawn"): attack.claim == "candidates",
        }
        if all(fit == (name == kind) for kind, fit in fits.items()) and not attack.applies(own.target, asked, mine):
            return own
    pytest.skip(f"{attack.name} needs what no example has")


def ran(attack, own, seed, folder):
    mine, asked = sides(own, attack)
    if attack.access == "codes":
        places = scan_pairs(asked.patients, 2, Seeds(seed)).places
        access = own.sent.seen("code", asked, places)
        told = []
        for claim in attack.run(access, mine, own.settings_of(attack), Work(Seeds(seed), folder)):
            if attack.claim == "pair_scores":
                told.append((claim.adversary, tuple(map(str, claim.pairs)), claim.scores))
            elif attack.claim == "reconstructions":
                told.append((claim.view, claim.patients, claim.images.numpy()))
            else:
                told += [(f"{claim.view} {name}", claim.patients, read) for name, read in claim.predicted.items()]
        return told
    if attack.claim == "attributes":
        features = shown(own.target, own.images, "checkpoint", None)
        return [
            (f"{claim.view} {name}", claim.patients, read)
            for claim in read_in_parts(attack, features, asked, Work(Seeds(seed), folder))
            for name, read in claim.predicted.items()
        ]
    if attack.claim == "candidates":
        access = access_of(attack, own.target, asked)
        (claim,) = attack.run(access, mine, test_candidates.Tiny(), Work(Seeds(seed), folder, prior=own.prior))
        return [
            (name, tuple(map(str, range(len(images)))), np.asarray(images))
            for name, images in ({claim.view: claim.images} | claim.controls).items()
        ]
    access = (
        seen_latents(own.target, asked, None)
        if attack.access == "latents"
        else access_of(attack, own.target, asked, shadows() if attack.shadows else None)
    )
    claims = attack.run(access, mine, attack.settings(), Work(Seeds(seed), folder))
    return [
        (claim.view, claim.patients, np.asarray(claim.scores if attack.claim == "patient_scores" else claim.images))
        for claim in claims
    ]


@pytest.fixture(params=sorted(all_attacks()))
def attack(request, monkeypatch):
    found = all_attacks()[request.param]
    if found.claim == "candidates":
        test_candidates.alone(monkeypatch, found, test_candidates.Tiny)
    return all_attacks()[request.param]


@contextmanager
def left_as_it_was(module):
    """The network has the weights, modes, hooks and gradients afterwards that it had before."""
    before = {name: value.clone() for name, value in module.state_dict().items()}
    modes = [one.training for one in module.modules()]
    hooks = sum(len(one._forward_hooks) for one in module.modules())
    gradients = [None if weight.grad is None else weight.grad.clone() for weight in module.parameters()]
    yield
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert [one.training for one in module.modules()] == modes
    assert sum(len(one._forward_hooks) for one in module.modules()) == hooks
    assert not any(weight.requires_grad for weight in module.parameters())
    for weight, was in zip(module.parameters(), gradients, strict=True):
        assert weight.grad is was or torch.equal(weight.grad, was)


def test_one_seed_is_one_claim_whoever_is_called_a_member_and_leaves_no_trace(attack, tmp_path):
    """In one test, since some attacks take a second: the target is left as it was, and only where non-members stand in are roles
    known."""
    own = example_for(attack)
    with left_as_it_was(own.target.module):
        first = ran(attack, own, 3, tmp_path)
    again = ran(attack, own, 3, tmp_path)
    assert len(first) >= 1
    for (view, patients, claimed), (other_view, others, same) in zip(first, again, strict=True):
        assert (view, patients) == (other_view, others) and np.array_equal(claimed, same) and np.isfinite(claimed).all()
        assert len(claimed) == len(patients)
    if attack.access == "codes":
        return  # who holds the server trained on the members' scans
    exchanged = replace(own, roles={patient: -role for patient, role in own.roles.items()})
    by_patient = [
        [(view, dict(zip(patients, map(bytes, claimed), strict=True))) for view, patients, claimed in told]
        for told in (first, ran(attack, exchanged, 3, tmp_path))
    ]
    assert by_patient[0] == by_patient[1]


def test_what_it_cannot_do_is_said_and_not_raised(attack):
    own = material(Classifier, leaks=False)
    nothing = replace(own.candidates, labels=None)
    said = attack.applies(own.target, nothing, None)
    assert isinstance(said, str) and "\n" not in said and not said.endswith(".") and len(said.split()) <= 30


def test_words_are_for_a_list(attack):
    assert attack.words[0].islower() and not attack.words.endswith(".") and len(attack.words.split()) <= 30
    assert attack.source and attack.name == attack.name.strip() and "/" not in attack.name


# What draws candidates takes up to ten seconds each time.
DRAW = [name for name, attack in sorted(all_attacks().items()) if attack.claim == "candidates"]
OUTCOMES = [*(pytest.param(name, marks=pytest.mark.slow) for name in DRAW), *sorted(all_attacks().keys() - set(DRAW))]


@pytest.mark.parametrize("leaks", [True, False])
@pytest.mark.parametrize("attack", OUTCOMES, indirect=True)
def test_what_leaks_is_exposed_and_what_does_not_is_not(attack, tmp_path, monkeypatch, leaks):
    if attack.access == "codes":
        pytest.skip("tests/audit/test_codes.py audits codes once for all attacks")
    own = example_for(attack, leaks)
    if attack.claim == "candidates":
        if leaks and attack.name not in FINDS:
            pytest.skip(f"no small network is known of which {attack.name} shows more than its controls")
        settings = {"joint": test_candidates.QuickJoint, "gmi": test_candidates.Quick}
        test_candidates.alone(monkeypatch, attack, settings.get(attack.name, test_candidates.Tiny))
    scenario = next(name for name, seen in SEEN.items() if attack.access in seen)
    config = AuditConfig(scenario=scenario)
    if attack.shadows:
        monkeypatch.setattr("remnant.audit.run.attacks.all_attacks", lambda: {attack.name: attack})
        config = test_shadows.FOUR.changed(scenario=scenario)
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        parts = audit_model(run, own, config, quiet=True)
    mine = [one for one in parts["findings"] if attack.name == (one.claim if one.claim == "attributes" else one.attack)]
    outcomes = {outcome_of(one, parts["controls"]) for one in mine}
    assert outcomes and ("exposed" in outcomes) == leaks, outcomes
