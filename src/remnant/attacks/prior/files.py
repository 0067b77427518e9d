"""Priors on disk: ours, and the public chest PGGAN's checkpoints (Segal et al. 2021)."""

import copy
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.nets.pggan import Discriminator, Generator, doublings
from remnant.targets.checkpoint import load_checkpoint, read_header, save_checkpoint
from remnant.targets.opening import open_checkpoint

# A training checkpoint holds the generator twice; the running average is the better one.
PREFIXES = ("", "gen_shadow.", "generator.")
PARTS = {"current_size", "current_depth", "alpha", "latent_linear", "init_conv", "ScaleBlocks", "toRGB"}


@dataclass(frozen=True)
class Prior:
    """A generator of plausible radiographs, which knows nothing of any target.

    `generator` maps latents (n, `latent`) from N(0, 1) to images (n, 1, `side`, `side`), nominally in [0, 1], not
    clamped; it is in evaluation mode. `patients`: the digest of those whose radiographs it was trained on; None where
    nobody noted them.
    """

    generator: Generator
    patients: str | None = None

    @property
    def side(self) -> int:
        return self.generator.side

    @property
    def latent(self) -> int:
        return self.generator.latent

    def fresh(self) -> Generator:
        """A copy to tune: each target starts from the prior itself, not from what the last target made of it."""
        return copy.deepcopy(self.generator).requires_grad_(True)


def digest_of(patients: Iterable[str]) -> str:
    """SHA-256 over the sorted names of public patients: whether two sets of them are the same, without the names."""
    return hashlib.sha256("\n".join(sorted(set(patients))).encode()).hexdigest()


def save_prior(path: Path, prior: Prior) -> None:
    """Write the generator as a checkpoint of Remnant, atomically."""
    generator = prior.generator
    arguments = {"latent": generator.latent, "channels": generator.widths, "side": generator.side}
    save_checkpoint(path, generator, arguments, **({"patients": prior.patients} if prior.patients else {}))


def load_prior(path: Path) -> Prior:
    """The prior in a file that `save_prior` wrote; no code of the file is ever executed.

    Raises `RemnantError` as `load_checkpoint` does, and when the generator draws colours, is still growing or holds
    numbers that are not finite.
    """
    generator = load_checkpoint(path, {"Generator": Generator})
    assert isinstance(generator, Generator)
    if generator.colours != 1:
        raise RemnantError(
            f"The prior {path} draws {generator.colours} colours, radiographs have one; import it again."
        )
    patients = read_header(path).get("patients")
    return Prior(_whole(generator, path), patients if isinstance(patients, str) else None)


def discriminator_file(prior: Path) -> Path:
    """Where the training of a prior leaves its discriminator: beside the prior's own file."""
    return Path(prior).with_name("discriminator.safetensors")


def load_discriminator(prior: Path) -> Discriminator | None:
    """The discriminator beside the file of a `prior`, in evaluation mode; None where there is none, as for imported priors.

    Raises `RemnantError` as `load_checkpoint` does, and when it judges images of another size than the prior draws.
    """
    path = discriminator_file(prior)
    if not path.exists():
        return None
    model = load_checkpoint(path, {"Discriminator": Discriminator})
    assert isinstance(model, Discriminator)
    side = read_header(prior)["arguments"]["side"]
    if model.side != side:
        raise RemnantError(
            f"{path} judges images of {model.side} pixels, and the prior beside it draws {side}; put each prior with its "
            "discriminator into a folder of its own."
        )
    return model


def import_prior(path: Path) -> Prior:
    """The generator of a public chest PGGAN checkpoint, its colours averaged into one; no code is ever executed.

    Raises `RemnantError` when the file is missing, damaged, or holds no such generator.
    """
    tensors = open_checkpoint(path).tensors
    for prefix in PREFIXES:
        inside = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        if "latent_linear.0.module.weight" in inside:
            break
    else:
        raise RemnantError(
            f"{path} holds no generator of the chest PGGAN (no latent_linear.0.module.weight); give its checkpoint, or train "
            "a prior by `remnant prior train`."
        )
    try:
        generator = _built({name: value for name, value in inside.items() if name.split(".")[0] in PARTS})
    except (KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
        problem = str(error).strip().splitlines()[-1].strip()
        raise RemnantError(f"The generator in {path} does not have the form of the chest PGGAN ({problem}).") from None
    return Prior(_whole(generator, path))


def _built(tensors: dict[str, Tensor]) -> Generator:
    blocks = {int(name.split(".")[1]) for name in tensors if name.startswith("ScaleBlocks.")}
    features, latent = tensors["latent_linear.0.module.weight"].shape
    widths = [features // 16, *(tensors[f"ScaleBlocks.{i}.convolv.3.module.weight"].shape[0] for i in sorted(blocks))]
    colours = tensors["toRGB.0.module.weight"].shape[0]
    if colours > 3:
        raise ValueError(f"it draws {colours} colours, of 1 to 3")
    theirs = Generator(latent, tuple(widths), 4 << len(blocks), colours)
    theirs.load_state_dict(tensors)
    grey = Generator(latent, tuple(widths), theirs.side)
    # Radiographs were given to it as grey in every colour, so that their mean is what it learnt of grey.
    state = {
        name: value.mean(0, keepdim=True) if name.startswith("toRGB") else value for name, value in tensors.items()
    }
    grey.load_state_dict(state)
    return grey.eval()


def _whole(generator: Generator, path: Path) -> Generator:
    depth, alpha = doublings(generator.side), float(generator.alpha)
    if int(generator.current_depth) != depth or int(generator.current_size) != generator.side or not 0 <= alpha <= 1:
        raise RemnantError(f"The generator in {path} is not grown to the {generator.side} pixels it has layers for.")
    if not all(value.isfinite().all() for value in generator.state_dict().values()):
        raise RemnantError(f"The generator in {path} holds numbers that are not finite; train or copy it again.")
    return generator
