"""The one list of attacks in rows, for whoever lists it: `remnant audit --list` and `remnant inspect`."""

import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from remnant.attacks.attack import Attack
from remnant.attacks.registry import all_attacks
from remnant.base.errors import RemnantError
from remnant.base.texts import printable
from remnant.targets.bundle import Bundle
from remnant.targets.contents import NNUNET, FolderContents
from remnant.targets.description import Description
from remnant.targets.opening import open_checkpoint
from remnant.targets.recognise import recognise

SETTINGS = 2**20  # bytes of an audit.toml
# What the recipient has to see, by `Attack.access`.
SEES = {
    "outputs": "what the model answers",
    "weights": "the model's weights",
    "features": "what the model makes of images",
    "latents": "latents of patients",
    "codes": "codes of patients",
}


def listed() -> list[dict[str, str]]:
    """Every attack as a row of texts; those of other packages are fit to be said, too."""
    return [_row(attack) for attack in all_attacks().values()]


def listed_for(described: Description) -> list[dict[str, str | bool]]:
    """The same with whether each `applies` to such a network, and `why` not; in an audit the patients decide, too."""
    rows = []
    for attack in all_attacks().values():
        why = printable(attack.suits(described))
        rows.append({**_row(attack), "applies": not why, "why": why})
    return rows


def lines_for(described: Description) -> list[str]:
    """That for a person, a line an attack."""
    lines = []
    for row in listed_for(described):
        needs = f"; needs {row['needs']}" if row["needs"] else ""
        told = f"{row['words']}. Claims {row['claim']}, where the recipient sees {SEES[str(row['access'])]}{needs}."
        lines.append(
            f"applies   {row['name']}: {told}" if row["applies"] else f"does not  {row['name']}: {row['why']}."
        )
    return lines


def described_in(bundle: Bundle, inside: FolderContents) -> tuple[str, Description] | None:
    """The first checkpoint of a folder or zip that can be opened: its name, and what it tells; None where there is none.

    That which audit.toml names comes first. What nnU-Net trained is a segmenter, whatever its layers are called.
    """
    entries = {entry.name: entry for entry in bundle.entries}
    needed = [file.name for file in inside.files if file.needed and file.kind == "checkpoint"]
    for name in dict.fromkeys([*_named(bundle, needed), *needed]):
        with bundle.local(entries[name]) as path:
            try:
                found = recognise(open_checkpoint(path))
            except RemnantError:
                continue
        return name, replace(found, task="segmenter") if inside.layout == NNUNET and not found.task else found
    return None


def _named(bundle: Bundle, needed: list[str]) -> Iterator[str]:
    """What the audit.toml of an owner's folder calls the checkpoint, where it lies in the folder."""
    for entry in bundle.entries:
        if entry.name != "audit.toml" or entry.problem:
            continue
        try:
            with bundle.open(entry) as file:
                target = tomllib.loads(file.read(SETTINGS).decode("utf-8")).get("target")
        # A stranger's file, which may be damaged, or nested without end.
        except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error):
            return
        named = target.get("checkpoint") if isinstance(target, dict) else None
        yield from (name for name in needed if isinstance(named, str) and name == str(PurePosixPath(named)))


def _row(attack: Attack) -> dict[str, str]:
    told = {
        "name": attack.name,
        "access": attack.access,
        "claim": attack.claim.replace("_", " "),
        "words": attack.words,
        "needs": attack.needs,
        "source": attack.source,
    }
    return {key: printable(text) for key, text in told.items()}
