"""What the study holds against each other: the published defence, other things to play against, and none at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from remnant.base.config import Settings
from remnant.base.results import Row
from remnant.defenses.defense import Defense
from remnant.defenses.privacynet.deformation import SECRET_DEFORMATION
from remnant.defenses.privacynet.hiding import PRIVACY_NET, HidingSettings
from remnant.defenses.privacynet.secret_mixing import SECRET_MIXING
from remnant.defenses.privacynet.settings import Adversary, Method, PrivacyNetSettings

# The variant that sends the scan itself: the control of all others.
RAW = "raw"
# A reference mixed in, of later work of Kim's: by request alone.
MIXUP = "mixup"
# Loss, head, trunk, order of updates, rates and widths differ from the paper: it is not called as published.
AFTER = {"published": "after Kim 2019"}
# The columns that say which variant a row is of, in their order; every table begins with them.
COLUMNS = ("variant", "name", "family", "method", "recipe", "trained_against", "lambda")

Recipe = Literal["ours", "kim2019", "kim2019_batch", "game"]
# What recipes but ours are called.
RECIPE_WORDS: dict[Recipe, str] = {
    "kim2019": "recipe of Kim 2019",
    "kim2019_batch": "recipe of Kim 2019, D with BatchNorm",
    "game": "game of ours",
}


@dataclass(frozen=True)
class Variant:
    """One way to send a scan, by the defences that it has; `words` for a report.

    `hiding`: of a Privacy-Net, what its encoder plays against and the paper's lambda; `secret`: the one that the client keeps,
    if any, by the law that the study's settings have, which it undoes on the segmentation that comes back. `recipe`: how its
    networks are built and trained: as the study's settings have it for all; as the paper has it, also with BatchNorm in the
    discriminator; or by the game that is meant to be won.
    """

    words: str
    hiding: HidingSettings | None = None
    secret: Literal["deformation", "mixing"] | None = None
    recipe: Recipe = "ours"

    @property
    def encodes(self) -> bool:
        """Whether a network makes what is sent."""
        return self.hiding is not None

    @property
    def method(self) -> Method:
        """What hides a patient, as `PrivacyNetSettings` calls it."""
        if self.encodes:
            return "both" if self.secret else "encoder"
        return self.secret or "none"

    @property
    def control(self) -> bool:
        """Whether the scan itself is sent, which nothing hides: what others of the recipe are held against."""
        return not (self.encodes or self.secret)

    def defenses(self, shared: PrivacyNetSettings) -> list[tuple[Defense, Settings]]:
        """Those of the list that it has, each with its settings, in their order; `shared` as in `settings`."""
        secrets: dict[str, tuple[Defense, Settings]] = {
            "deformation": (SECRET_DEFORMATION, shared.secret),
            "mixing": (SECRET_MIXING, shared.mixing),
        }
        return [
            *([secrets[self.secret]] if self.secret else []),
            *([(PRIVACY_NET, self.hiding)] if self.hiding else []),
        ]

    def settings(self, shared: PrivacyNetSettings) -> PrivacyNetSettings:
        """How this one is trained, by what all of its recipe `shared`."""
        pair = shared.changed(method="none", lambda_=0.0, adversary="published")
        for defense, own in self.defenses(shared):
            pair = defense.defend(pair, own)
        return pair


def _encoder(words: str) -> Callable[[Adversary, float], Variant]:
    return lambda adversary, lambda_: Variant(words.format(f"{lambda_:g}"), _against(adversary, lambda_))


def _against(adversary: Adversary, lambda_: float) -> HidingSettings:
    return HidingSettings(adversary=adversary, lambda_=lambda_)


def _game(weight: float) -> Variant:
    return Variant(
        f"an encoder by the game of ours, whose gradient of hiding is {weight:g} times that of segmenting",
        _against("confusion", weight),
        recipe="game",
    )


_published = _encoder("Privacy-Net after Kim 2019, lambda {}")
_entropy = _encoder("an encoder that leaves the discriminator undecided, lambda {}")
_inversion = _encoder("an encoder that also plays against a decoder that reconstructs the scan, lambda {}")

# The study's list: a new one is a line here.
VARIANTS: dict[str, Variant] = {
    RAW: Variant("not encoded: the server gets the scan"),
    **{f"published-{weight}": _published("published", weight) for weight in (1, 3, 10, 100)},
    **{f"entropy-{weight}": _entropy("entropy", weight) for weight in (1, 10)},
    **{f"inversion-{weight}": _inversion("inversion", weight) for weight in (1, 10)},
    "deformation": Variant("a secret deformation at the client, no encoder", secret="deformation"),
    "deformation-entropy-1": Variant(
        "a secret deformation, then an encoder, lambda 1", _against("entropy", 1), secret="deformation"
    ),
    "kim2019-raw": Variant("not encoded, by networks of Kim 2019's recipe", recipe="kim2019"),
    "kim2019-1": Variant("Privacy-Net by Kim 2019's own recipe, lambda 1", _against("published", 1), recipe="kim2019"),
    "kim2019-batch-raw": Variant(
        "not encoded, by networks of Kim 2019's recipe, the discriminator with BatchNorm", recipe="kim2019_batch"
    ),
    "kim2019-batch-1": Variant(
        "Privacy-Net by Kim 2019's own recipe, the discriminator with BatchNorm, lambda 1",
        _against("published", 1),
        recipe="kim2019_batch",
    ),
    "game-raw": Variant("not encoded, by networks of the game of ours", recipe="game"),
    **{f"game-{weight}": _game(weight) for weight in (1, 3, 10)},
    MIXUP: Variant("a secret reference mixed into each scan at the client, no encoder", secret="mixing"),
}
# The recipes that are the paper's.
PAPER_RECIPES = {"kim2019", "kim2019_batch"}
# Those that nobody has to ask for.
STANDARD = tuple(name for name, one in VARIANTS.items() if one.recipe in ("ours", "kim2019") and name != MIXUP)


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
            "trained_against": variant.hiding.adversary if variant.hiding else None,
            "lambda": variant.hiding.lambda_ if variant.hiding else None,
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
    if variant.secret or not variant.hiding:
        return variant.method
    return variant.hiding.adversary if variant.recipe == "ours" else variant.recipe


def _name(variant: Variant) -> str:
    hiding = variant.hiding
    if variant.recipe in RECIPE_WORDS:
        recipe = RECIPE_WORDS[variant.recipe]
        return f"{recipe}, \u03bb {hiding.lambda_:g}" if hiding else f"raw scan, {recipe}"
    if not hiding:
        return f"secret {variant.secret}" if variant.secret else "raw scan"
    against = f"{AFTER.get(hiding.adversary, hiding.adversary)}, \u03bb {hiding.lambda_:g}"
    return f"deformation + {against}" if variant.secret else against
