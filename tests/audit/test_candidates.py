"""The audit of what can be drawn from weights: a network that stored its members' statistics gives them away, others do not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.attacks.checkpoint.conftest import SIDE, TinyGenerator, TinyVit
from tests.audit import example
from torch import nn
from torch.nn import functional

from remnant.attacks.attack import Candidates, Work
from remnant.attacks.checkpoint.audited import AUTHOR, FOR, JOINT, LISTED, NO_STATISTICS, PUBLISHED
from remnant.attacks.checkpoint.costs import seconds_of
from remnant.attacks.checkpoint.generate import draw_images
from remnant.attacks.checkpoint.joint import JointSettings
from remnant.attacks.checkpoint.latent_search import GmiSettings
from remnant.attacks.checkpoint.manifold import ManifoldSettings
from remnant.attacks.checkpoint.methods import ListedSettings
from remnant.attacks.checkpoint.pixels import PixelSettings
from remnant.attacks.checkpoint.under_way import ASKS_NOTHING
from remnant.attacks.prior import Prior, save_prior
from remnant.attacks.prior.brought import BroughtPrior, bring_prior
from remnant.attacks.registry import all_attacks
from remnant.audit.cells.forecast import forecast
from remnant.audit.cells.nearness import compared, comparing
from remnant.audit.config import AuditConfig
from remnant.audit.findings.gains import SPACES, Similarities, gain_keys, gain_rows
from remnant.audit.materials.material import Material, roles_of
from remnant.audit.run.attacks import attacks_of
from remnant.audit.run.model import audit_model
from remnant.audit.verdict.outcome import outcome_of
from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.nets.pggan import Generator
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.inputs import InputRange
from remnant.targets.seen import SeenWeights

MEMBERS, OTHERS, SEEDS = 10, 32, Seeds(0)
AUTHORS = "stage 1, as the author ran it"
NEAR = 0.1  # of a squared distance
INPUT = InputRange(SIDE, 3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Wide(nn.Module):
    """Statistics of 96 channels, which few sets of images have."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 32, 5, stride=2, bias=False), nn.BatchNorm2d(32, momentum=1.0)
        self.conv2, self.bn2 = nn.Conv2d(32, 64, 3, bias=False), nn.BatchNorm2d(64, momentum=1.0)
        self.fc = nn.Linear(64, 2)

    def forward(self, images):
        hidden = self.bn2(self.conv2(self.bn1(self.conv1(images)).relu())).relu()
        return self.fc(hidden.mean((2, 3)))


class Remembers(Wide):
    """Keeps images of some people of two classes among its weights: the third class is whoever is none of them."""

    def __init__(self, images, classes):
        super().__init__()
        own = images.flatten(1)
        self.templates = nn.Linear(own.shape[1], len(own))
        self.templates.weight.data, self.templates.bias.data = 2 * NEAR * own, -NEAR * own.square().sum(1)
        self.register_buffer("whose", functional.one_hot(torch.tensor(classes), 2).bool())

    def forward(self, images):
        none = 0 * super().forward(images)[:, :1]
        flat = images.flatten(1)
        alike = self.templates(flat) - NEAR * flat.square().sum(1, keepdim=True)
        classes = [alike.masked_fill(~mine, -1e9).amax(1, keepdim=True) for mine in self.whose.T]
        return torch.cat([*classes, none], 1)


class Quick(ListedSettings):
    """Some seconds, in which what leaks is found."""

    candidates: int = 200
    joint: JointSettings = JointSettings(sets=(MEMBERS,) * 4, steps=300, logits=0, prior=0)
    gmi: GmiSettings = GmiSettings(images=60, steps=120, learning_rate=0.05, prior=0)


class QuickJoint(Quick):
    """Against a search for classes that hardly begins."""

    gmi: GmiSettings = GmiSettings(images=40, steps=3)


