"""The columns that say which variant of the defence a row is of; every table begins with them."""

from collections.abc import Mapping

from remnant.base.results import Row
from remnant.studies.kim2019.variants import Variant

# Loss, head, trunk, order of updates, rates and widths differ from the paper: it is not called as published.
AFTER = {"published": "after Kim 2019"}
BY_RECIPE = {"encoder": "recipe of Kim 2019, \u03bb {:g}", "none": "raw scan, recipe of Kim 2019"}

# The columns, in their order.
COLUMNS = ("variant", "name", "family", "method", "recipe", "trained_against", "lambda")


def described(variants: Mapping[str, Variant]) -> dict[str, Row]:
    """The `COLUMNS` of each variant: its `name` for people, the `family` that figures colour it by, its method, the
    `recipe` of its networks, and, where an encoder was trained, the adversary that it was `trained_against` and its `lambda`.
    """
    return {
        name: {
            "variant": name,
            "name": _name(variant),
            "family": _family(variant),
            "method": variant.method,
            "recipe": variant.recipe,
            "trained_against": variant.adversary if variant.encodes else None,
            "lambda": float(variant.lambda_) if variant.encodes else None,
        }
        for name, variant in variants.items()
    }


def control_of(described: Mapping[str, Row], variant: str) -> str | None:
    """The variant on raw scans whose networks were trained by the same recipe, against which `variant` is held."""
    recipe = described[variant]["recipe"]
    return next((name for name, row in described.items() if is_control(row) and row["recipe"] == recipe), None)


def is_control(row: Row) -> bool:
    """Whether a row with the `COLUMNS` is of raw scans, which nothing hides."""
    return row["method"] == "none"


def _family(variant: Variant) -> str:
    if variant.method != "encoder":
        return variant.method
    return variant.adversary if variant.recipe == "ours" else variant.recipe


def _name(variant: Variant) -> str:
    if variant.recipe == "kim2019":
        return BY_RECIPE[variant.method].format(variant.lambda_)
    against = f"{AFTER.get(variant.adversary, variant.adversary)}, \u03bb {variant.lambda_:g}"
    names = {"none": "raw scan", "deformation": "secret deformation", "both": f"deformation + {against}"}
    return names.get(variant.method, against)
