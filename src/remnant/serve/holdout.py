"""Which contributions no training ever sees: decided by an id alone, so that no later choice can move one over."""

import hashlib
import uuid

SHARE = 0.2  # of all ids


def is_held_out(contribution: str) -> bool:
    """Whether the contribution with this id measures new versions and trains none: a fixed function of the id."""
    digest = hashlib.sha256(f"held out:{contribution}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < SHARE * 2**64


def draw_id(held_out: bool | None = None) -> str:
    """A random id (uuid4), of that side where one is asked for: a patient's scans must not lie on both."""
    while True:
        drawn = str(uuid.uuid4())
        if held_out is None or is_held_out(drawn) is held_out:
            return drawn
