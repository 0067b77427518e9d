"""From a person and a visit to a radiograph: what the beam passes through, in mm of water, then the film's greys.

The picture is a projection, so that structures add up: tissue as deep as the body, less the air of the lungs, plus heart
and bone. Edges of round bodies are sharp since depth grows with the square root of the distance to the edge.
"""

from dataclasses import replace

import numpy as np

from remnant.cohort.phantoms.canvas import ramp, slot
from remnant.cohort.phantoms.chest_anatomy import RIBS, Thorax
from remnant.cohort.phantoms.chest_visit import ChestVisit
from remnant.cohort.phantoms.shapes import blend, tube

FIELD_MM = 350.0
FINEST = 96  # below, pixels are means of four
DEPTH_MM = 215.0
LUNG_MM = 165.0
AIR = 0.74  # the share of a lung that is air
APEX, BASE, HALF_WIDTH = -142.0, 92.0, 131.0
RIB_MM, CLAVICLE_MM, SPINE_MM = 15.0, 24.0, 34.0


def render(person: Thorax, visit: ChestVisit, side: int) -> np.ndarray:
    """float32 (side, side) in [0, 1], bone bright, of a square field of 350 mm."""
    fine = side * (2 if side < FINEST else 1)
    points, pixel = _points(person, visit, fine)
    depth = _water(points, person, visit, pixel).reshape(fine, fine)
    if fine > side:
        depth = depth.reshape(side, 2, side, 2).mean((1, 3))
    grey = _film(depth, visit)
    noise = np.random.default_rng(visit.noise_seed).standard_normal(depth.shape, dtype=np.float32)
    sigma = visit.noise * min(side / 256, 1.5)
    return np.clip(grey + np.float32(sigma) * (np.float32(0.4) + grey) * noise, 0, 1)


def _points(person: Thorax, visit: ChestVisit, fine: int) -> tuple[np.ndarray, float]:
    """Each pixel's place (2, n) in the mean person, and how many mm there a pixel is."""
    pixel = FIELD_MM / fine
    axis = ((np.arange(fine) + 0.5) * pixel - FIELD_MM / 2).astype(np.float32)
    x, y = (plane.ravel() for plane in np.meshgrid(axis, axis))
    c, s = np.float32(np.cos(visit.angle)), np.float32(np.sin(visit.angle))
    x, y = x - np.float32(visit.shift[0]), y - np.float32(visit.shift[1])
    x, y = (c * x + s * y), (c * y - s * x)
    across, down = (np.float32(visit.magnification * scale) for scale in person.scale)
    points = np.stack([x / across, y / down])
    # Both lie on one grid.
    warp = replace(person.warp, values=person.warp.values + visit.wobble.values)
    return points + warp.at(points), pixel / float(across)


def _water(points: np.ndarray, person: Thorax, visit: ChestVisit, pixel: float) -> np.ndarray:
    """mm of water (n,) that the beam passes through."""
    x, y = points
    shape = person.shape
    dome = BASE + shape["dome"] - person.lung_mm - visit.breath_mm
    apex = APEX + shape["apex"]
    width = HALF_WIDTH * (1 - 0.0012 * visit.breath_mm)
    body = _body(x, y, person, visit)
    outer = _outer(y, apex, dome, width)
    lungs, air = _lungs(x, y, person, apex, dome, outer)
    water = DEPTH_MM * shape["depth"] * _round(body, 75.0) * (1 - 0.35 * _step(-(y + 110), 45.0))
    inside = ramp(lungs, pixel)
    water = water - AIR * air * inside
    heart = _heart(x, y, person, visit, width)
    solid = np.minimum(np.maximum(heart, _hila(x, y, person)), air)
    water = water + AIR * solid * inside
    water = water + _markings(x, y, person) * inside * (1 - solid / LUNG_MM)
    # Tissue over the ribs, which the beam passes as well.
    water = water + _breasts(x, y, person)
    water = water - _windpipe(points, person, pixel) - _stomach(x, y, person, visit, dome)
    bone = _ribs(x, y, person, apex, dome, width, pixel) + _spine(x, y, person, pixel)
    bone = bone + _shoulders(points, person, visit, pixel) + _spots(x, y, person)
    bone = bone + _aortic_wall(x, y, person, pixel)
    return np.maximum(water + bone * ramp(body, pixel), 0).astype(np.float32)


