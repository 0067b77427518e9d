"""A gallery that is searched in blocks: the ranks of the whole, and no more in memory than a block of pairs."""

import numpy as np
import pytest
import torch
from benchmarks.gallery_scale import line_of

from remnant.attacks.attack import Reconstructions
from remnant.audit.findings import identified
from remnant.audit.findings.identified import ranking_of, search_of
from remnant.base.errors import RemnantError
from remnant.cohort.images import Images
from remnant.measure import blocks
from remnant.measure.blocks import images_a_block, ranked_in_blocks
from remnant.measure.identity import Search


def people(n, side=6, seed=0, noise=1.0):
    """Images (n, 1, side, side, side) and noisy ones of the same people; two of them are twins, so that there are ties."""
    drawing = torch.Generator().manual_seed(seed)
    images = torch.rand(n, 1, side, side, side, generator=drawing)
    images[n // 2] = images[1]
    return images, images + noise * torch.randn(images.shape, generator=drawing)


def of(images, drawn):
    names = tuple(f"p{i}" for i in range(len(images)))
    return Reconstructions("latents", names, drawn, images.mean(0)), Images(images, None, names)


@pytest.mark.parametrize("block", [1, 7, 16, 37, 100])
def test_blocks_rank_as_the_whole_does(block):
    random = np.random.default_rng(block)
    scores, own = random.random((37, 41)), random.permutation(41)[:37]
    scores[:, 5] = scores[:, 6]
    scores[3, own[3]] = scores[3].max() + 1
    whole = Search(scores, own)
    found = ranked_in_blocks(lambda rows, columns: scores[rows, columns], own, 41, block)
    assert np.array_equal(found.ranks, whole.ranks) and np.array_equal(found.sizes, whole.sizes)
    for name in ("gallery", "count", "chance", "p", "mean_rank", "chance_mean_rank"):
        assert getattr(found, name) == getattr(whole, name)
    assert found.rank1(0.9) == whole.rank1(0.9) and found.count > 0


def test_the_search_of_an_audit_is_that_of_the_whole_matrix(monkeypatch):
    claim, gallery = of(*people(40))
    whole = search_of(claim, gallery)
    # Twins are alike, so that neither is first alone.
    assert 1 < whole.count < 40 and {1.5, 2.5} & {*whole.ranks}
    for bytes_a_block, fewest in ((1, 7), (1, 1), (2**30, 32)):
        monkeypatch.setattr(blocks, "BLOCK_BYTES", bytes_a_block)
        monkeypatch.setattr(blocks, "FEWEST_IN_BLOCK", fewest)
        assert np.array_equal(ranking_of(claim, gallery).ranks, whole.ranks)


def test_reconstructions_in_another_order_find_their_own():
    claim, gallery = of(*people(9, noise=0.01))
    order = [4, 3, 2, 1, 0, 8, 7, 6, 5]
    turned = Reconstructions("latents", tuple(claim.patients[i] for i in order), claim.images[order], claim.mean)
    assert np.array_equal(ranking_of(turned, gallery).ranks, ranking_of(claim, gallery).ranks)
    assert ranking_of(turned, gallery).count == 7


def test_no_more_than_a_block_is_looked_at_a_time(monkeypatch):
    asked = []
    plain = identified.similarities

    def watched(drawn, gallery, mean):
        asked.append((len(drawn), len(gallery)))
        return plain(drawn, gallery, mean)

    monkeypatch.setattr(identified, "similarities", watched)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8 * 6**3 * 40)
    ranking_of(*of(*people(100)))
    assert max(max(sides) for sides in asked) == 40 and sum(a * b for a, b in asked) == 100**2
    assert images_a_block(6**3) == 40 and images_a_block(10**9) == blocks.FEWEST_IN_BLOCK


def test_equals_in_two_blocks_are_equal_though_sums_differ_in_the_last_place():
    def scores(rows, columns):
        found = np.full((rows.stop - rows.start, columns.stop - columns.start), 0.3)
        return found if columns.start == 0 else np.nextafter(found, 1)

    assert ranked_in_blocks(scores, np.zeros(2, int), 4, 2).ranks.tolist() == [2.5, 2.5]


def test_a_score_that_is_no_number_is_refused():
    with pytest.raises(RemnantError, match="NaN"):
        ranked_in_blocks(lambda rows, columns: np.full((2, 2), np.nan), np.arange(2), 2, 2)


def test_a_large_gallery_tells_how_far_it_is(monkeypatch, capsys):
    claim, gallery = of(*people(12, noise=0.01))
    images, level = {"inversion": [claim]}, {("inversion", "latents", ""): 0.05}
    identified.identification_rows(images, gallery, level, quiet=False)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(identified, "LARGE", 12)
    identified.identification_rows(images, gallery, level)
    assert capsys.readouterr().err == ""
    identified.identification_rows(images, gallery, level, quiet=False)
    assert "searching the gallery 1/1" in capsys.readouterr().err


def test_the_line_of_seconds_holds_what_it_was_drawn_from():
    sizes = np.array([300, 300, 1000, 1000, 3000])
    pairs = sizes.astype(float) ** 2
    exact = line_of(pairs, 1e-6 * pairs, (10_000,))
    assert exact["slope"] == pytest.approx(1) and exact["predicted"][0]["seconds"] == pytest.approx(100)
    random, held = np.random.default_rng(0), [0, 0]
    for _ in range(400):
        noise = np.exp(0.1 * random.standard_normal(len(pairs) + 1))
        found = line_of(pairs, 1e-6 * pairs * noise[1:], (10_000,))
        held[0] += found["low"] <= 1 <= found["high"]
        ahead = found["predicted"][0]
        held[1] += ahead["low"] <= 100 * noise[0] <= ahead["high"] and not ahead["measured"]
    # 95% of 400, give or take three standard deviations.
    assert all(367 <= count <= 393 for count in held)
    assert line_of([9e4], [1.0]) == {"searches": 1}
