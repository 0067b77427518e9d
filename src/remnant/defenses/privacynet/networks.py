"""The networks of a Privacy-Net, and the files in which encoder and segmenter leave the house, each without the other."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic
import torch
from torch import nn

from remnant.base.errors import RemnantError, foreign
from remnant.base.provenance import sha256
from remnant.base.seeds import Seeds
from remnant.cohort.files.nifti import write_volume
from remnant.cohort.files.volume import read_volume
from remnant.cohort.prepare.grid import Grid
from remnant.cohort.prepare.volumes import PreparationSettings
from remnant.defenses.privacynet.blurring import LARGEST_BLUR
from remnant.defenses.privacynet.mixing import References
from remnant.defenses.privacynet.secret import SecretSettings
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.nets.siamese import Siamese
from remnant.nets.unet import UNet
from remnant.targets.checkpoint import load_checkpoint, read_header, save_checkpoint

ENCODER, SEGMENTER, DISCRIMINATOR = "encoder.safetensors", "segmenter.safetensors", "discriminator.safetensors"
TEMPLATE = "template.nii.gz"
# What a file's notes are that another program wrote or changed.
SPOILT = ("has notes that no Privacy-Net wrote", "copy it again, or train anew")
MARK = 12  # hexadecimal digits of an encoder's hash by which its codes and its segmenter name it


@dataclass(frozen=True)
class Networks:
    """Who plays: `encoder` from a scan to its code, both (n, 1, x, y, z) in [0, 1]; `segmenter` from code to logits;
    `discriminator` from two codes to the logit that they show one patient; `decoder` from code to scan. `rivals`: further
    discriminators against which the encoder is trained, and which stay behind.
    """

    encoder: UNet
    segmenter: UNet
    discriminator: Siamese
    decoder: UNet
    rivals: nn.ModuleList

    @classmethod
    def untrained(cls, settings: PrivacyNetSettings, classes: int, seeds: Seeds) -> "Networks":
        """All of them, with weights drawn from `seeds`, each from its own branch."""
        arguments = arguments_of(settings, classes)
        built = {}
        for name, kind in (("encoder", UNet), ("segmenter", UNet), ("discriminator", Siamese), ("decoder", UNet)):
            torch.manual_seed(seeds.child("weights", name).integer)
            built[name] = kind(**arguments[name])
        rivals = (untrained_rival(settings, seeds.child("rival", i)) for i in range(1, settings.game.discriminators))
        return cls(**built, rivals=nn.ModuleList(rivals))

    @property
    def discriminators(self) -> tuple[Siamese, ...]:
        """All against whom the encoder plays."""
        return (self.discriminator, *self.rivals)


def untrained_rival(settings: PrivacyNetSettings, seeds: Seeds) -> Siamese:
    """A discriminator with weights drawn from `seeds`."""
    torch.manual_seed(seeds.integer)
    return Siamese(settings.trunk, settings.head, norm=settings.norm)


def arguments_of(settings: PrivacyNetSettings, classes: int) -> dict[str, dict[str, Any]]:
    """What builds each network, by its name."""
    return {
        "encoder": {"outputs": 1, "widths": settings.encoder, "squash": True},
        "segmenter": {"outputs": classes, "widths": settings.segmenter},
        "discriminator": {"trunk": settings.trunk, "head": settings.head, "norm": settings.norm},
        "decoder": {"outputs": 1, "widths": settings.decoder},
    }


@dataclass(frozen=True)
class Client:
    """What the hospital holds: the encoder, and how a scan is prepared for it.

    `network`: (n, 1, x, y, z) in [0, 1] to a code of the same shape and range, for windows of `patch` voxels a side; None where
    the deformed or mixed scan is the code. `secret`: the law by which each scan is deformed, or the references that are mixed
    into it; None where nothing is secret.
    `template`: float32 (x, y, z), the mean of the training patients on `grid`, to which scans are registered; None where
    they are only centred. `likeness`: the lowest correlation of a prepared training scan with the template. `mark`: by which
    the codes and the segmenter name this encoder. `noise`: of its standard deviation on each code.
    """

    network: nn.Module | None
    secret: SecretSettings | References | None
    preparation: PreparationSettings
    grid: Grid
    patch: int
    likeness: float
    template: torch.Tensor | None
    mark: str
    noise: float = 0.0


@dataclass(frozen=True)
class Server:
    """What the server holds: the segmenter, its `classes` by name, and the `mark` of the encoder that it was trained with.

    `shape`: of every code of that encoder, (x, y, z); None in files of before it was told. `keyed`: its answers are of mixtures,
    and nothing to anybody without the client's key.
    """

    network: nn.Module
    classes: tuple[str, ...]
    patch: int
    mark: str
    shape: tuple[int, int, int] | None = None
    keyed: bool = False


Shape = tuple[pydantic.PositiveInt, pydantic.PositiveInt, pydantic.PositiveInt]


class _ServerNotes(pydantic.BaseModel):
    classes: tuple[str, ...] = pydantic.Field(min_length=2)
    patch: int = pydantic.Field(ge=1)
    mark: str
    shape: Shape | None = None
    keyed: bool = False


class _ClientNotes(pydantic.BaseModel):
    preparation: dict[str, Any]
    secret: dict[str, Any] | None
    shape: Shape
    spacing_mm: float = pydantic.Field(gt=0, allow_inf_nan=False)
    patch: int = pydantic.Field(ge=1)
    likeness: float = pydantic.Field(allow_inf_nan=False)
    noise: float = pydantic.Field(default=0.0, ge=0, le=LARGEST_BLUR)


def save_pair(
    folder: Path,
    networks: Networks,
    settings: PrivacyNetSettings,
    grid: Grid,
    classes: tuple[str, ...],
    likeness: float,
    template: torch.Tensor | None,
    references: References | None = None,
) -> None:
    """Write encoder (with the template beside it), segmenter and discriminator into `folder`, each a file of its own.

    The segmenter's file is the last: where it is, all are. Without an encoder its file holds how a scan is prepared and deformed,
    and no weights but the `references` that are mixed into it, where there are some.
    """
    arguments = arguments_of(settings, len(classes))
    shared = {"patch": settings.patch}
    client = {
        "preparation": settings.preparation.resolved(),
        "shape": grid.shape,
        "spacing_mm": grid.spacing,
        "likeness": likeness,
        "secret": None if settings.drawn is None else settings.drawn.resolved(),
        # Files of a client without noise are as they always were, and so are the marks that codes name them by.
        **({"noise": settings.noise} if settings.noise else {}),
    }
    if template is not None:
        write_volume(folder / TEMPLATE, template.numpy(), grid.affine)
    encoder: tuple[nn.Module, dict[str, Any]] = (nn.Identity(), {})
    if settings.encodes:
        encoder = networks.encoder, arguments["encoder"]
    elif references is not None:
        encoder = references, references.arguments
    save_checkpoint(folder / ENCODER, *encoder, client=json.dumps(shared | client))
    mark = mark_of(folder / ENCODER)
    server = {"classes": classes, "mark": mark, "shape": grid.shape, **({"keyed": True} if references else {})}
    save_checkpoint(folder / DISCRIMINATOR, networks.discriminator, arguments["discriminator"])
    save_checkpoint(folder / SEGMENTER, networks.segmenter, arguments["segmenter"], server=json.dumps(shared | server))


def mark_of(encoder: Path) -> str:
    """The first digits of an encoder file's SHA-256."""
    return sha256(encoder)[:MARK]