def _film(water: np.ndarray, visit: ChestVisit) -> np.ndarray:
    """Greys in [0, 1]: the log of the exposure through a film's S-shaped curve (at its middle, 150 mm)."""
    steep = np.float32(0.021 * visit.contrast)
    grey = 1 / (1 + np.exp(-steep * (water - np.float32(150.0))))
    low = 1 / (1 + np.exp(steep * np.float32(150.0)))
    grey = np.clip((grey - low) / (1 - low) + np.float32(visit.brightness), 0, 1)
    return grey ** np.float32(visit.gamma)


def _round(inside: np.ndarray, reach: float) -> np.ndarray:
    """Depth (0 to 1) of a round body, `inside` mm from its edge, that is deepest from `reach` mm on."""
    along = np.clip(1 - inside * np.float32(1 / reach), 0, 1)
    return np.sqrt(1 - along * along) * (inside > 0)


def _step(distance: np.ndarray, width: float) -> np.ndarray:
    """From 0 to 1 over `width` mm around 0, smoothly."""
    share = np.clip(distance * np.float32(1 / width) + np.float32(0.5), 0, 1)
    return share * share * (3 - 2 * share)


def _bump(x: np.ndarray, y: np.ndarray, centre: tuple, radii: tuple) -> np.ndarray:
    """Depth (0 to 1) of an ellipsoid seen from the front."""
    squares = ((x - np.float32(centre[0])) / np.float32(radii[0])) ** 2
    squares += ((y - np.float32(centre[1])) / np.float32(radii[1])) ** 2
    return np.sqrt(np.maximum(1 - squares, 0))


def _body(x: np.ndarray, y: np.ndarray, person: Thorax, visit: ChestVisit) -> np.ndarray:
    """mm inside the skin (n,): torso, shoulders with the arms beyond, neck."""
    fat, shoulder = person.shape["fat"], person.shape["shoulder"]
    lift = visit.shoulders_mm
    wall = 165 * fat + 110 * _step(-(y + 82), 70.0) + 0.03 * y - np.abs(x)
    top = y + (150 * shoulder - lift) + 75 * np.exp(-((np.abs(x) / np.float32(64 * fat)) ** 2.6)) - 0.05 * np.abs(x)
    return blend(wall, top, 30.0)


def _outer(y: np.ndarray, apex: float, dome: float, width: float) -> np.ndarray:
    """Half the inner width of the chest (n,) at height y."""
    down = np.clip((y - np.float32(apex)) / np.float32(dome + 18 - apex), 0, 1.2)
    return np.float32(width) * (1 - 0.56 * np.clip(1 - down, 0, 1) ** 2.6) * (1 - 0.05 * np.clip(down - 0.85, 0, 1))


def _lungs(x, y, person, apex, dome, outer):
    """mm inside the lungs' outline (n,), and how deep they are there."""
    left = x > 0
    across = np.abs(x)
    inner = 20 + 7 * _step(y + 20, 120.0) + 5 * _step(-(y + 95), 40.0)
    # The patient's left half of the diaphragm stands lower.
    level = np.where(left, dome + 10 + person.shape["dome_left"], dome).astype(np.float32)
    floor = level + 30 * (np.clip((across - 62) / 72, -1, 1.3)) ** 2 - y
    roof = y - np.float32(apex) - 0.007 * (across - 46) ** 2
    # `blend` of distances that are positive inside is the rounded intersection.
    inside = blend(blend(outer - across, across - inner, 6.0), blend(floor, roof, 10.0), 8.0)
    return inside, LUNG_MM * person.shape["depth"] * _round(inside, 58.0)


