"""What the study holds against each other: the published defence, other things to play against, and none at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from remnant.base.results import Row
from remnant.defenses.privacynet.settings import Adversary, Method, PrivacyNetSettings

# The variant that sends the scan itself: the control of all others.
RAW = "raw"
# Loss, head, trunk, order of updates, rates and widths differ from the paper: it is not called as published.
AFTER = {"published": "after Kim 2019"}
BY_RECIPE = {"encoder": "recipe of Kim 2019, \u03bb {:g}", "none": "raw scan, recipe of Kim 2019"}
# The columns that say which variant a row is of, in their order; every table begins with them.
COLUMNS = ("variant", "name", "family", "method", "recipe", "trained_against", "lambda")

Recipe = Literal["ours", "kim2019"]


@dataclass(frozen=True)
class Variant:
    """One way to send a scan: `method`, what the encoder plays against, and the paper's lambda; `words` for a report.

    `recipe`: how its networks are built and trained, as the study's settings have it for all, or as the paper has it.
    """

    method: Method
    words: str
    adversary: Adversary = "published"
    lambda_: float = 0.0
    recipe: Recipe = "ours"

    @property
    def encodes(self) -> bool:
        """Whether a network makes what is sent."""
        return self.method in ("encoder", "both")

    @property
    def secret(self) -> bool:
        """Whether the client keeps a secret, which it undoes on the segmentation that comes back."""
        return self.method in ("deformation", "both")

    @property
    def control(self) -> bool:
        """Whether the scan itself is sent, which nothing hides: what others of the recipe are held against."""
        return self.method == "none"

    def settings(self, shared: PrivacyNetSettings) -> PrivacyNetSettings:
        """How this one is trained, by what all of its recipe `shared`."""
        return shared.changed(method=self.method, lambda_=self.lambda_, adversary=self.adversary)


def _encoder(words: str) -> Callable[[Adversary, float], Variant]:
    return lambda adversary, lambda_: Variant("encoder", words.format(f"{lambda_:g}"), adversary, lambda_)


_published = _encoder("Privacy-Net after Kim 2019, lambda {}")
_entropy = _encoder("an encoder that leaves the discriminator undecided, lambda {}")
_inversion = _encoder("an encoder that also plays against a decoder that reconstructs the scan, lambda {}")

# The study's list: a new one is a line here.
VARIANTS: dict[str, Variant] = {
    RAW: Variant("none", "not encoded: the server gets the scan"),
    **{f"published-{weight}": _published("published", weight) for weight in (1, 3, 10, 100)},
    **{f"entropy-{weight}": _entropy("entropy", weight) for weight in (1, 10)},
    **{f"inversion-{weight}": _inversion("inversion", weight) for weight in (1, 10)},
    "deformation": Variant("deformation", "a secret deformation at the client, no encoder"),
    "deformation-entropy-1": Variant("both", "a secret deformation, then an encoder, lambda 1", "entropy", 1),
    "kim2019-raw": Variant("none", "not encoded, by networks of Kim 2019's recipe", recipe="kim2019"),
    "kim2019-1": Variant("encoder", "Privacy-Net by Kim 2019's own recipe, lambda 1", "published", 1, "kim2019"),
}


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
