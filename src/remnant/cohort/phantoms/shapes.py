"""Signed distances in millimetres (negative inside) of the solids a body is made of; points are (3, n)
float32.
"""

import itertools

import numpy as np


def ellipsoid(points: np.ndarray, centre: tuple, radii: tuple, tilt: float = 0.0) -> np.ndarray:
    """Approximate distance (n,) to an ellipsoid, turned by `tilt` degrees about the left-right axis (nose
    up).

    The distance is the first-order one, k0 (k0 - 1) / k1 with k0 = |p/r| and k1 = |p/r^2|: exact on the
    surface.
    """
    x, y, z = (points[axis] - np.float32(centre[axis]) for axis in range(3))
    if tilt:
        c, s = np.float32(np.cos(np.radians(tilt))), np.float32(np.sin(np.radians(tilt)))
        y, z = c * y + s * z, c * z - s * y
    a, b, c = ((p / np.float32(r)) ** 2 for p, r in zip((x, y, z), radii, strict=True))
    k0 = np.sqrt(a + b + c)
    k1 = np.sqrt(a / np.float32(radii[0] ** 2) + b / np.float32(radii[1] ** 2) + c / np.float32(radii[2] ** 2))
    return k0 * (k0 - 1) / np.maximum(k1, np.float32(1e-6))


def tube(points: np.ndarray, nodes: list[tuple[float, ...]]) -> np.ndarray:
    """Distance (n,) to a bent tube through `nodes` (x, y, z, radius), its radius changing linearly between
    them; in a plane, points are (2, n) and nodes (x, y, radius).
    """
    axes = len(points)
    nearest = None
    for start, end in itertools.pairwise(nodes):
        a, b = np.float32(start), np.float32(end)
        axis = b[:axes] - a[:axes]
        relative = [points[i] - a[i] for i in range(axes)]
        along = sum(r * step for r, step in zip(relative, axis, strict=True)) / np.float32(axis @ axis)
        np.clip(along, 0, 1, out=along)
        squares = sum((r - along * step) ** 2 for r, step in zip(relative, axis, strict=True))
        distance = np.sqrt(squares) - (a[axes] + along * (b[axes] - a[axes]))
        nearest = distance if nearest is None else np.minimum(nearest, distance)
    return nearest


def blend(first: np.ndarray, second: np.ndarray, width: float) -> np.ndarray:
    """Union of two solids whose seam is rounded over `width` mm (polynomial smooth minimum)."""
    overlap = np.maximum(np.float32(width) - np.abs(first - second), 0)
    return np.minimum(first, second) - overlap * overlap / np.float32(4 * width)


def carve(first: np.ndarray, second: np.ndarray, width: float) -> np.ndarray:
    """Intersection of two solids, its edge rounded over `width` mm."""
    return -blend(-first, -second, width)
