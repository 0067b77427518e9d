import inspect

import pytest
import torch

from remnant.attacks.checkpoint.joint import JointSettings
from remnant.attacks.checkpoint.latent_search import GmiSettings
from remnant.attacks.checkpoint.manifold import ManifoldSettings
from remnant.attacks.checkpoint.methods import METHODS, AttackUnderWay, MethodSettings, Own
from remnant.attacks.checkpoint.pixels import PixelSettings
from remnant.attacks.checkpoint.probes import batch_norms
from remnant.base.seeds import Seeds
from remnant.targets.access import weights_of

SHORT = MethodSettings(
    candidates=6,
    manifold=ManifoldSettings(steps=2, learning_rate=1e-3, batch=2),
    pixels=PixelSettings(images=4, side=16, steps=2),
    gmi=GmiSettings(images=4, steps=2),
    joint=JointSettings(sets=(2, 4), steps=2),
)


@pytest.fixture
def attack(tiny, input_range, images):
    def on(kind, report=lambda *said: None, settings=SHORT):
        own = Own(tiny.generator(), tiny.discriminator(), images)
        return AttackUnderWay(own, weights_of(getattr(tiny, kind)()), input_range, settings, Seeds(0), report)

    return on


def possible(access):
    return {name for name, method in METHODS.items() if not method.batch_norm or batch_norms(access.target)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_every_method_gives_images_and_repeats(attack, kind):
    for name in possible(attack(kind).access):
        method, said = METHODS[name], []
        drawn = []
        for _ in range(2):
            this = attack(kind, lambda *line, said=said: said.append(line))
            drawn.append(method.draw(this, method.tune(this)))
        images = drawn[0].images
        assert images.shape in ((6, 1, 16, 16), (4, 1, 16, 16)) and images.dtype == torch.float32
        assert images.min() >= 0 and images.max() <= 1 and not images.requires_grad
        assert torch.equal(images, drawn[1].images)
        assert drawn[0].scores is None or drawn[0].scores.shape == (len(images),)
        assert bool(said) == (name != "prior")


def test_an_attack_holds_access_and_the_attacker_s_own_and_nothing_else():
    assert list(inspect.signature(AttackUnderWay).parameters) == [
        "own",
        "access",
        "input_range",
        "settings",
        "seeds",
        "report",
    ]
    assert list(inspect.signature(Own).parameters) == ["generator", "discriminator", "images"]


def test_methods_differ_from_each_other(attack):
    drawn = {}
    for name in ("prior", "published", "per_class"):
        this = attack("vit")
        drawn[name] = METHODS[name].draw(this, METHODS[name].tune(this)).images
    names = list(drawn)
    for i, name in enumerate(names):
        for other in names[:i]:
            assert not torch.equal(drawn[name], drawn[other]), (name, other)


def test_one_stage_1_serves_the_methods_that_share_it(attack):
    assert METHODS["joint"].tune is METHODS["pixels"].tune is METHODS["prior"].tune
    tuned, again = (METHODS["published"].tune(attack("cnn")) for _ in range(2))
    assert torch.equal(again[0].generator.linear.weight, tuned[0].generator.linear.weight)


def test_a_generator_for_each_class(attack):
    said = []
    tuned = METHODS["per_class"].tune(attack("cnn", lambda *line: said.append(line)))
    assert len(tuned) == 2 and {line[0] for line in said} == {"stage 1, class 0", "stage 1, class 1"}


def test_sets_are_searched_where_statistics_are_stored(attack):
    assert possible(attack("cnn").access) == set(METHODS)
    assert set(METHODS) - possible(attack("vit").access) == {"joint"}