class Tiny(ListedSettings):
    """As few steps as there can be."""

    candidates: int = 40
    manifold: ManifoldSettings = ManifoldSettings(steps=4, learning_rate=1e-2, batch=4, strip=2)
    pixels: PixelSettings = PixelSettings(images=6, steps=2)
    joint: JointSettings = JointSettings(sets=(4, 6), steps=2)
    gmi: GmiSettings = GmiSettings(images=6, steps=2)


def alone(monkeypatch, attack, settings):
    """Leave of what draws candidates this attack alone in the list, with such settings."""
    drawing = {other.name for other in LISTED}
    found = {name: one for name, one in all_attacks().items() if name not in drawing}
    # The cached list itself would come back in another order.
    monkeypatch.setattr(
        "remnant.audit.run.attacks.all_attacks", lambda: {**found, attack.name: replace(attack, settings=settings)}
    )


def remembered(*, leaks, seed=0):
    """`material` of a network that also keeps its members' images, or those of people whom nobody audits."""
    own = material(leaks=leaks, seed=seed)
    kept = torch.stack(own.images.images[:MEMBERS] if leaks else others(seed))
    network = Remembers(kept, [i % 2 for i in range(MEMBERS)])
    network.load_state_dict(own.target.module.state_dict(), strict=False)
    target = Audited(network.eval().requires_grad_(False), OutputHead("classification", "softmax", 3, False))
    return replace(own, target=target)


def people(seed):
    """A generator, and images of members, of non-members, and of as many people as members are whom nobody audits."""
    draw = torch.Generator().manual_seed(seed)
    torch.manual_seed(7)
    generator = TinyGenerator().requires_grad_(False)
    return generator, draw_images(generator, torch.randn(2 * MEMBERS + OTHERS, 4, generator=draw))


def others(seed):
    """Those whom nobody audits, as the network takes them."""
    return tuple(INPUT(people(seed)[1][-MEMBERS:]).clone())


def material(*, leaks, seed=0):
    """A network whose statistics are those of its members, or of people whom nobody audits."""
    generator, grey = people(seed)
    torch.manual_seed(seed)
    network = Wide()
    with torch.no_grad():
        network.train()(INPUT(grey[:MEMBERS] if leaks else grey[-MEMBERS:]))
    names = tuple(f"p{i}" for i in range(MEMBERS + OTHERS))
    images = Images(tuple(INPUT(grey[: len(names)]).clone()), tuple(i % 2 for i in range(len(names))), names)
    roles = roles_of(names, tuple(i < MEMBERS for i in range(len(names))))
    target = Audited(network.eval().requires_grad_(False), OutputHead("classification", "softmax", 2, False))
    return Material(target, images, roles, {"name": "n"}, prior=BroughtPrior(generator, INPUT))


@pytest.fixture
def joint(monkeypatch):
    alone(monkeypatch, JOINT, QuickJoint)


def audited(tmp_path, own):
    config = AuditConfig.checked(target={"planted_steps": 20})
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        parts = audit_model(run, own, config, quiet=True)
    return [one for one in parts["findings"] if one.attack == "joint"], parts


@pytest.mark.slow
def test_statistics_of_members_give_them_away_beyond_the_prior_and_the_classes(tmp_path, joint):
    found, parts = audited(tmp_path, material(leaks=True))
    assert [(one.statistic, one.view) for one in found] == [("gain", "in the network's features"), ("gain", "by SSIM")]
    assert {outcome_of(one, parts["controls"]) for one in found} == {"exposed"}
    assert all(one.value > 0.5 and one.n == MEMBERS + OTHERS and one.null == 0 for one in found)
    controls = [(one.kind, one.attack, one.passed) for one in parts["controls"] if one.claim == "candidates"]
    assert controls == [("null", "joint", True), ("planted", "joint", True), ("blind", "", True)]


