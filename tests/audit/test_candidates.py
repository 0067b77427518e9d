"""The audit of what can be drawn from weights: a network that stored its members' statistics gives them away, others do not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.attacks.checkpoint.conftest import SIDE, TinyGenerator
from tests.audit import example
from torch import nn

from remnant.attacks.attack import Work
from remnant.attacks.checkpoint.audited import JOINT, ListedSettings
from remnant.attacks.checkpoint.generate import draw_images
from remnant.attacks.checkpoint.joint import JointSettings
from remnant.attacks.checkpoint.latent_search import GmiSettings
from remnant.attacks.prior import Prior, save_prior
from remnant.attacks.prior.brought import BroughtPrior, bring_prior
from remnant.attacks.registry import all_attacks
from remnant.audit.beyond import gain_rows
from remnant.audit.config import AuditConfig
from remnant.audit.judge import outcome_of
from remnant.audit.kept import Similarities
from remnant.audit.material import Material, roles_of
from remnant.audit.model import attacks_of, audit_model
from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.membership_inference import MEMBER, NON_MEMBER
from remnant.nets.pggan import Generator
from remnant.targets.audited import Audited
from remnant.targets.head import Head
from remnant.targets.inputs import InputRange
from remnant.targets.seen import SeenWeights

MEMBERS, OTHERS, SEEDS = 10, 32, Seeds(0)
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


class Quick(ListedSettings):
    """Some seconds."""

    candidates: int = 200
    joint: JointSettings = JointSettings(sets=(MEMBERS,) * 4, steps=300, logits=0, prior=0)
    gmi: GmiSettings = GmiSettings(images=40, steps=3)


def material(*, leaks, seed=0):
    """A network whose statistics are those of its members, or of people whom nobody audits."""
    draw = torch.Generator().manual_seed(seed)
    count = 2 * MEMBERS + OTHERS
    torch.manual_seed(7)
    generator = TinyGenerator().requires_grad_(False)
    grey = draw_images(generator, torch.randn(count, 4, generator=draw))
    torch.manual_seed(seed)
    network = Wide()
    with torch.no_grad():
        network.train()(INPUT(grey[:MEMBERS] if leaks else grey[-MEMBERS:]))
    names = tuple(f"p{i}" for i in range(MEMBERS + OTHERS))
    images = Images(tuple(INPUT(grey[: len(names)]).clone()), tuple(i % 2 for i in range(len(names))), names)
    roles = roles_of(names, tuple(i < MEMBERS for i in range(len(names))))
    target = Audited(network.eval().requires_grad_(False), Head("classification", "softmax", 2, False))
    return Material(target, images, roles, {"name": "n"}, prior=BroughtPrior(generator, INPUT))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setitem(all_attacks(), "joint", replace(JOINT, settings=Quick))


def audited(tmp_path, own):
    config = AuditConfig.checked(target={"planted_steps": 20})
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        parts = audit_model(run, own, config, quiet=True)
    return [one for one in parts["findings"] if one.attack == "joint"], parts


def test_statistics_of_members_give_them_away_beyond_the_prior_and_the_classes(tmp_path):
    found, parts = audited(tmp_path, material(leaks=True))
    assert [(one.statistic, one.view) for one in found] == [("gain", "in the network's features"), ("gain", "by SSIM")]
    assert {outcome_of(one, parts["controls"]) for one in found} == {"exposed"}
    assert all(one.value > 0.5 and one.n == MEMBERS + OTHERS and one.null == 0 for one in found)
    controls = [(one.kind, one.attack, one.passed) for one in parts["controls"] if one.claim == "candidates"]
    assert controls == [("null", "joint", True), ("planted", "joint", True), ("blind", "", True)]


def test_statistics_of_others_do_not(tmp_path):
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


def test_why_it_is_not_run_is_said():
    own, config = material(leaks=True), AuditConfig()

    def why(one):
        return dict((attack.name, said) for attack, said in attacks_of(one, config))["joint"]

    assert why(own) == ""
    assert why(replace(own, prior=None)) == "no prior was given; `remnant prior train` makes one"
    assert why(example.material(example.Segmenter, leaks=False)) == "it is for classifiers of square 2D images"
    assert why(example.material(example.Classifier, leaks=False)).startswith(
        "the network stores no statistics of BatchNorm"
    )


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


def test_what_it_takes_grows_with_images_and_steps(tmp_path):
    own = material(leaks=True)
    access, work = SeenWeights(own.candidates, own.target), Work(SEEDS, tmp_path, prior=own.prior)
    few, many = (
        JOINT.cost(access, None, Quick(joint=JointSettings(sets=(8,), steps=steps)), work) for steps in (20, 2000)
    )
    assert 10 < many / few < 1000