def load_client(run: Path) -> Client:
    """The client's half of a run of `remnant protect train`, of a folder that holds the encoder's file and its template, or of
    that file itself, the template beside it.

    Raises `RemnantError` as `load_checkpoint` does, and for a file that is no encoder of Privacy-Net.
    """
    path = _file(run, ENCODER)
    network, said = (
        load_checkpoint(path, {"UNet": UNet, "Identity": nn.Identity, "References": References}),
        _notes(path, "client"),
    )
    references = network if isinstance(network, References) else None
    with foreign(path, *SPOILT):
        notes = _ClientNotes.model_validate(said)
        if references is not None and tuple(references.labels.shape[1:]) != notes.shape:
            raise ValueError("references of another grid")
    preparation = PreparationSettings.checked(**notes.preparation)
    template = torch.from_numpy(read_volume(path.with_name(TEMPLATE))[0]) if preparation.align else None
    return Client(
        network if isinstance(network, UNet) else None,
        references if notes.secret is None else SecretSettings.checked(**notes.secret),
        preparation,
        Grid(notes.shape, notes.spacing_mm),
        notes.patch,
        notes.likeness,
        template,
        mark_of(path),
        notes.noise,
    )


def load_server(run: Path) -> Server:
    """The server's half, likewise."""
    path = _file(run, SEGMENTER)
    network, said = load_checkpoint(path, {"UNet": UNet}), _notes(path, "server")
    with foreign(path, *SPOILT):
        notes = _ServerNotes.model_validate(said)
    return Server(network, notes.classes, notes.patch, notes.mark, notes.shape, notes.keyed)


def segmenter_file(run: Path) -> Path:
    """Where `load_server` finds the server's half."""
    return _file(run, SEGMENTER)


def save_server(path: Path, network: nn.Module, like: Path) -> None:
    """Write a segmenter of other weights than the file `like` has, and of the same description."""
    said = read_header(like)
    save_checkpoint(path, network, said["arguments"], server=said["server"])


def load_discriminator(run: Path) -> Siamese:
    """Whom the encoder was trained against, likewise."""
    return load_checkpoint(_file(run, DISCRIMINATOR), {"Siamese": Siamese})


def _file(run: Path, name: str) -> Path:
    """`run` itself where it is a file, else the file in a run's checkpoints or in a folder that was copied out of it."""
    if Path(run).is_file():
        return Path(run)
    inside = Path(run) / "checkpoints" / name
    return inside if inside.exists() else Path(run) / name


def _notes(path: Path, half: str) -> dict[str, Any]:
    header = read_header(path)
    if half not in header:
        raise RemnantError(
            f"{path} is not the {half}'s half of a Privacy-Net; give the run of `remnant protect train` or its file."
        )
    with foreign(path, *SPOILT):
        said = json.loads(header[half])
        if not isinstance(said, dict):
            raise ValueError("no table")
    return said
