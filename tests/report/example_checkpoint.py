"""Rows of each kind of figure of a checkpoint-only audit, with invented numbers."""

import numpy as np

from remnant.base.results import Row

TARGETS = ("cnn", "cnn_overfit", "vit", "vit_overfit")
SOURCES = ("attack", "untuned_prior", "untrained_target")


def checkpoint_rows() -> dict[str, list[Row]]:
    """The rows of a kind by its name in `FIGURES`; the same each time."""
    draw = np.random.default_rng(3)
    return {
        "kurtosis_curves": _kurtosis(draw),
        "entropy_histogram": _entropy(draw),
        "scores_scatter": [row for target in TARGETS[:2] for row in _candidates(draw, target)],
        "age_scatter": _ages(draw),
        "sex_confusion": [
            {"set": name, "actual": actual, "predicted": called, "count": count}
            for name, counts in (
                ("validation_patients", (141, 9, 6, 144)),
                ("likely_samples", (2, 0, 3, 4)),
                ("nearest_training_images", (4, 0, 1, 4)),
            )
            for (actual, called), count in zip(("FF", "FM", "MF", "MM"), counts, strict=True)
        ],
        "score_groups": _scores(draw),
        "auc_forest": _leak(),
        "membership_forest": [
            {"target": target, "signal": signal, "auc": auc, "auc_low": low, "auc_high": high, "detectable": 0.73}
            for target in TARGETS[:2]
            for signal, auc, low, high in (
                ("margin", 0.91, 0.82, 0.96),
                ("margin_shifted", 0.88, 0.78, 0.94),
                ("blind", 0.53, None, None),
            )
        ],
        "stage1_terms": _stage1(draw),
    }


def _kurtosis(draw) -> list[Row]:
    return [
        {"target": target, "set": name, "component": i + 1, "kurtosis": value, "n": n}
        | {"low": value - 0.3 - abs(value) * 0.2, "high": value + 0.3 + abs(value) * 0.4}
        for target in TARGETS[:2]
        for name, level, n in (
            ("training_images", 1.2, 400),
            ("non_members", 1.0, 400),
            ("untuned_prior", 0.4, 1000),
            ("tuned_generator", -0.3, 1000),
        )
        for i, value in enumerate((level * np.exp(-np.arange(30) / 9) * 3 + draw.normal(0, 0.15, 30)).tolist())
    ]


def _entropy(draw) -> list[Row]:
    edges = np.linspace(5, 8, 25)
    return [
        {"target": target, "set": name, "low": low, "high": high, "count": int(count)}
        for target in TARGETS[:2]
        for name, mean, n in (
            ("training_images", 7.5, 400),
            ("untuned_prior", 7.2, 1000),
            ("tuned_generator", 6.4, 1000),
        )
        for low, high, count in zip(
            edges[:-1].tolist(), edges[1:].tolist(), np.histogram(draw.normal(mean, 0.2, n), edges)[0], strict=True
        )
    ]


def _candidates(draw, target: str) -> list[Row]:
    both = draw.normal(size=300)
    stage1 = np.exp(1 + 0.2 * both + 0.15 * draw.normal(size=300))
    distance = 24 + 3 * both + 2 * draw.normal(size=300)
    cuts = np.quantile(stage1, 0.05), np.quantile(distance, 0.05)
    return [
        {"target": target, "stage1": one, "mahalanobis": other, "likely": bool(one <= cuts[0] and other <= cuts[1])}
        | {"stage1_cut": float(cuts[0]), "mahalanobis_cut": float(cuts[1])}
        for one, other in zip(stage1.tolist(), distance.tolist(), strict=True)
    ]


def _ages(draw) -> list[Row]:
    rows = []
    for name, n, error in (("validation_patients", 250, 6), ("likely_samples", 9, 18)):
        actual = draw.uniform(20, 90, n)
        predicted = 55 + 0.85 * (actual - 55) + draw.normal(0, error, n)
        rows += [
            {"set": name, "actual": a, "predicted": p} for a, p in zip(actual.tolist(), predicted.tolist(), strict=True)
        ]
    return rows


def _scores(draw) -> list[Row]:
    return [
        {"target": target, "space": space, "source": source, "group": group, "n": 60, "sd": 0.03}
        | {"mean": middle + 0.001, "median": middle, "q25": middle - 0.02, "q75": middle + 0.02}
        for target, gap in zip(TARGETS[:2], (0.01, 0.06), strict=True)
        for space in ("target_features", "independent_features")
        for source in SOURCES
        for group in ("member", "non_member")
        for middle in [0.8 + gap * (group == "member") * (source == "attack") + draw.normal(0, 0.005)]
    ]


def _leak() -> list[Row]:
    return [
        {
            "target": target,
            "space": space,
            "source": source,
            "auc": auc,
            "auc_low": auc - 0.07,
            "auc_high": min(auc + 0.06, 1),
        }
        | {"detectable_auc": 0.63}
        for target, leak in zip(TARGETS, (0.05, 0.4, 0.02, 0.2), strict=True)
        for space, share in (("target_features", 1), ("independent_features", 0.3))
        for source, part in zip(SOURCES, (1, 0.6, 0), strict=True)
        for auc in [0.5 + leak * share * part]
    ]


def _stage1(draw) -> list[Row]:
    return [
        {
            "target": target,
            "term": term,
            "step": step,
            "value": float(start * (0.2 + np.exp(-step / 400)) * draw.lognormal(0, 0.05)),
        }
        for place, target in enumerate(TARGETS)
        for term, start in (
            ("statistics", 12),
            ("feature", 1.4),
            ("logit", 0.7),
            ("total_variation", 300),
            ("total", 16),
        )
        for step in range(0, 2500, 100)
        if term != "feature" or place < 2
    ]