def _heart(x, y, person, visit, width):
    """mm of heart, aortic knob and pulmonary trunk (n,)."""
    half = person.ratio * visit.heart * width
    height = 0.80 * half * person.shape["heart_height"]
    lean = 0.32
    # A leaning ellipse that is exactly so wide, two thirds of it on the patient's left.
    reach = float(np.sqrt(half**2 - (lean * height) ** 2))
    low = 110 - person.lung_mm - visit.breath_mm - 0.8 * height
    centre = (0.34 * half, low)
    leaning = x - np.float32(lean) * (y - np.float32(low))
    heart = 118 * _bump(leaning, y, centre, (reach, height))
    knob = 70 * _bump(x, y, (22, -68), (person.knob_mm + 6, person.knob_mm + 4))
    trunk = 55 * _bump(x, y, (27, -30), (19, 30))
    right = 45 * _bump(x, y, (-18, -50), (17, 52))
    return np.maximum(np.maximum(heart, knob), np.maximum(trunk, right))


def _hila(x, y, person):
    size = person.shape["hilum"]
    right = _bump(x, y, (-36, -8), (17, 26))
    left = _bump(x, y, (38, -16), (17, 22))
    return 34 * np.float32(size) * (right + left)


def _markings(x, y, person):
    """Vessels that spread from the hila: ridges of a field in polar coordinates, mm of water (n,)."""
    out = np.zeros_like(x)
    for channel, (side, hilum) in enumerate(((-1, (-34, -10)), (1, (36, -16)))):
        chosen = x * side > 0
        across, down = x[chosen] - np.float32(hilum[0]), y[chosen] - np.float32(hilum[1])
        radius = np.hypot(across, down)
        angle = np.arctan2(down, side * across)
        at = np.stack([radius * np.float32(0.9), angle * np.float32(72.0)])
        waves = replace(person.vessels, values=person.vessels.values[channel : channel + 1]).at(at)[0]
        ridges = np.exp(-((waves / np.float32(0.22)) ** 2))
        out[chosen] = ridges * np.exp(-radius / np.float32(62.0)) * np.clip(radius / 18, 0, 1)
    return 32 * np.float32(person.shape["markings"]) * out


def _breasts(x, y, person):
    wide, high = 62 * person.shape["breast_width"], 56 * person.shape["breast_height"]
    across = np.abs(x)
    bump = _bump(across, y, (82, 52), (wide, high))
    # Towards the collar bone a breast thins out, below it ends at a fold.
    return np.float32(person.breast_mm) * bump * (0.35 + 0.65 * _step(y - 30, 70.0))


def _windpipe(points, person, pixel):
    bend = person.shape["trachea"]
    air = tube(points, [(0, -215, 8.5), (bend - 2, -110, 8.5), (bend - 3, -52, 8.5)])
    bronchi = np.minimum(
        tube(points, [(bend - 3, -52, 7), (-30, -24, 5)]), tube(points, [(bend - 3, -52, 6.5), (36, -28, 4.5)])
    )
    return 26 * ramp(-air, 2 * pixel + 3) + 12 * ramp(-bronchi, 2 * pixel + 4)


def _stomach(x, y, person, visit, dome):
    top = dome + 26 + person.shape["dome_left"]
    return 70 * np.float32(visit.stomach) * _bump(x, y, (70, top + 14), (34, 16))


