import numpy as np
import torch
from scipy.spatial.distance import cosine, pdist

from remnant.attacks.likelihood import VoxelLikelihood
from remnant.base.seeds import Seeds
from remnant.cohort.pairs import draw_pairs


def visits(count, between, within, seed, voxels=5):
    """Three codes (voxels, 1, 1) of each of `count` patients, whose standard deviations are `between` and `within` them."""
    random = np.random.default_rng(seed)
    own = 0.5 + between * random.normal(size=(count, 1, voxels))
    codes = (own + within * random.normal(size=(count, 3, voxels))).reshape(-1, 1, voxels, 1, 1)
    return torch.from_numpy(codes).float(), [f"p{i // 3}" for i in range(3 * count)]


def test_voxels_weigh_what_they_do_in_the_ratio_of_the_two_gaussians():
    """With as many patients as it takes to know the variances: the factor of a product in the log of the two densities."""
    between, within = np.array([0.1, 0.2, 0.3, 0.05, 0.2]), np.array([0.1, 0.1, 0.2, 0.2, 0.3])
    model = VoxelLikelihood(*visits(4000, between, within, 0))
    total = between**2 + within**2
    precisions = [np.linalg.inv([[all_, own], [own, all_]]) for all_, own in zip(total, between**2, strict=True)]
    np.testing.assert_allclose(model.alike, [-precision[0, 1] for precision in precisions], rtol=0.15)
    codes, names = visits(6, between, within, 1)
    pairs = draw_pairs(names, seeds=Seeds(0))
    weighed = (codes.flatten(1) - model.mean) * model.alike.sqrt()
    cosines = [1 - cosine(*weighed[[pair.anchor, pair.other]].numpy()) for pair in pairs]
    np.testing.assert_allclose(model.scores(codes, pairs)[0], cosines, atol=1e-5)


def test_embeddings_keep_the_distances_of_weighed_codes():
    codes, names = visits(20, 0.2, 0.1, 2, voxels=300)
    model = VoxelLikelihood(codes, names)
    _, embeddings = model.scores(codes, draw_pairs(names, seeds=Seeds(0)))
    weighed = (codes.flatten(1) - model.mean) * model.alike.sqrt()
    weighed /= weighed.norm(dim=1, keepdim=True)
    assert embeddings.shape == (60, 60)
    np.testing.assert_allclose(pdist(embeddings), pdist(weighed.double().numpy()), rtol=1e-3)


def test_a_voxel_that_never_differs_says_nothing():
    codes, names = visits(10, 0.2, 0.1, 3)
    codes[:, :, 2] = 0.25
    model = VoxelLikelihood(codes, names)
    assert model.alike[2] < 1e-3 * model.alike.max()


def test_what_hardly_varies_is_not_believed_most():
    """A voxel that differs between patients by a ten-thousandth and never from visit to visit is all signal by itself."""
    codes, names = visits(10, 0.2, 0.1, 4)
    own = torch.linspace(-1, 1, 10).repeat_interleave(3) * 1e-4
    codes[:, 0, 0, 0, 0] = 0.25 + own
    model = VoxelLikelihood(codes, names)
    # Its own noise would be nothing, and its weight a million times that of any other.
    assert model.alike.flatten()[0] < 0.1 * model.alike.max()
