"""Architectures that Remnant knows from names and shapes, one family a file; a new one is one file and one entry here."""

from remnant.targets.known.densenet import match_densenet
from remnant.targets.known.match import Match
from remnant.targets.known.monai_unet import match_monai_unet
from remnant.targets.known.named import match_named
from remnant.targets.known.resnet import match_resnet
from remnant.targets.known.segmenter import match_segmenter
from remnant.targets.known.vit import match_vit

FAMILIES = (match_resnet, match_densenet, match_vit, match_segmenter, match_monai_unet, match_named)

__all__ = ["FAMILIES", "Match"]
