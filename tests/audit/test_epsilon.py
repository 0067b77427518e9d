"""What an audit says of epsilon, of trainings whose epsilon is known: DP-SGD keeps to it, and the same without noise does not."""

import numpy as np
import pytest
import torch
from tests.defenses.test_dp_sgd import OPACUS
from torch import nn
from torch.nn import functional

from remnant.attacks.membership.output import MARGIN, OUTPUT
from remnant.attacks.membership.signals import signed_margin
from remnant.audit.cells.model_cells import access_of
from remnant.audit.findings.epsilon_rows import METHODS, SECTION, epsilon_rows
from remnant.audit.findings.rows import ScoredPatients
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.defenses.dp_sgd import DpSgdSettings, DpSgdSteps, Guarantee, guarantee, privatise
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.targets.audited import Audited
from remnant.targets.classifier import train_classifier
from remnant.targets.head import OutputHead
from remnant.targets.inputs import InputRange
from remnant.targets.recipes import Batch, ClassifierSettings

HALF = 60


def claim(scores, primary=True, patients=2 * HALF):
    roles = np.where(np.arange(patients) < patients // 2, MEMBER, NON_MEMBER)
    return ScoredPatients("a", "v", tuple(map(str, range(patients))), np.asarray(scores, float), roles, primary)


def lows(claims):
    return {row["method"]: row["epsilon_low"] for row in epsilon_rows(claims, np.random.default_rng(0))}


def test_a_row_a_method_of_what_was_named_before_the_run():
    rows = epsilon_rows(
        [claim(-np.arange(2 * HALF)), claim(np.arange(2 * HALF), primary=False)], np.random.default_rng(0)
    )
    assert [row["method"] for row in rows] == [*METHODS] and {row["patients"] for row in rows} == {2 * HALF}
    assert all(row["epsilon_low"] == row["epsilon_high"] > 1.5 for row in rows)
    assert {*SECTION.table.columns} <= {*rows[0]} and SECTION.table.name == "epsilon"
    several = claim(np.zeros((2, 2 * HALF)))
    assert epsilon_rows([several], np.random.default_rng(0)) == []


def linear(told, seed):
    """Scores of members and of others by a linear classifier of noise with labels by chance, its steps as `told`: of its answers,
    and of how far its weights lie in the direction of each."""
    draw = torch.Generator().manual_seed(seed)
    images, truth = torch.randn(2 * HALF, 400, generator=draw), torch.randint(0, 2, (2 * HALF,), generator=draw).float()
    torch.manual_seed(seed)
    network = nn.Linear(400, 1)
    first = network.weight.detach().clone()
    steps, optimiser = DpSgdSteps(told, HALF, Seeds(seed)), torch.optim.SGD(network.parameters(), lr=0.5)

    def loss(net, batch):
        return functional.binary_cross_entropy_with_logits(net(batch.images).squeeze(1), batch.truth)

    for _ in range(told.steps):
        steps.learn(network, [Batch(images[i, None], truth[i, None]) for i in steps.draw()], loss)
        optimiser.step()
    with torch.no_grad():
        margins = signed_margin(network(images), truth[:, None].numpy())
        along = (images @ (network.weight - first)[0]) * (2 * truth - 1)
    return margins, along.numpy()


@OPACUS
def test_a_guarantee_is_not_exceeded_and_the_same_training_without_noise_is_far_beyond_it():
    told = guarantee(DpSgdSettings(epsilon=1.0, delta=1e-3), HALF, 0.5, 24)
    bare = Guarantee(told.epsilon, told.delta, 0.0, told.share, told.steps, 100.0, told.accountant, True)
    for seed in range(5):
        for scores in linear(told, seed):
            found = lows([claim(scores)])
            assert max(found.values()) <= told.epsilon, found
    for scores in linear(bare, 0):
        assert min(lows([claim(scores)]).values()) > told.epsilon


@OPACUS
@pytest.mark.slow
def test_it_is_so_of_a_residual_network():
    """ResNet18 on noise with labels by chance: the plain training learns it by heart."""
    draw = torch.Generator().manual_seed(0)
    images = torch.rand(2 * HALF, 1, 32, 32, generator=draw)
    labels = torch.arange(2 * HALF) % 2
    table = Images(images, labels, tuple(f"p{i}" for i in range(2 * HALF)))
    groups = table.take(range(HALF)), table.take(range(HALF, 2 * HALF))
    settings = ClassifierSettings(
        arguments={"width": 16}, input_range=InputRange(32), batch=30, epochs=60, learning_rate=3e-3
    )
    dp = DpSgdSettings(epsilon=1.0, delta=1e-3)
    found = {}
    for name, recipe in (("plain", settings.recipe), ("private", privatise(settings.recipe, dp))):
        trained = train_classifier(*groups, settings, Seeds(0), recipe=recipe)
        target = Audited(
            trained.model,
            OutputHead("classification", "sigmoid", 1, False),
            lambda batch, m=trained.model: m(settings.input_range(batch)),
        )
        asked = Images(tuple(images), tuple(label[None].float() for label in labels), table.patients)
        # Of noise a shifted image is another one.
        claims = {one.view: one for one in OUTPUT.run(access_of(OUTPUT, target, asked), None, OUTPUT.settings(), None)}
        found[name] = lows([claim(claims[MARGIN].scores)])
    assert max(found["private"].values()) <= dp.epsilon < min(found["plain"].values()), found
