from pathlib import Path

import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.case import Cohort
from remnant.cohort.layouts.table import own_scheme
from remnant.studies.subbanna2021 import preset
from remnant.studies.subbanna2021.preparation import with_classes_of


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


def test_a_data_set_s_own_classes_serve_where_it_has_not_the_study_s():
    own = own_scheme({1: "anterior", 2: "posterior"})
    nnunet = Cohort("a", Path("a"), (), {"labels": own})
    assert with_classes_of(nnunet, preset("smoke")).preparation.scheme == "labels"
    both = Cohort("a", Path("a"), (), {"labels": own, "lpba3": own})
    assert with_classes_of(both, preset("smoke")) == preset("smoke")
