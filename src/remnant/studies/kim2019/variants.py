"""What the study holds against each other: the published defence, other things to play against, and none at all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from remnant.defenses.privacynet.settings import Adversary, Method, PrivacyNetSettings
from remnant.studies.kim2019.records import RAW

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
