"""Contributions taken back: the server deletes them, and the queue sends no more of these patients."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.texts import short
from remnant.cohort.prepare.cache import key_of
from remnant.serve.client.contributions import delete, learned_from
from remnant.serve.client.outbox import Outbox
from remnant.serve.client.remote import Remote


@dataclass(frozen=True)
class Withdrawn:
    """How many contributions the server `deleted` now, how many it had deleted `before`, and of how many, `unknown`, it knows
    nothing under this token; and the `versions` of the model that learned from one of them.
    """

    deleted: int
    before: int
    unknown: int
    versions: tuple[int, ...]


def withdraw(remote: Remote, model: str, folder: Path, patients: Sequence[str] | None) -> Withdrawn:
    """Have `model` forget what was contributed of `patients`, as the cohort names them, by the queue in `folder`; None: all that
    it has of the token's holder.

    A repeat goes on where a kill or a server that was away ended it. Raises `RemnantError` for patients of whom nothing was
    contributed, `ServerError` as `Remote` does.
    """
    with Outbox(folder, remote.url, model) as outbox:
        kept, before = learned_from(remote, model)  # before anything is withdrawn, whether the server lets us
        ids = set(outbox.withdraw(None if patients is None else _known(patients, outbox)))
        if patients is None:
            ids |= set(kept)
        # Also what it does not list: an upload that was cut off may have reached it meanwhile.
        for one in sorted(ids):
            delete(remote, model, one)
    # What it lists, and not its answers: one that was cut off is asked for again, and then nothing is there.
    _, deleted = learned_from(remote, model)
    gone = ids & deleted.keys()
    return Withdrawn(
        deleted=len(gone - before.keys()),
        before=len(gone & before.keys()),
        unknown=len(ids - gone),
        versions=tuple(sorted({number for one in gone for number in deleted[one]})),
    )


def _known(patients: Sequence[str], outbox: Outbox) -> set[str]:
    """Each patient as the outbox has it; raise `RemnantError` where one is unknown there."""
    found = set()
    for name in patients:
        # Of BIDS the cohort has the label alone, and the folder's name is what one sees.
        keys = (key_of(name), key_of(name.removeprefix("sub-")))
        known = next((key for key in keys if outbox.knows(key)), None)
        if known is None:
            raise RemnantError(
                f"{outbox.path} knows of no contribution of the patient {short(name)!r} to this model of this server; give the "
                "name as the cohort has it, and --server and --model as they were."
            )
        found.add(known)
    return found
