"""The columns that say which variant of the defence a row is of; every table begins with them."""

from collections.abc import Mapping

from remnant.base.results import Row
from remnant.studies.kim2019.variants import Variant

# Loss, head, trunk, order of updates, rates and widths differ from the paper: it is not called as published.
AFTER = {"published": "after Kim 2019"}

# The columns, in their order.
COLUMNS = ("variant", "name", "family", "method", "trained_against", "lambda")


def described(variants: Mapping[str, Variant]) -> dict[str, Row]:
    """The `COLUMNS` of each variant: its `name` for people, the `family` that figures colour it by, its method, and, where an
    encoder was trained, the adversary that it was `trained_against` and its `lambda`.
    """
    return {
        name: {
            "variant": name,
            "name": _name(variant),
            "family": variant.adversary if variant.method == "encoder" else variant.method,
            "method": variant.method,
            "trained_against": variant.adversary if variant.encodes else None,
            "lambda": float(variant.lambda_) if variant.encodes else None,
        }
        for name, variant in variants.items()
    }


def _name(variant: Variant) -> str:
    against = f"{AFTER.get(variant.adversary, variant.adversary)}, \u03bb {variant.lambda_:g}"
    names = {"none": "raw scan", "deformation": "secret deformation", "both": f"deformation + {against}"}
    return names.get(variant.method, against)
