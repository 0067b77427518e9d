"""Attacks by what shadow models fit: each view is its score of the signals that it is of, a mean over a patient's images."""

import numpy as np
import pytest
import torch

from remnant.attacks.attack import Work
from remnant.attacks.membership.bavaria import BAVARIA
from remnant.attacks.membership.hierarchical import HIERARCHICAL
from remnant.attacks.membership.lira import LIRA
from remnant.attacks.membership.parts import BORDER
from remnant.attacks.membership.references import LOSS, MARGIN, queries_of
from remnant.attacks.membership.rmia import RMIA
from remnant.attacks.membership.signals import shifts
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.bavaria import bavaria, bavaria_offline
from remnant.measure.hierarchical import hierarchical
from remnant.measure.image_share import as_one, image_share
from remnant.measure.lira import lira, lira_offline, lira_queries
from remnant.measure.rmia import rmia
from remnant.measure.swaps import dealt_halves
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.seen import SeenOutputs, Shadows

PATIENTS = ("a", "a", "b", "c", "d", "e", "e", "e")


class Slanted(torch.nn.Module):
    """Two outputs a voxel, or of the whole image: what lies in it, weighed by its place so that a shift is seen."""

    def __init__(self, dense):
        super().__init__()
        self.dense, self.weight = dense, torch.nn.Parameter(torch.linspace(0.5, 1.5, 6))

    def forward(self, batch):
        weighed = batch * self.weight
        return (
            torch.cat([-weighed, weighed], dim=1)
            if self.dense
            else weighed.mean((2, 3)).repeat(1, 2) * torch.tensor([-1, 1])
        )


def seen(dense=False):
    draw = torch.Generator().manual_seed(0)
    size = (1, 6, 6, 6) if dense else (1, 6, 6)
    images = tuple(torch.randn(size, generator=draw) for _ in PATIENTS)
    labels = tuple((image[0] > 0).long() for image in images) if dense else (1, 0, 1, 1, 0, 1, 0, 0)
    task = "segmentation" if dense else "classification"
    target = Audited(
        Slanted(dense).requires_grad_(False), OutputHead(task, "softmax", 2, probabilities=False), shadows=8
    )
    candidates = Images(images, labels, PATIENTS)
    fits = queries_of(target.head, candidates, target.answers)
    random = np.random.default_rng(0)
    trained = dealt_halves(5, 4, random)[[0, 0, 1, 2, 3, 4, 4, 4]]
    queries = {
        name: values[:, None] + random.normal(size=(len(PATIENTS), 8, values.shape[1])) + 0.5 * trained[:, :, None]
        for name, values in fits.items()
    }
    return SeenOutputs(candidates, target.head, target.answers, None, shadows=Shadows(PATIENTS, queries, trained)), fits


def ran(attack, access, tmp_path):
    return attack.run(access, None, attack.settings(), Work(Seeds(0), tmp_path))


@pytest.mark.parametrize("dense", [False, True])
def test_queries_are_of_the_image_as_it_is_and_of_its_shifts_with_their_truth(dense):
    access, fits = seen(dense)
    places = list(shifts(access.candidates.spatial))
    for name, values in fits.items():
        assert values.shape == (len(PATIENTS), len(places)) and (name == "Dice" or np.ptp(values, axis=1).min() > 0)
        alone = queries_of(access.head, access.candidates, access.ask, several=False)[name]
        assert np.array_equal(alone, values[:, :1])
    if dense:
        # Every voxel of the truth is where the image is above 0: shifted alike, the segmentation stays right.
        assert (fits["Dice"] == 1).all()


@pytest.mark.parametrize(("dense", "signal"), [(False, MARGIN), (True, LOSS), (True, BORDER)])
def test_every_view_is_its_score(tmp_path, dense, signal):
    access, fits = seen(dense)
    fit, queries, trained = fits[signal], access.shadows.queries[signal], access.shadows.trained
    one, others = fit[:, 0], queries[:, :, 0]
    p = (lambda values: 1 / (1 + np.exp(-values))) if signal == MARGIN else (lambda values: np.exp(-np.exp(-values)))
    share = image_share(queries, trained)
    expected = {
        LIRA: {
            "{}, LiRA online": lira(one, others, trained),
            "{}, LiRA offline": lira_offline(one, others, trained),
            "{} over shifts, LiRA online": lira_queries(fit, queries, trained),
        },
        RMIA: {
            "{}, RMIA online": rmia(p(one), p(others), trained, online=True),
            "{}, RMIA offline": rmia(p(one), p(others), trained, online=False),
        },
        BAVARIA: {
            "{}, BaVarIA online": bavaria(one, others, trained),
            "{}, BaVarIA offline": bavaria_offline(one, others, trained),
        },
        HIERARCHICAL: {
            "{}, image and shifts weighed, hierarchical": hierarchical(
                as_one(fit, share), as_one(queries, share), trained
            ),
            "{}, hierarchical": hierarchical(one, others, trained),
        },
    }
    for attack, views in expected.items() if signal != BORDER else [(HIERARCHICAL, expected[HIERARCHICAL])]:
        claims, names = ran(attack, access, tmp_path), [view.format(signal) for view in views]
        # Near borders, which are a signal of a segmenter besides, the primary test alone looks.
        beside = 2 if dense and attack is HIERARCHICAL else 0
        assert len(claims) == len(names) + beside
        claims = [claim for claim in claims if claim.view in names]
        assert [claim.view for claim in claims] == names
        for claim, scores in zip(claims, views.values(), strict=True):
            assert claim.patients == tuple("abcde")
            of_patient = [scores[np.array(PATIENTS) == name].mean() for name in "abcde"]
            np.testing.assert_allclose(claim.scores, of_patient)


@pytest.mark.parametrize("attack", [LIRA, RMIA, BAVARIA, HIERARCHICAL])
def test_without_shadow_models_or_labels_it_says_so(attack):
    access, _ = seen()
    images = access.candidates
    target = Audited(Slanted(False), access.head)
    assert attack.applies(target, images, None) == "no shadow models are trained"
    target.shadows = 4
    assert attack.applies(target, images, None) == ""
    assert attack.applies(target, Images(images.images, None, images.patients), None) == "no labels were handed over"