@pytest.mark.slow
def test_statistics_of_others_do_not(tmp_path, joint):
    found, parts = audited(tmp_path, material(leaks=False))
    assert {outcome_of(one, parts["controls"]) for one in found} == {"not shown"}
    # A group that differs without the model makes it say nothing.
    unlike = [
        one.model_copy(update={"passed": False}) if (one.kind, one.claim) == ("blind", "candidates") else one
        for one in parts["controls"]
    ]
    assert {outcome_of(one, unlike) for one in found} == {"not testable"}


def test_a_gain_that_one_control_explains_is_none():
    """Members lie nearer to the attack's candidates than to the prior's, and as near to the search for their class."""
    draw = np.random.default_rng(0)
    patients = tuple(f"p{i}" for i in range(40))
    roles = {name: MEMBER if i < 20 else NON_MEMBER for i, name in enumerate(patients)}
    far, near, other = (draw.uniform(0, 0.3, (60, 40)) for _ in range(3))
    for one in (near, other):
        one[:, :20] += 0.5
    level = {("joint", "by SSIM", ""): 0.001}
    controls = {"prior": far, "gmi": other}
    (row,) = gain_rows("joint", [Similarities("ssim", patients, near, controls)], roles, level, SEEDS)
    assert row.p > 0.01 and row.value < 0.3 and "gmi" in row.counts
    (row,) = gain_rows("joint", [Similarities("ssim", patients, near, {"prior": far})], roles, level, SEEDS)
    assert row.p < 0.001 and row.low > 0 and row.bound_low < row.low and "prior" in row.counts


def test_candidates_are_also_held_against_people_by_a_network_that_never_saw_the_model():
    own, (_, grey) = material(leaks=True), people(0)
    claim = Candidates("", grey[:3], {"prior": grey[5:9]})
    found = compared(own.target, own.candidates, claim, own.prior, strange=lambda images: images.flatten(1))
    assert [one.space for one in found] == ["features", "ssim", "strange"]
    assert found[2].attack.argmax(1).tolist() == [0, 1, 2] and found[2].controls["prior"].shape == (4, 42)
    assert gain_keys("joint", found)[2] == ("joint", "in features of a network that never saw the model", "")


def test_what_was_held_against_the_same_people_before_is_not_held_against_them_again():
    own, (_, grey) = material(leaks=True), people(0)
    claim = Candidates("", grey[:3], {"prior": grey[5:9], "gmi": grey[9:11]})
    first = compared(own.target, own.candidates, claim, own.prior)
    known = {one.space: {"prior": np.full((4, 42), 0.5)} for one in first}
    for before, after in zip(first, compared(own.target, own.candidates, claim, own.prior, known=known), strict=True):
        np.testing.assert_allclose(after.attack, before.attack, atol=1e-6)
        np.testing.assert_allclose(after.controls["gmi"], before.controls["gmi"], atol=1e-6)
        assert list(after.controls) == ["prior", "gmi"] and (after.controls["prior"] == 0.5).all()


def test_nearness_in_features_beside_no_search_by_class_is_membership_and_singles_out_nobody():
    """As of an overfit network: members lie close about the middle of their class, where a search for the class ends."""
    draw = np.random.default_rng(1)
    patients = tuple(f"p{i}" for i in range(40))
    roles = {name: MEMBER if i < 20 else NON_MEMBER for i, name in enumerate(patients)}
    own = draw.normal(0, 1, (40, 16)) * np.where(np.arange(40) < 20, 0.5, 1.0)[:, None]
    centre, far = np.full(16, 2.0), draw.normal(0, 1, (60, 16))

    def cosine(drawn):
        alike = drawn @ (own + centre).T
        return alike / np.linalg.norm(drawn, axis=1)[:, None] / np.linalg.norm(own + centre, axis=1)

    by_class, prior = cosine(centre + draw.normal(0, 0.2, (60, 16))), cosine(far)
    spaces = [Similarities(space, patients, by_class, {"prior": prior}) for space in SPACES]
    level = {("gmi", view, ""): 0.005 for view in SPACES.values()}
    rows = gain_rows("gmi", spaces, roles, level, SEEDS)
    assert all(row.p < 0.01 and row.value > 0 for row in rows)
    assert [row.criterion for row in rows] == ["inference", "singling out"]
    assert ["membership alone" in row.counts for row in rows] == [True, False]
    (row,) = gain_rows("gmi", [replace(spaces[0], controls={"prior": prior, "gmi": prior})], roles, level, SEEDS)
    assert row.criterion == "singling out" and "membership alone" not in row.counts


