"""Image and label map of a person at a visit."""

import dataclasses
import functools

import numpy as np

from remnant.cohort.phantoms import brain, head
from remnant.cohort.phantoms.anatomy import Anatomy
from remnant.cohort.phantoms.canvas import Canvas
from remnant.cohort.phantoms.session import Session

# Edge and middle (mm, in the person's head) of the cube that is scanned.
BRAIN_CUBE_MM, BRAIN_MIDDLE = 192.0, (0.0, -1.0, -4.0)
HEAD_CUBE_MM, HEAD_MIDDLE = 240.0, (0.0, 10.0, -24.0)
TEXTURE = 0.03


def render(person: Anatomy, visit: Session, side: int, skull: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scan a person: image float32 (x, y, z) of whole numbers, labels int16 (x, y, z), affine (4, 4), RAS+
    mm.
    """
    cube, middle = (HEAD_CUBE_MM, HEAD_MIDDLE) if skull else (BRAIN_CUBE_MM, BRAIN_MIDDLE)
    spacing = cube / side
    world = _grid(side, spacing, middle)
    turning_point = np.asarray(middle, np.float32)[:, None]
    own = visit.rotation @ (world - turning_point - visit.shift[:, None]) + turning_point
    seen = _may_hold_brain(own, person) if not skull else np.ones(own.shape[1], bool)
    own = own[:, seen]
    rough = own / person.scale[:, None]
    template = rough + dataclasses.replace(person.warp, values=person.warp.values + visit.wobble.values).at(rough)

    canvas = Canvas(own.shape[1], visit.brightness, spacing)
    parts = brain.hull(template, person)
    whole = parts.whole
    if skull:
        head.paint(canvas, template, whole, person)
        near = whole < spacing
    else:
        # Skull-stripping leaves what lies within a millimetre or so of the brain, hence some of the fluid.
        canvas.fill("external_csf", whole - np.float32(visit.mask_mm))
        near = whole < visit.mask_mm + spacing
    with canvas.within(near) as inner:
        nearby = brain.Hull(parts.cerebrum[near], parts.cerebellum[near], parts.stem[near])
        brain.paint(inner, template[:, near], nearby, person, visit)
        inner.light *= 1 + np.float32(TEXTURE) * person.texture.at(template[:, near])[0]
    light = _received(canvas, world[:, seen], visit)
    if not skull:
        light[whole > visit.mask_mm] = 0
        canvas.labels[whole > visit.mask_mm] = 0

    image, labels = np.zeros(side**3, np.float32), np.zeros(side**3, np.int16)
    image[seen], labels[seen] = light, canvas.labels
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = np.asarray(middle) - spacing * (side - 1) / 2
    return image.reshape(side, side, side), labels.reshape(side, side, side), affine


def _received(canvas: Canvas, world: np.ndarray, visit: Session) -> np.ndarray:
    """What the scanner makes of the brightness: contrast, coil, Rician noise, whole numbers."""
    light = np.maximum(canvas.light, 0) ** np.float32(visit.gamma) * np.exp(visit.bias.at(world)[0])
    generator = np.random.default_rng(visit.noise_seed)
    real, imaginary = np.float32(visit.noise) * generator.standard_normal((2, light.size), dtype=np.float32)
    return np.rint(np.float32(visit.gain) * np.hypot(light + real, imaginary))


@functools.lru_cache(maxsize=2)
def _grid(side: int, spacing: float, middle: tuple[float, float, float]) -> np.ndarray:
    """World coordinates (3, side^3) of the voxels."""
    steps = (np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)) * np.float32(spacing)
    axes = [steps + np.float32(centre) for centre in middle]
    return np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)


def _may_hold_brain(points: np.ndarray, person: Anatomy) -> np.ndarray:
    """A generous ellipsoid around any brain, so that the air of a skull-stripped scan costs nothing."""
    x, y, z = points / person.scale[:, None]
    return (x / 84) ** 2 + (y / 100) ** 2 + ((z + 3) / 88) ** 2 < 1
