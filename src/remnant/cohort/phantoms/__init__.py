"""Phantom brains: people drawn from a seed, scanned as often as one likes, at any size, with or without
skull.

`anatomy` draws who a person is, `session` what differs between two scans of one person, `render` turns both
into an image and a label map, `labels` names the structures, `write` puts a cohort on disk as BIDS. `maps` and
`heads` draw scans of real anatomy, from label maps.
"""

from remnant.cohort.phantoms.cohort import BrainPhantoms, Scan
from remnant.cohort.phantoms.heads import HeadPhantoms
from remnant.cohort.phantoms.labels import STRUCTURES, Structure
from remnant.cohort.phantoms.write import write_bids

__all__ = ["STRUCTURES", "BrainPhantoms", "HeadPhantoms", "Scan", "Structure", "write_bids"]
