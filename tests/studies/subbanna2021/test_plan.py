import pytest

from remnant.studies.subbanna2021.experiments import EXPERIMENTS, TARGETS
from remnant.studies.subbanna2021.plan import cells_of
from remnant.studies.subbanna2021.settings import preset


def cells(**changes):
    return {cell.name: cell for cell in cells_of(preset("smoke").changed(networks=["unet"], **changes))}


def test_an_experiment_waits_for_the_networks_that_it_needs():
    found = cells(experiments=["default", "surrogate", "deep_grey"])
    assert len(found) == 3 * (3 + 3) + 3 * 2 + 2
    assert found["attack-unet-fold1-surrogate"].needs == ("segmenter-unet-fold1", "segmenter-unet-fold1-surrogate")
    assert found["attack-unet-fold1-deep_grey"].needs == ("segmenter-unet-fold1-deep_grey",)
    assert all(need in found for cell in found.values() for need in cell.needs)
    # A target that several experiments share is trained once, and none that no experiment needs.
    assert sorted(cells(experiments=["default", "published"])) == sorted(
        [f"segmenter-unet-fold{fold}" for fold in range(3)]
        + [f"attack-unet-fold{fold}-{name}" for fold in range(3) for name in ("default", "published")]
        + [f"membership-unet-fold{fold}" for fold in range(3)]
        + ["blind-standard"]
    )


def test_the_swapped_design_has_two_folds():
    assert len(cells(experiments=["default"], design="swap")) == 2 * 3 + 1


def test_every_target_is_asked_who_trained_it_but_not_the_attackers_own():
    found = cells(experiments=["default", "surrogate", "overfit"])
    asked = sorted(name for name in found if name.startswith(("membership", "blind")))
    assert asked == sorted(
        [f"membership-unet-fold{fold}{kind}" for fold in range(3) for kind in ("", "-overfit")]
        + ["blind-standard", "blind-overfit"]
    )
    assert found["membership-unet-fold1-overfit"].needs == ("segmenter-unet-fold1-overfit",)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_names_targets_that_are_there_with_a_recipe(name):
    experiment = EXPERIMENTS[name]
    for target in filter(None, (experiment.target, experiment.encoder)):
        assert getattr(preset("cpu"), TARGETS[target].settings).fit.epochs > 0
    assert getattr(preset("cpu"), experiment.decoder)
