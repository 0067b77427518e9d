"""What a checkpoint tells of its network, for the files that an audit begins with."""

from pathlib import Path

from remnant.audit.owner.starter import Known
from remnant.base.texts import counted, short
from remnant.targets.opening import open_checkpoint
from remnant.targets.propose import propose
from remnant.targets.recognise import find_match


def known_of(path: Path) -> Known:
    """Everything that names and shapes in the checkpoint `path` tell; no code of it is run. Raises as `open_checkpoint` does."""
    opened = open_checkpoint(path)
    match, nearest = find_match(opened)
    if match is None:
        like = f"; it is most like {nearest}" if nearest else ""
        return Known(path, said=(f"{short(path.name)}: a network that Remnant does not know by its names{like}.",))
    found = propose(opened, match)
    size = (match.arguments or {}).get("image_size")
    inputs = "channels unknown" if match.channels is None else counted(match.channels, "channel")
    outputs = counted(match.classes, "output") if match.classes else "no head"
    sides = f"{size} x {size} pixels" if size else f"{match.dimensions}D, of a size that names and shapes do not tell"
    said = [
        f"{short(path.name)}: {match.architecture} in the names of {match.dialect}; {inputs}, {outputs}; images {sides}."
    ]
    said += [f"Assumed: {text}." for text in match.assumptions]
    if found and not found.tried:
        said.append(
            f"{found.build.partition(':')[0]} does not load here, so that nobody tried whether the weights fit."
        )
    if found is None:
        said.append("No library was found that builds it by name with all of these weights.")
    axes = "(x, y)" if match.dimensions == 2 else "(x, y, z)"
    place = f"({size}, {size})" if size else axes
    shape = f"float32 ({match.channels or 'channels'}, {place[1:-1]}), no batch"
    return Known(path, found and found.build, found.arguments if found else {}, tuple(said), shape)
