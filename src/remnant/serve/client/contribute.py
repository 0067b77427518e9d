"""Scans with label maps for the server to learn from: their codes and their label maps leave, and nothing else."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.progress import Task, say
from remnant.base.texts import counted, short
from remnant.cohort.case import Case, Cohort, LabelScheme
from remnant.cohort.files.volume import volume_files
from remnant.cohort.prepare.cache import key_of
from remnant.defenses.privacynet.deploy import encode_case
from remnant.defenses.privacynet.networks import Client
from remnant.serve.client.connection import MOST_REFUSED, RefusedError, ServerError
from remnant.serve.client.contributions import delete, give
from remnant.serve.client.outbox import Outbox, OutboxEntry
from remnant.serve.client.remote import Remote
from remnant.serve.protocol import Metadata

WARNING = (
    "What you contribute are codes with their label maps, and a label map identifies its patient by itself, however well the "
    "code hides: whoever has another scan of the patient finds it again by the anatomy."
)


def contribute(
    cohort: Cohort,
    client: Client,
    remote: Remote,
    model: str,
    folder: Path,
    agreed: Callable[[], bool],
    *,
    quiet: bool = False,
) -> int:
    """Send each scan of a cohort with its label map to `model` once, in an order drawn by chance, and return how many the server
    has now.

    `folder` holds the queue: who repeats this, after a kill too, sends what is missing, as it was. `agreed` is asked before
    anything is ever kept for this server. A scan that is unfit, or that the server refuses, is left out and told at the end. A
    patient whose contributions were withdrawn stays out, as do further scans of a held-out one.

    Raises `RemnantError` where nobody agreed, for a model of another encoder, grid or classes, and for unfit scans after all
    others were sent; `ServerError` as `Remote` does, which leaves the rest in the queue.
    """
    scheme, described = cohort.scheme(client.preparation.scheme), remote.describe(model)
    _check(described, client, scheme, remote.url)
    unfit: list[str] = []
    withdrawn = judging = refused = 0
    with Outbox(folder, remote.url, model) as outbox:
        if not outbox.begun and not agreed():
            raise RemnantError("Nothing was sent; add --yes where you may and want to give these label maps away.")
        with Task("contributing", len(cohort.cases), quiet=quiet) as task:
            for case in _in_any_order(cohort.cases):
                if outbox.withdrawn(key_of(case.patient)):
                    withdrawn += 1
                    task.advance("left out")
                    continue
                try:
                    entry = _kept(case, scheme, client, outbox, remote, model)
                except ServerError:
                    raise
                except RemnantError as error:
                    unfit.append(str(error))
                else:
                    if entry is None:
                        judging += 1
                    elif not entry.sent:
                        why = _refused(remote, described, entry, outbox)
                        unfit += [why] if why else []
                        refused = refused + 1 if why else 0
                        if refused == MOST_REFUSED:
                            raise ServerError(
                                f"{remote.url} refused {refused} contributions one after another, the last so: {why}"
                            )
                task.advance("contributed")
        total = len(outbox)
    if withdrawn and not quiet:
        say(f"remnant: {counted(withdrawn, 'scan')} of patients whose contributions were withdrawn: left out.")
    if judging and not quiet:
        say(
            f"remnant: {counted(judging, 'further scan')} of held-out patients: left out, since one of each compares versions."
        )
    if unfit:
        raise RemnantError(
            f"{counted(len(unfit), 'scan was', 'scans were')} left out, and the server has {total} others; the first: {unfit[0]}"
        )
    return total


def _in_any_order(cases: Sequence[Case]) -> list[Case]:
    """In a cohort's own order the server would see which scans are of one patient, and how their names are sorted."""
    return random.SystemRandom().sample(cases, len(cases))


def _refused(remote: Remote, described: Metadata, entry: OutboxEntry, outbox: Outbox) -> str:
    """Send what the outbox keeps; empty, or why the server does not take it."""
    kept = outbox.read(entry)
    assert kept is not None  # or `_kept` would have encoded the scan anew
    try:
        give(remote, described, entry.id, *kept)
    except RefusedError as error:
        return str(error)
    outbox.sent(entry)
    return ""


def _kept(
    case: Case, scheme: LabelScheme, client: Client, outbox: Outbox, remote: Remote, model: str
) -> OutboxEntry | None:
    """The entry of a scan, encoded for it where there is none yet, or where what was kept for it is gone or damaged; None for a
    further scan of a held-out patient.
    """
    if case.labels is None:
        raise RemnantError(f"{case.image} has no label map; add one or leave out this scan.")
    scan, patient = (
        key_of(*volume_files(case.image), *volume_files(case.labels), scheme, client.mark),
        key_of(case.patient),
    )
    entry = outbox.find(scan)
    if entry is not None and (entry.sent or outbox.read(entry) is not None):
        return entry
    if entry is None and outbox.judges(patient):
        return None
    code, labels = encode_case(client, case, scheme)
    if not labels.any():
        raise RemnantError(f"{case.labels} holds nothing but background; give the label map that belongs to the scan.")
    arrays = code[None].astype(np.float16), labels
    if entry is None:
        return outbox.put(scan, patient, *arrays)
    # The server may have what was lost, from an upload that was cut off, and refuses another code under the same id.
    delete(remote, model, entry.id)
    outbox.write(entry, *arrays)
    return entry


def _check(described: Metadata, client: Client, scheme: LabelScheme, url: str) -> None:
    if described.mark != client.mark:
        raise RemnantError(
            f"The model {described.name} of {url} was trained with the encoder {short(described.mark)}, and this one is "
            f"{client.mark}; give the encoder of the same training, or another --model."
        )
    if described.classes != scheme.classes:
        raise RemnantError(
            f"The model {described.name} of {url} has the classes {short(', '.join(described.classes), 300)}, and these label "
            f"maps have {', '.join(scheme.classes)}; give label maps of its classes."
        )
