import math

import numpy as np
import pytest
import torch

from remnant.attacks.checkpoint import terms
from remnant.attacks.checkpoint.probes import Moments


def rand(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def attention(*shape):
    return (4 * rand(*shape)).softmax(-1)


def test_moments_are_compared_channel_by_channel_and_layer_by_layer():
    found, wanted = [[Moments(rand(c, seed=s), rand(c, seed=s + 1)) for c in (3, 5)] for s in (0, 7)]
    expected = 0.0
    for (mean, variance), (other_mean, other_variance) in zip(found, wanted, strict=True):
        for c in range(len(mean)):
            expected += ((mean[c] - other_mean[c]) ** 2 + (variance[c] - other_variance[c]) ** 2).item() / len(mean)
    assert terms.moments_term(found, wanted).item() == pytest.approx(expected)
    assert terms.moments_term(wanted, wanted).item() == 0


def test_standardised_moments_are_in_units_of_what_a_channel_varies():
    found, wanted, epsilon = Moments(rand(3), rand(3, seed=1)), Moments(rand(3, seed=2), rand(3, seed=3)), 0.1
    unit = wanted.variance + epsilon
    expected = ((found.mean - wanted.mean) ** 2 / unit + ((found.variance - wanted.variance) / unit) ** 2).mean()
    torch.testing.assert_close(terms.standardised_moments_term([found], [wanted], [epsilon]), expected)
    twice = terms.standardised_moments_term([found, found], [wanted, wanted], [epsilon, epsilon])
    torch.testing.assert_close(twice, 2 * expected)
    # Ten times the numbers, ten times the scale: nothing changes.
    larger = [Moments(10 * moments.mean, 100 * moments.variance) for moments in (found, wanted)]
    scaled = terms.standardised_moments_term([larger[0]], [larger[1]], [100 * epsilon])
    torch.testing.assert_close(scaled, expected)


def test_moments_of_images_alone_give_a_number_each():
    alone = [Moments(rand(4, c), rand(4, c, seed=1)) for c in (3, 5)]
    wanted = [Moments(rand(c, seed=2), rand(c, seed=3)) for c in (3, 5)]
    expected = [terms.moments_term([Moments(m[i], v[i]) for m, v in alone], wanted) for i in range(4)]
    torch.testing.assert_close(terms.moments_term(alone, wanted), torch.stack(expected))


def test_a_late_layer_is_pushed_to_unit_variance_and_off_zero_mean():
    def value(mean, variance):
        return terms.late_features_term(Moments(torch.tensor([mean]), torch.tensor([variance]))).item()

    assert value(0.0, 1.0) == pytest.approx(1) and value(0.5, 2.0) == pytest.approx(1 + math.exp(-0.25))
    assert value(-2.0, 1.0) < value(-1.0, 1.0) < value(0.1, 1.0) and value(1.0, 0.5) > value(1.0, 1.0)


def test_one_logit_goes_through_one_sigmoid():
    logits, classes = torch.tensor([[2.0], [2.0], [-1.0]]), torch.tensor([1, 0, 0])
    probability = 1 / (1 + np.exp([-2.0, -2.0, 1.0]))
    expected = -np.log([probability[0], 1 - probability[1], 1 - probability[2]])
    np.testing.assert_allclose(terms.logits_term(logits, classes), expected, rtol=1e-6)
    two = torch.cat([torch.zeros(3, 1), logits], 1)
    torch.testing.assert_close(terms.logits_term(two, classes), terms.logits_term(logits, classes))
    np.testing.assert_allclose(terms.likeliest_class_term(logits), expected[[0, 0, 2]], rtol=1e-6)
    torch.testing.assert_close(terms.likeliest_class_term(two), terms.likeliest_class_term(logits))


def test_attention_entropy_by_brute_force():
    layers = [attention(2, 3, 4, 4), attention(2, 1, 5, 5)]
    for i in range(2):
        entropies = [
            np.mean([-sum(p * math.log(p) for p in row) for row in layer[i].double().flatten(0, 1).tolist()])
            for layer in layers
        ]
        assert terms.attention_entropy_term(layers)[i].item() == pytest.approx(np.mean(entropies), abs=1e-6)


def test_attention_that_looks_at_one_token_has_no_entropy_and_none_of_it_is_nan():
    sharp = torch.eye(4).expand(1, 2, 4, 4).clone().requires_grad_(True)
    value = terms.attention_entropy_term([sharp])
    value.sum().backward()
    assert value.item() == pytest.approx(0, abs=1e-6) and sharp.grad.isfinite().all()
    assert terms.attention_entropy_term([torch.full((1, 2, 4, 4), 0.25)]).item() == pytest.approx(math.log(4), rel=1e-5)


def test_head_similarity_by_brute_force():
    layer = attention(2, 3, 4, 4)
    for i in range(2):
        flat = layer[i].flatten(1).numpy()
        pairs = [
            flat[a] @ flat[b] / np.linalg.norm(flat[a]) / np.linalg.norm(flat[b])
            for a in range(3)
            for b in range(3)
            if a != b
        ]
        assert terms.head_similarity_term([layer])[i].item() == pytest.approx(np.mean(pairs), rel=1e-5)
    same = layer[:, :1].expand(-1, 3, -1, -1)
    torch.testing.assert_close(terms.head_similarity_term([same]), torch.ones(2))
    assert terms.head_similarity_term([layer[:, :1]]).tolist() == [pytest.approx(0, abs=1e-6)] * 2


def test_class_token_and_total_variation():
    assert terms.class_token_term(torch.tensor([[3.0, 4.0]])).item() == 5
    step = torch.zeros(1, 1, 4, 4)
    step[..., 2:] = 0.5
    assert terms.total_variation_term(torch.cat([step, step * 2])).tolist() == [2.0, 4.0]
    assert terms.total_variation_term(step.transpose(2, 3)).item() == 2.0


def test_weights_add_up():
    weights = terms.TermWeights(batch_norm=2.0, logits=0.5)
    values = {"batch_norm": torch.tensor(3.0), "logits": torch.tensor(4.0), "total_variation": torch.tensor(1e5)}
    assert weights.total(values).item() == pytest.approx(6 + 2 + 1)
    assert terms.TermWeights().resolved() == {
        **dict.fromkeys(
            (
                "batch_norm",
                "late_features",
                "logits",
                "layer_norm",
                "class_token",
                "attention_entropy",
                "head_similarity",
            ),
            1.0,
        ),
        "total_variation": 1e-5,
    }
