"""What lies around the brain: skull, face, neck. Points are in the template's frame."""

import numpy as np

from remnant.cohort.phantoms.anatomy import Anatomy
from remnant.cohort.phantoms.canvas import Canvas
from remnant.cohort.phantoms.shapes import blend, ellipsoid, tube

DURA_MM = 3.2
SKULL_MM = 6.0
SCALP_MM = 5.5


def paint(canvas: Canvas, points: np.ndarray, brain: np.ndarray, person: Anatomy) -> None:
    """Paint the head onto points (3, n), up to the fluid around the brain; `brain` (n,) is the distance to
    its hull.
    """
    k = person.shape
    mirrored = np.stack([np.abs(points[0]), points[1], points[2]])
    cavity = brain - np.float32(DURA_MM)
    vault = ellipsoid(mirrored, (0, 0, 6), (65, 84, 57))
    cavity = np.where(points[2] > -8, np.minimum(cavity, vault), cavity)
    thickness = np.float32(SKULL_MM * k["skull"])
    bone = cavity - thickness

    cranium = blend(bone, ellipsoid(mirrored, (0, 0, 2), (66, 86, 62)) - thickness, 10.0)
    jaw = ellipsoid(mirrored, (0, 52 * k["jaw_length"], -92), (45 * k["jaw_width"], 44, 29), -8)
    face = blend(ellipsoid(mirrored, (0, 46, -52), (56 * k["face"], 48 * k["face"], 58)), jaw, 22.0)
    face = blend(face, ellipsoid(mirrored, (0, 76, -12), (46, 17 * k["brow"], 15)), 14.0)
    nose = ellipsoid(mirrored, (0, 92, -52), (13 * k["nose_width"], 20 * k["nose_length"], 15), 0)
    bridge = ellipsoid(mirrored, (0, 88, -36), (8 * k["nose_width"], 11 * k["nose_length"], 22), 15)
    neck = tube(points, [(0, -14, -60, 52 * k["neck"]), (0, -24, -170, 56 * k["neck"])])
    ears = ellipsoid(mirrored, (74, -12, -36), (7, 15, 26), 0)
    skin = blend(blend(cranium - np.float32(SCALP_MM * k["scalp"]), face, 16.0), neck, 24.0)
    skin = blend(blend(skin, blend(nose, bridge, 6.0), 7.0), ears, 5.0)

    chosen = skin < canvas.spacing
    with canvas.within(chosen) as inner:
        _inside(inner, points[:, chosen], skin[chosen], jaw[chosen], cavity[chosen], thickness, person)


def _inside(canvas, points, skin, jaw, cavity, thickness, person):
    k = person.shape
    mirrored = np.stack([np.abs(points[0]), points[1], points[2]])
    canvas.fill("scalp_and_soft_tissue", skin)
    fat = np.abs(skin + np.float32(1.5 + 1.6 * k["scalp"])) - np.float32(1.6 * k["scalp"])
    canvas.fill("fat", fat)
    # Everything of the face and the neck lies below or before the vault.
    front = (points[2] < 2) & ((points[1] > 8) | (points[2] < -50))
    with canvas.within(front) as inner:
        _face(inner, points[:, front], mirrored[:, front], skin[front], jaw[front], k)
    canvas.fill("skull", cavity - thickness)
    canvas.fill("bone_marrow", np.abs(cavity - thickness / 2) - thickness * np.float32(0.2))
    canvas.fill("external_csf", cavity)
    canvas.fill("external_csf", tube(points, [(0, -9, -62, 9), (0, -20, -170, 8)]))
    canvas.fill("spinal_cord", tube(points, [(0, -9, -62, 6), (0, -20, -170, 5)]))


def _face(canvas, points, mirrored, skin, jaw, k):
    eye = 32 * k["eye_distance"]
    canvas.fill("skull", np.maximum(np.abs(jaw + 13) - np.float32(6), np.maximum(skin + 7, points[2] + 66)))
    canvas.fill("bone_marrow", np.maximum(np.abs(jaw + 13) - np.float32(2.6), np.maximum(skin + 10, points[2] + 69)))
    canvas.fill("skull", np.maximum(ellipsoid(mirrored, (0, 62, -50), (46, 26, 26)), skin + 8))
    canvas.fill("bone_marrow", np.maximum(ellipsoid(mirrored, (0, 56, -62), (30, 22, 8)), skin + 10))
    canvas.fill("fat", ellipsoid(mirrored, (eye - 2, 66, -29), (15, 22, 14)))
    canvas.fill("skull", tube(points, [(0, -14, -76, 17), (0, -22, -170, 17)]))
    canvas.fill("bone_marrow", tube(points, [(0, -4, -78, 8), (0, -12, -170, 8)]))
    canvas.fill("airways", tube(points, [(0, 26, -58, 7), (0, 20, -100, 8), (0, 16, -170, 9)]))
    canvas.fill("airways", ellipsoid(mirrored, (0, 66, -50), (10 * k["nose_width"], 30, 18)))
    canvas.fill("airways", ellipsoid(mirrored, (27, 62, -56), (9, 13, 13)))
    canvas.fill("airways", ellipsoid(mirrored, (9, 80, -8), (9, 4, 7)))
    canvas.fill("eye", ellipsoid(mirrored, (eye, 78, -28), (11.6, 11.6, 11.6)))