def _ribs(x, y, person, apex, dome, width, pixel):
    """mm of bone in water (n,): each rib an ellipse round the chest, its back half higher and brighter than its front."""
    bone = np.zeros_like(x)
    fine = round(len(x) ** 0.5)
    lowest, highest = (edge(y.reshape(fine, fine), axis=1) for edge in (np.max, np.min))
    pitch = (dome - apex) / 10.4 * person.shape["ribs"]
    half = 5.6 * person.shape["rib_width"]
    cartilage = 0.7 * min(0.75, person.calcification)
    for rib in range(RIBS):
        back = apex + 9 + pitch * rib + person.ribs[:, 0, rib]
        fall = np.maximum(min(36 + 10 * rib, 104) * person.shape["rib_drop"] + person.ribs[:, 1, rib], 12)
        wide = (_outer(back + fall / 2, apex, dome, width) + 3) * (1 + person.ribs[:, 2, rib] / 2)
        # Only the rows of pixels that the rib can reach.
        rows = np.flatnonzero((lowest > back.min() - 12) & (highest < (back + fall).max() + 12))
        if not len(rows):
            continue
        part = slice(rows[0] * fine, (rows[-1] + 1) * fine)
        side = (x[part] > 0).astype(np.intp)
        across, a, b = np.abs(x[part]), wide.astype(np.float32)[side], (fall / 2)[side]
        u, v = across / a, (y[part] - (back + fall / 2)[side]) / b
        squares = u * u + v * v
        # First-order distance to the ellipse, as in `shapes.ellipsoid`.
        distance = np.abs(squares - np.sqrt(squares)) / np.sqrt((u / a) ** 2 + (v / b) ** 2 + np.float32(1e-9))
        # A tube's wall is thickest, seen from the front, near its edges.
        band = slot(distance, half, pixel) * (0.7 + np.minimum(distance, half) * np.float32(0.3 / half))
        behind = _step(-v * b, 16.0)
        front = 0.62 * np.maximum(_step(across - (74 - 0.25 * rib), 30.0), np.float32(cartilage) * (across > 20))
        # Where a rib turns forward, the beam runs along it.
        u = np.minimum(u, 1)
        band *= (1 + 0.7 * np.square(np.square(np.square(u)))) * (
            behind * ramp(across - 15, 8.0) + (1 - behind) * front
        )
        bone[part] = np.maximum(bone[part], 0.6 * bone[part] + band)
    return RIB_MM * np.float32(person.bone) * bone


def _spine(x, y, person, pixel):
    """Vertebrae with discs between them, bent a little."""
    middle = np.float32(person.shape["bend"]) * np.sin((y + 60) / 75)
    column = ramp(16.5 - np.abs(x - middle), pixel + 3)
    discs = 0.5 + 0.5 * np.cos(2 * np.pi * (y + 4) / 25.0)
    return SPINE_MM * np.float32(person.bone) * column * (0.62 + 0.38 * np.clip(discs * 1.6, 0, 1))


def _shoulders(points, person, visit, pixel):
    """Clavicles, the shoulder blades' inner borders, and the heads of the upper arms."""
    x, y = points
    mirrored = np.stack([np.abs(x), y])
    high = person.shape["clavicle"] + visit.shoulders_mm
    slope = person.shape["clavicle_slope"]
    clavicle = tube(
        mirrored,
        [
            (14, -108 + high, 6.0),
            (52, -113 + high, 5.2),
            (98, -131 + high - slope, 5.0),
            (140, -137 + high - slope, 7.0),
        ],
    )
    blade = tube(mirrored, [(112, -108, 3.0), (134, -58, 3.0), (131, -8, 3.5)])
    head = 44 * _bump(mirrored[0], y - np.float32(visit.shoulders_mm), (176, -124), (25, 26))
    edge = 0.75 + 0.25 * np.clip(1 + clavicle / 5, 0, 1)
    bones = CLAVICLE_MM * ramp(-clavicle, pixel) * edge + 8 * ramp(-blade, pixel + 2) + head
    return np.float32(person.shape["bone"]) * bones


def _spots(x, y, person):
    out = np.zeros_like(x)
    for across, down, radius, bone in person.spots:
        out += bone * _bump(x, y, (across, down), (radius, radius))
    return out


def _aortic_wall(x, y, person, pixel):
    """Chalk in the wall of the aortic knob, an arc on its outer side."""
    radius = person.knob_mm + 3
    distance = np.hypot(x - 22, y + 68) - np.float32(radius)
    arc = slot(distance, 1.4, pixel) * _step(x - 22 - 0.3 * (y + 68), 14.0)
    return 26 * np.float32(min(1.0, person.calcification)) * arc
