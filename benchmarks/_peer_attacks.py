"""Attacks of ours and of the peers, each a score a patient by the same outputs of the same models, for `membership_peers.py`.

None of the peers trains a network here. Where a setting is not named it is the peer's default.
"""

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch
from art.attacks.inference.membership_inference import MembershipInferenceBlackBox, MembershipInferenceBlackBoxRuleBased
from art.estimators.classification import BlackBoxClassifier
from privacy_guard.analysis.mia.aggregate_analysis_input import AggregationType
from privacy_guard.attacks.lira_attack import LiraAttack
from privacy_guard.attacks.rmia_attack import RmiaAttack
from sacroml.attacks.likelihood_attack import LIRAAttack
from sacroml.attacks.qmia_attack import QMIAAttack
from sacroml.attacks.utils import logit, qmia_hinge_score
from scipy import special

from remnant.measure.bavaria import bavaria, bavaria_offline
from remnant.measure.hierarchical import hierarchical
from remnant.measure.image_share import weighed
from remnant.measure.lira import lira, lira_offline, lira_queries
from remnant.measure.rmia import rmia
from remnant.measure.swaps import without_patient

RATE = 0.1  # the false positive rate that QMIA's quantile is of
PEERS = {
    "PrivacyGuard": "privacyguard-platform",
    "SACRO-ML": "sacroml",
    "ART": "adversarial-robustness-toolbox",
}


@dataclass(frozen=True)
class Asked:
    """What a target and k shadow models say of n candidates: signed margins (n, queries) and (n, k, queries), of the image itself
    first; `trained` (n, k), who trained these, and `own` (n,), who the target, which only those attacks read that say so.

    Of m others, who trained none, margins of the image (m,) and (m, k). `labels` (n,) and (m,), images (n, pixels) and
    (m, pixels).
    """

    margins: np.ndarray
    of_shadows: np.ndarray
    trained: np.ndarray
    own: np.ndarray
    labels: np.ndarray
    images: np.ndarray
    margins_of_others: np.ndarray
    others_of_shadows: np.ndarray
    labels_of_others: np.ndarray
    images_of_others: np.ndarray

    @property
    def fit(self) -> np.ndarray:
        """The margin of the image itself, (n,)."""
        return self.margins[:, 0]

    @property
    def fits(self) -> np.ndarray:
        """The same under the shadow models, (n, k)."""
        return self.of_shadows[:, :, 0]


Score = Callable[[Asked], np.ndarray]


