"""Phantom brains, heads and chests: people drawn from a seed, scanned as often as one likes, at any size.

`anatomy` draws who a person is, `session` what differs between two scans of one person, `render` turns both
into an image and a label map, `labels` names the structures, `write` puts a cohort on disk as BIDS. `maps` and
`heads` draw scans of real anatomy, from label maps. Chests are projections: `chest_anatomy`, `chest_visit` and
`chest_render` are to `chest` what those are to `cohort`; they are written as PNG with a manifest.
"""

from remnant.cohort.phantoms.chest import ChestPhantoms
from remnant.cohort.phantoms.cohort import BrainPhantoms, PhantomScan
from remnant.cohort.phantoms.heads import HeadPhantoms
from remnant.cohort.phantoms.labels import STRUCTURES, Structure
from remnant.cohort.phantoms.write import write_bids, write_manifest

__all__ = [
    "STRUCTURES",
    "BrainPhantoms",
    "ChestPhantoms",
    "HeadPhantoms",
    "PhantomScan",
    "Structure",
    "write_bids",
    "write_manifest",
]
