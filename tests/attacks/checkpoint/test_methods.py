import inspect

import pytest
import torch

from remnant.attacks.checkpoint.joint import JointSettings
from remnant.attacks.checkpoint.latent_search import GmiSettings, RefineSettings
from remnant.attacks.checkpoint.likely import rank, score
from remnant.attacks.checkpoint.manifold import ManifoldSettings
from remnant.attacks.checkpoint.methods import METHODS, Attack, AttackSettings, Own, unmet
from remnant.attacks.checkpoint.pixels import PixelSettings
from remnant.attacks.checkpoint.stationarity import StationaritySettings
from remnant.base.seeds import Seeds
from remnant.targets.access import weights_of

SHORT = AttackSettings(
    candidates=6,
    manifold=ManifoldSettings(steps=2, learning_rate=1e-3, batch=2),
    pixels=PixelSettings(images=4, side=16, steps=2),
    gmi=GmiSettings(images=4, steps=2),
    joint=JointSettings(sets=(2, 4), steps=2),
    refine=RefineSettings(steps=2, images=4),
    stationarity=StationaritySettings(images=4, steps=2),
)


@pytest.fixture
def attack(tiny, input_range, images):
    def on(kind, report=lambda *said: None, settings=SHORT):
        own = Own(tiny.generator(), tiny.discriminator(), images)
        return Attack(own, weights_of(getattr(tiny, kind)()), input_range, settings, Seeds(0), report)

    return on


def possible(access, discriminator=True, images=True):
    return {name for name, lacking in unmet(access, discriminator=discriminator, images=images).items() if not lacking}


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
    assert list(inspect.signature(Attack).parameters) == [
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
    for name in ("prior", "published", "realism", "per_class", "refine", "layernorm_public"):
        this = attack("vit")
        drawn[name] = METHODS[name].draw(this, METHODS[name].tune(this)).images
    names = list(drawn)
    for i, name in enumerate(names):
        for other in names[:i]:
            assert not torch.equal(drawn[name], drawn[other]), (name, other)


def test_one_stage_1_serves_the_methods_that_share_it(attack):
    this = attack("cnn")
    tuned = METHODS["published"].tune(this)
    for name in ("refine", "stationarity"):
        assert METHODS[name].tune is METHODS["published"].tune
        again = METHODS[name].tune(attack("cnn"))
        assert torch.equal(again[0].generator.linear.weight, tuned[0].generator.linear.weight)


def test_a_generator_for_each_class(attack):
    said = []
    tuned = METHODS["per_class"].tune(attack("cnn", lambda *line: said.append(line)))
    assert len(tuned) == 2 and {line[0] for line in said} == {"stage 1, class 0", "stage 1, class 1"}


def test_what_the_attacker_lacks_it_cannot_use(attack):
    cnn, vit = attack("cnn"), attack("vit")
    assert set(METHODS) - possible(cnn.access) == {"layernorm_public"}
    assert set(METHODS) - possible(vit.access) == {"joint"}
    assert set(METHODS) - possible(vit.access, images=False) == {"joint", "layernorm_public"}
    assert set(METHODS) - possible(vit.access, discriminator=False) == {"joint", "realism"}


def test_the_best_candidates_are_refined(attack):
    """With a rate at which nothing moves they come out as they were drawn."""
    still = SHORT.changed(refine=RefineSettings(steps=1, learning_rate=1e-9, images=2))
    this = attack("cnn", settings=still)
    tuned = METHODS["refine"].tune(this)
    drawn = METHODS["published"].draw(this, tuned).images
    best = rank(score(drawn, this.goals, still.likely), still.likely.q).order[:2]
    torch.testing.assert_close(METHODS["refine"].draw(this, tuned).images, drawn[best.copy()])