def logits_of(margins: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Logits of two classes (n, 2) that are half a margin (n,) each."""
    half = margins * (2 * labels - 1) / 2
    return np.stack([-half, half], axis=1)


def _ratio(asked: Asked, *, online: bool) -> np.ndarray:
    return rmia(special.expit(asked.fit), special.expit(asked.fits), asked.trained, online=online)


OURS: dict[str, Score] = {
    "difference": lambda asked: asked.fit - without_patient(asked.fits, asked.trained),
    "LiRA online": lambda asked: lira(asked.fit, asked.fits, asked.trained),
    "LiRA offline": lambda asked: lira_offline(asked.fit, asked.fits, asked.trained),
    "RMIA online": lambda asked: _ratio(asked, online=True),
    "RMIA offline": lambda asked: _ratio(asked, online=False),
    "BaVarIA online": lambda asked: bavaria(asked.fit, asked.fits, asked.trained),
    "BaVarIA offline": lambda asked: bavaria_offline(asked.fit, asked.fits, asked.trained),
    "hierarchical": lambda asked: hierarchical(asked.fit, asked.fits, asked.trained),
    "hierarchical, mean of 3 shifts": lambda asked: hierarchical(
        asked.margins.mean(1), asked.of_shadows.mean(2), asked.trained
    ),
    "hierarchical, image and 3 shifts weighed": lambda asked: weighed(asked.margins, asked.of_shadows, asked.trained),
    "LiRA online over 3 shifts": lambda asked: lira_queries(asked.margins, asked.of_shadows, asked.trained),
}


def by_privacyguard_lira(asked: Asked, **options: object) -> np.ndarray:
    """Of moments as its own `prepare_lira_data` has them, which asks for torchvision."""
    moments = {"score_orig": asked.fit}
    for side, chosen in (("in", asked.trained), ("out", ~asked.trained)):
        values = np.where(chosen, asked.fits, np.nan)
        moments |= {f"score_mean_{side}": np.nanmean(values, 1), f"score_std_{side}": np.nanstd(values, 1) + 1e-8}
    moments |= {"score_mean": moments["score_mean_out"], "score_std": moments["score_std_out"]}
    frame = pd.DataFrame({"user_id": np.arange(len(asked.own)), **moments})
    attack = LiraAttack(frame[asked.own].copy(), frame[~asked.own].copy(), AggregationType.NONE, **options)
    return _in_order(attack.run_attack(), len(frame))


def by_privacyguard_rmia(asked: Asked, **options: object) -> np.ndarray:
    """With the others as its population."""

    def frame(margins: np.ndarray, fits: np.ndarray, trained: np.ndarray) -> pd.DataFrame:
        columns = {"user_id": np.arange(len(margins)), "score_orig": special.expit(margins)}
        columns |= {f"score_ref_{j}": special.expit(fits[:, j]) for j in range(fits.shape[1])}
        return pd.DataFrame(columns | {f"member_ref_{j}": trained[:, j] for j in range(fits.shape[1])})

    candidates = frame(asked.fit, asked.fits, asked.trained)
    others = frame(asked.margins_of_others, asked.others_of_shadows, np.zeros(asked.others_of_shadows.shape, bool))
    population = others.drop(columns="user_id")
    attack = RmiaAttack(
        candidates[asked.own], candidates[~asked.own], population, row_aggregation=AggregationType.NONE, **options
    )
    with contextlib.redirect_stdout(io.StringIO()):
        return _in_order(attack.run_attack(), len(candidates))


def _in_order(found: object, count: int) -> np.ndarray:
    both = pd.concat([found.df_train_user, found.df_test_user])
    return both.set_index("user_id")["score"].reindex(range(count)).to_numpy()


def by_sacro_lira(asked: Asked, *, mode: str, fix_variance: bool) -> np.ndarray:
    """The second of its columns, by which it ranks."""
    confidences = [
        {i: [logit(p) for p in special.expit(asked.fits[i, side])] for i, side in enumerate(chosen)}
        for chosen in (~asked.trained, asked.trained)
    ]
    predictions = special.softmax(logits_of(asked.fit, asked.labels), axis=1)
    with tempfile.TemporaryDirectory() as folder:
        attack = LIRAAttack(folder, write_report=False, mode=mode, fix_variance=fix_variance)
        found, _ = attack._compute_scores(asked.labels, predictions, *confidences)
    return np.array(found)[:, 1]


def by_sacro_qmia(asked: Asked) -> np.ndarray:
    """Its quantile is learned of the others; where it finds none but a constant it gives no score, and the margin is taken."""
    groups = ((asked.fit, asked.labels), (asked.margins_of_others, asked.labels_of_others))
    inputs = {len(labels): (margins, labels) for margins, labels in groups}
    model = SimpleNamespace(
        model=None,
        predict_proba=lambda images: special.softmax(logits_of(*inputs[len(images)]), axis=1),
        model_name="",
        model_params={},
        train_params={},
    )
    target = SimpleNamespace(
        model=model,
        X_train=asked.images,
        y_train=asked.labels,
        X_test=asked.images_of_others,
        y_test=asked.labels_of_others,
    )
    with tempfile.TemporaryDirectory() as folder:
        attack = QMIAAttack(folder, write_report=False, alpha=RATE, report_individual=True)
        failed = attack._attack(target)["status"] == "failed"
    if failed:
        return qmia_hinge_score(model.predict_proba(asked.images), asked.labels)
    return np.array(attack.attack_metrics[0]["individual"]["margin"])[: len(asked.labels)]


def by_art_shadows(asked: Asked, kind: str) -> np.ndarray:
    """An attack model of this kind, that learns of the shadow models' logits."""
    sides = [np.nonzero(chosen) for chosen in (asked.trained, ~asked.trained)]
    data = [(logits_of(asked.fits[side], asked.labels[side[0]]), asked.labels[side[0]]) for side in sides]
    return _art(kind, *data, (logits_of(asked.fit, asked.labels), asked.labels))


def by_art_known(asked: Asked, kind: str) -> np.ndarray:
    """The same, that learns of one half of those who trained the target, and of those who did not, to score the other half."""
    found, place = np.empty(len(asked.own)), np.empty(len(asked.own), int)
    for side in (asked.own, ~asked.own):
        place[side] = np.arange(side.sum())
    for half in (place % 2 == 0, place % 2 == 1):
        data = [
            (logits_of(asked.fit[side], asked.labels[side]), asked.labels[side])
            for side in (asked.own & half, ~asked.own & half, ~half)
        ]
        found[~half] = _art(kind, *data)
    return found


Told = tuple[np.ndarray, np.ndarray]


def _art(kind: str, members: Told, others: Told, asked: Told) -> np.ndarray:
    np.random.seed(0)
    torch.manual_seed(0)
    attack = MembershipInferenceBlackBox(BlackBoxClassifier(lambda x: x, (2,), 2), attack_model_type=kind)
    attack.fit(pred=members[0], y=members[1], test_pred=others[0], test_y=others[1])
    return attack.infer(None, asked[1], pred=asked[0], probabilities=True)[:, 0]


def by_art_gap(asked: Asked) -> np.ndarray:
    """Whether the label is right, of which alone it knows."""
    logits = logits_of(asked.fit, asked.labels)
    classifier = BlackBoxClassifier(lambda x: x, (2,), 2)
    return MembershipInferenceBlackBoxRuleBased(classifier).infer(logits.astype(np.float32), asked.labels).astype(float)


THEIRS: dict[str, dict[str, Score]] = {
    "PrivacyGuard": {
        "LiRA online": lambda asked: by_privacyguard_lira(asked, online_attack=True),
        "LiRA online, fixed variance": lambda asked: by_privacyguard_lira(
            asked, online_attack=True, use_fixed_variance=True, std_dev_type="mix"
        ),
        "LiRA offline": lambda asked: by_privacyguard_lira(asked, std_dev_type="shadows_out"),
        "RMIA online": lambda asked: by_privacyguard_rmia(asked, online=True),
        "RMIA online, all models": lambda asked: by_privacyguard_rmia(
            asked, online=True, num_reference_models=asked.fits.shape[1]
        ),
        "RMIA offline": by_privacyguard_rmia,
        "RMIA offline, tuned": lambda asked: by_privacyguard_rmia(asked, enable_auto_tuning=True),
    },
    "SACRO-ML": {
        f"LiRA {mode}{', fixed variance' if fixed else ''}": (
            lambda asked, mode=mode, fixed=fixed: by_sacro_lira(asked, mode=mode, fix_variance=fixed)
        )
        for mode in ("online-carlini", "offline-carlini", "offline")
        for fixed in (False, True)
    },
    "ART": {
        f"black box, {kind}, of shadow models": lambda asked, kind=kind: by_art_shadows(asked, kind)
        for kind in ("nn", "rf", "gb", "lr")
    },
}
# Without shadow models.
ALONE: dict[str, dict[str, Score]] = {
    "Remnant": {"margin": lambda asked: asked.fit},
    "SACRO-ML": {"QMIA": by_sacro_qmia},
    "ART": {
        "label alone": by_art_gap,
        **{
            f"black box, {kind}, half of the members known": lambda asked, kind=kind: by_art_known(asked, kind)
            for kind in ("nn", "rf", "gb", "lr")
        },
    },
}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The peers tell of every score that they make."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)