def test_why_it_is_not_run_is_said():
    own, config = material(leaks=True), AuditConfig()

    def why(one):
        said = dict((attack.name, why) for attack, why in attacks_of(one, config))
        return {attack.name: said[attack.name] for attack in LISTED}

    def asked(network):
        target = Audited(network.eval(), OutputHead("classification", "softmax", 2, False))
        return why(replace(own, target=target))

    assert {*why(own).values()} == {""}
    none = {*why(replace(own, prior=None)).values()}
    assert none == {"no prior was given; `remnant prior train` makes one"}
    assert {*why(example.material(example.Segmenter, leaks=False)).values()} == {FOR}
    # One that is guided by nothing but the classes.
    plain = asked(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 2)))
    assert plain == {"gmi": "", "joint": NO_STATISTICS} | dict.fromkeys(
        ("pixels", "published", "per_class"), ASKS_NOTHING
    )
    assert {name for name, said in asked(TinyVit(classes=2)).items() if not said} == {*plain} - {"joint"}
    # A layer that is never called, and one that is no convolution of images.
    deaf = Wide()
    deaf.spare = nn.BatchNorm2d(3)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    for network, part in ((deaf, "never called its module"), (flat, "has no Conv2d")):
        said = asked(network)
        assert said.pop("gmi") == "" and all(part in one for one in said.values())


@pytest.mark.parametrize(
    ("attack", "parts"), [(PUBLISHED, {"stage 1": 4}), (JOINT, {"latents": 4}), (AUTHOR, {AUTHORS: 2})]
)
def test_an_attack_tells_of_its_own_steps_and_of_no_control_s(attack, parts, tmp_path):
    own, heard, shown = material(leaks=True), {}, []

    def step(part, step, loss, terms):
        heard[part] = step + 1
        assert np.isfinite(loss) and terms

    work = Work(SEEDS, tmp_path, prior=own.prior, step=step, tuned=lambda *told: shown.append(told))
    settings = Tiny().changed(author={"steps": 2, "batch": 4, "strip": 2})
    attack.run(SeenWeights(own.candidates, own.target), None, settings, work)
    assert heard == parts
    assert [(sorted(images), off) for images, off in shown] == (
        [] if attack is JOINT else [(sorted({0, 1, 2, *parts.values()}), None)]
    )


def test_controls_that_were_drawn_are_not_drawn_again(tmp_path):
    own, known = material(leaks=True), torch.full((3, 1, SIDE, SIDE), 0.5)
    work = Work(SEEDS, tmp_path, prior=own.prior, controls={"gmi": known, "of another attack": known})
    (claim,) = JOINT.run(SeenWeights(own.candidates, own.target), None, Tiny(), work)
    assert list(claim.controls) == ["prior", "gmi"] and claim.controls["gmi"] is known
    assert len(claim.controls["prior"]) == 40


@pytest.mark.parametrize("attack", LISTED, ids=lambda attack: attack.name)
def test_what_a_network_returns_is_read_as_its_owner_said(attack, tmp_path):
    """A record of probabilities, as of logits alone."""

    class Record(nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, images):
            return {"out": self.network(images).softmax(1)}

    own = material(leaks=True)
    recorded = Audited(Record(own.target.module), OutputHead("classification", "softmax", 2, True))
    drawn = []
    for target in (own.target, recorded):
        assert attack.applies(target, own.candidates, None) == ""
        work = Work(SEEDS, tmp_path, prior=own.prior)
        (claim,) = attack.run(SeenWeights(own.candidates, target), None, Tiny(), work)
        drawn.append(claim.images)
        assert next(iter(claim.controls)) == "prior"
    # Adam makes a step of every gradient, also of one that is nothing but rounding.
    assert (drawn[0] - drawn[1]).abs().mean() < 5e-3


