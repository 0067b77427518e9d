"""Rows of each kind of figure of a defence, with invented numbers."""

from remnant.base.results import Row

WAYS = (
    ("raw scan", "none", None),
    ("after Kim 2019, \u03bb 1", "published", 1.0),
    ("secret deformation", "deformation", None),
)


def defence_rows() -> dict[str, list[Row]]:
    """The rows of a kind by its name in `FIGURES`; the same each time."""
    return {
        "defences_held": _held(),
        "trade_off": [
            _way(number, "value", 0.95 - 0.2 * number, 0.06)
            | _way(number, "loss", 0.01 * number, 0.005)
            | {"against": against, "measure": measure, "low": 0.9 - 0.2 * number, "high": 0.99 - 0.2 * number}
            | {"goal_value": 0.6, "goal_loss": 0.02, "published_value": 0.6, "published_loss": 0.05}
            for against, measure in (("paper", "balanced"), ("everything", "auc"))
            for number in range(len(WAYS))
        ],
        "adversaries": [
            _way(number, "balanced", 0.95 - 0.15 * number, 0.04)
            | {"view": view, "kind": "simulated", "attack": attack, "published": 0.6, "counts": attack == "d_new"}
            for number in range(len(WAYS))
            for view in ("code", "labels")
            for attack in ("ms_ssim", "d_new")
        ],
        "beyond_map": [
            _way(number, "difference", 0.3 - 0.2 * number, 0.1)
            | {"attack": attack, "low": 0.2 - 0.2 * number, "high": 0.4 - 0.2 * number}
            for attack in ("d_new", "redrawn")
            for number in range(len(WAYS))
        ],
        "class_dice": [
            _way(number, "dice", 0.9 - 0.1 * place, 0.02) | {"class": name, "published": 0.8}
            for place, name in enumerate(("gm", "wm", "nuclei", "overall"))
            for number in range(len(WAYS))
        ],
        "robustness_lines": [
            _way(number, "dice", 0.85 - 0.05 * place - 0.02 * number, 0.01)
            | {"condition": name, "class": "overall", "published": 0.8}
            for number in range(len(WAYS))
            for place, name in enumerate(("clean", "noise_15", "noise_5"))
        ],
    }


def _way(number: int, column: str, value: float, half: float) -> Row:
    name, family, weight = WAYS[number]
    row: Row = {"name": name, "family": family, "lambda": weight, column: value}
    return row | {f"{column}_low": value - half, f"{column}_high": value + half}


def _held() -> list[Row]:
    """A training without a defence, under one that helps, under one of which nothing is known, and under one that is withheld."""
    return [
        {
            "defence": name,
            "words": words,
            "value": value,
            "low": value and value - 0.1,
            "high": value and value + 0.05,
            "measure": "Dice",
            "utility": utility,
            "utility_low": utility and utility - 0.02,
            "utility_high": utility and utility + 0.02,
        }
        for name, words, value, utility in (
            ("none", "no defence", 0.92, 0.85),
            ("dropout", "dropout", 0.81, 0.84),
            ("mixup", "mixup", 0.9, None),
            ("dp_sgd", "differential privacy", None, 0.41),
        )
    ]
