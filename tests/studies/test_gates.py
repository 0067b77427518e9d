"""Each gate stays shut when its rule is broken, and opens when it holds."""

import math

import pytest

from remnant.measure.intervals import FEWEST_PATIENTS
from remnant.studies.gates import (
    Gate,
    concluded,
    enough_patients,
    full_preset,
    loss_fell,
    positive_control,
    prior_alike,
)

GOOD = {"source": "public", "typical": 0.8, "varied": True, "alike": True}


def test_an_exposure_proves_itself_and_silence_does_not():
    def gates(targets):
        return [Gate("silent"), None, Gate("void", "everything")]

    assert concluded(gates, ["cnn"], []) == (["silent", "void"], [])
    assert concluded(gates, ["cnn"], ["cnn"]) == (["void"], [])
    assert concluded(lambda targets: [None], ["cnn"], []) == ([], [])


def test_one_exposed_target_proves_nothing_of_the_silence_of_others():
    def gates(targets):
        return [Gate(f"closed for {target}") if target != "cnn" else None for target in targets]

    told = concluded(gates, ["unet", "cnn", "vit", "segnet"], ["segnet"])
    assert told.no_conclusion == []
    assert told.left_open[0].startswith("No conclusion about U-Net; CNN; ViT:") and "SegNet" not in told.left_open[0]
    assert told.left_open[1:] == ["closed for unet", "closed for vit"]
    # What is open for all who are silent, or closed for the exposed alone, leaves nothing open.
    assert concluded(gates, ["cnn", "vit"], ["vit"]) == ([], [])
    # An exposure outside the targets, as of the raw scans, clears none of them.
    assert concluded(gates, ["vit"], ["raw"]).left_open[1:] == ["closed for vit"]
    assert concluded(lambda targets: [Gate("trial", "everything"), Gate("few")], ["cnn", "vit"], ["vit"]) == (
        ["trial"],
        [],
    )


@pytest.mark.parametrize("gate", [enough_patients({}), prior_alike([]), loss_fell({}), loss_fell({"stage 1": []})])
def test_a_gate_that_saw_nothing_stays_shut(gate):
    assert gate and gate.voids == "silence" and "nobody knows" in gate.reason


@pytest.mark.parametrize(("preset", "opens"), [("smoke", False), ("demo", False), ("cpu", True), ("paper", True)])
def test_a_trial_concludes_nothing_whatever_it_found(preset, opens):
    gate = full_preset(preset)
    assert (gate is None) == opens
    assert gate is None or (gate.voids == "everything" and f"'{preset}'" in gate.reason)


def test_a_group_below_ten_patients_clears_nobody():
    assert enough_patients({"members": FEWEST_PATIENTS, "non-members": FEWEST_PATIENTS}) is None
    gate = enough_patients({"members": 6, "non-members": FEWEST_PATIENTS})
    assert gate and gate.voids == "silence" and "6 members" in gate.reason and "non-members" not in gate.reason
    gate = enough_patients({"members (private)": 1, "non-members (private)": 2, "test patients": 1})
    assert gate and gate.reason.startswith(
        "There was only 1 member (private) and 2 non-members (private) and 1 test patient;"
    )


@pytest.mark.parametrize(("seen", "told"), [(False, "did not see"), (None, "no positive control")])
def test_silence_without_a_control_that_was_seen_means_nothing(seen, told):
    assert positive_control(True, "an overfit CNN") is None
    gate = positive_control(seen, "an overfit CNN")
    assert gate and gate.voids == "silence" and told in gate.reason and "an overfit CNN" in gate.reason


@pytest.mark.parametrize(
    ("losses", "opens"),
    [
        ([1.0, 0.5], True),
        ([1.0, 0.96], False),
        ([1.0, 1.2], False),
        ([0.0, 0.0], False),
        ([math.nan, math.nan], False),
        ([-1.0, -2.0], True),
        ([1.0], False),
        ([], False),
        # One lucky step at the end is no learning.
        ([1.0] * 39 + [0.1], False),
    ],
)
def test_a_loss_has_to_fall(losses, opens):
    assert (loss_fell({"stage 1": losses, "other": [2.0, 1.0]}) is None) == opens


def test_what_did_not_learn_is_named():
    gate = loss_fell({name: [1.0, 1.0] for name in "abcde"} | {"f": [2.0, 1.0]})
    assert gate and "a, b, c and 2 more" in gate.reason


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"typical": 0.0, "varied": False, "alike": False}, "same image every time"),
        ({"typical": 0.1, "varied": True, "alike": False}, "10% are as near to a real image (public)"),
    ],
)
def test_a_prior_unlike_the_data_clears_nobody(row, told):
    assert prior_alike([GOOD]) is None
    gate = prior_alike([GOOD, {"source": "public"} | row])
    assert gate and gate.voids == "silence" and told in gate.reason


def test_reasons_are_short_sentences():
    gates = [
        full_preset("smoke"),
        enough_patients({"members": 6, "non-members": 6}),
        positive_control(None, "a CNN trained on a few images for very long"),
        positive_control(False, "a CNN trained on a few images for very long"),
        loss_fell({"stage 1 against the CNN": [1.0, 1.0]}),
        prior_alike([GOOD | {"alike": False}]),
        prior_alike([GOOD | {"alike": False, "varied": False}]),
        enough_patients({}),
        prior_alike([]),
        loss_fell({}),
        loss_fell({"stage 1 against the CNN": [1.0]}),
    ]
    assert all(gate and len(gate.reason.split()) <= 30 and gate.reason.endswith(".") for gate in gates)
