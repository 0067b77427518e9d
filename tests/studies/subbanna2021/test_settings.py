import pytest

from remnant.base.errors import RemnantError
from remnant.studies.subbanna2021 import preset


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"experiments": ["default", "aligned"]}, "uses the decoder of surrogate"),
        ({"experiments": ["default", "stripped"]}, "set skull to true"),
        ({"experiments": ["none"]}, "experiments"),
    ],
)
def test_experiments_that_cannot_be_are_refused_in_a_sentence(changes, wrong):
    with pytest.raises(RemnantError, match=wrong) as refused:
        preset("smoke").changed(**changes)
    assert len(str(refused.value)) < 300


def test_contrasts_run_on_their_networks_alone():
    settings = preset("smoke").changed(experiments=["default", "linear", "surrogate"], contrast_networks=["unet"])
    assert settings.on("unet") == ("default", "linear", "surrogate") and settings.on("segnet") == ("default", "linear")
