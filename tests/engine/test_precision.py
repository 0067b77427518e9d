"""Somebody else's training, in the precision of its device: what he chose stays, and what comes out is as good."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.audit.shadowing import by_heart, own

from remnant.base.seeds import Seeds
from remnant.engine.device import fabric
from remnant.engine.precision import fast_products


@pytest.fixture
def matrix_units(monkeypatch):
    """As on a CPU whose matrix units take bfloat16."""
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: True)
    fabric.cache_clear()
    yield
    fabric.cache_clear()


def product():
    return torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3)).dtype


def test_a_gpu_multiplies_faster_unless_somebody_chose(monkeypatch):
    for there, chosen, inside in ((True, "highest", "high"), (True, "medium", "medium"), (False, "highest", "highest")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        torch.set_float32_matmul_precision(chosen)
        try:
            with pytest.raises(ValueError, match="from within"), fast_products(bfloat16=False):
                assert torch.get_float32_matmul_precision() == inside
                raise ValueError("from within")
            assert torch.get_float32_matmul_precision() == chosen
        finally:
            torch.set_float32_matmul_precision("highest")


def test_bfloat16_is_by_request_and_where_it_pays(matrix_units):
    with fast_products(bfloat16=False):
        assert product() == torch.float32
    with fast_products(bfloat16=True):
        assert product() == torch.bfloat16
        # Whoever casts himself is not cast.
        with torch.autocast("cpu", enabled=False):
            assert product() == torch.float32
    assert product() == torch.float32


def test_where_it_does_not_pay_nothing_is_cast(float32):
    with fast_products(bfloat16=True):
        assert product() == torch.float32


def test_networks_that_are_trained_in_bfloat16_know_their_patients_as_well(matrix_units):
    cohort = own(by_heart, leaks=False)
    half = {patient for i, patient in enumerate(cohort.roles) if i % 2}
    losses = {}
    for bfloat16 in (False, True):
        training = replace(cohort.training, bfloat16=bfloat16)
        network = training(cohort.target, cohort.candidates, half, Seeds(0))
        assert {weight.dtype for weight in network.module.parameters()} == {torch.float32}
        answers = torch.stack([logits for _, logits in network.answers(cohort.candidates)])
        truth = torch.tensor(cohort.candidates.labels)
        loss = torch.nn.functional.cross_entropy(answers, truth, reduction="none").numpy()
        inside = np.array([patient in half for patient in cohort.candidates.patients])
        losses[bfloat16] = loss[inside].mean(), loss[~inside].mean()
    own_loss, others = losses[False]
    assert losses[True] != losses[False]
    assert losses[True][0] == pytest.approx(own_loss, rel=0.1) and losses[True][1] == pytest.approx(others, rel=0.1)
    assert own_loss < 0.1 < others