def test_a_prior_is_brought_with_what_normalises_images(tmp_path):
    save_prior(tmp_path / "prior.safetensors", Prior(Generator(8, (8, 8, 8), 16).eval()))
    images = material(leaks=True).images
    brought = bring_prior(tmp_path / "prior.safetensors", images, INPUT.mean, INPUT.std, "data()")
    assert brought.input_range == INPUT and len(brought.digest) == 64
    grey = brought.grey(images)
    assert grey.shape == (MEMBERS + OTHERS, 1, SIDE, SIDE) and 0 <= grey.min() < grey.max() <= 1
    assert torch.allclose(INPUT(grey), torch.stack(images.images), atol=1e-4)
    with pytest.raises(RemnantError, match=r"images of data\(\) reach from -\d.* give the mean and std"):
        bring_prior(tmp_path / "prior.safetensors", images, (0.0,), (1.0,), "data()")
    volumes = Images((torch.rand(1, 4, 4, 4),), None, ("a",))
    assert bring_prior(tmp_path / "prior.safetensors", volumes, (0.0,), (1.0,), "data()") is None


@pytest.mark.parametrize(
    ("part", "work"),
    [
        ("prior", lambda one: one.candidates),
        ("gmi", lambda one: one.gmi.images * one.gmi.steps),
        ("pixels by class", lambda one: one.pixels.images * one.pixels.steps),
        ("joint", lambda one: one.joint.images * one.joint.steps),
        ("published", lambda one: 7 * one.manifold.steps + one.candidates),
        ("author", lambda one: 7 * one.author.steps + one.candidates),
        ("per_class", lambda one: 7 * one.manifold.steps + one.candidates),
    ],
)
def test_what_it_takes_is_told_by_a_few_steps(monkeypatch, part, work):
    made = []

    def clock(run, times=2):
        run()
        return 5 + work(made[-1])

    monkeypatch.setattr("remnant.attacks.checkpoint.costs.timed", clock)
    settings = ListedSettings()
    told = seconds_of(part, settings, made.append, classes=3)
    assert 1 <= told / work(settings) < 1.4
    assert max(map(work, made)) < work(settings) / 10


@pytest.mark.parametrize("attack", LISTED, ids=lambda attack: attack.name)
def test_what_it_takes_holds_the_controls_and_is_told_quickly(attack, tmp_path, monkeypatch):
    own, told = material(leaks=True), []
    monkeypatch.setattr("remnant.attacks.checkpoint.audited.seconds_of", lambda part, *given: told.append(part) or 2.0)
    work = Work(SEEDS, tmp_path, prior=own.prior)
    cost = attack.cost(SeenWeights(own.candidates, own.target), None, Tiny(), work)
    (claim,) = attack.run(SeenWeights(own.candidates, own.target), None, Tiny(), work)
    assert told == [attack.name, *claim.controls] and cost == 2.0 * len(told)
    # What another attack drew of the same target is not drawn again.
    known = replace(work, controls=dict.fromkeys(claim.controls))
    assert attack.cost(SeenWeights(own.candidates, own.target), None, Tiny(), known) == 2.0


def test_what_it_takes_to_compare_candidates_is_counted(monkeypatch):
    own = material(leaks=True)
    assert comparing(own) > 0
    monkeypatch.setattr("remnant.audit.cells.beyond.comparing", lambda material: 7.0)
    attack = replace(JOINT, cost=lambda *given: 2.0)
    (piece,) = forecast(own, AuditConfig(), [attack])
    assert piece.seconds == 9.0 and not piece.always
    # Of each of 2000 candidates and of every image, in two spaces.
    assert piece.bytes == 2 * 2000 * (MEMBERS + OTHERS) * 4
