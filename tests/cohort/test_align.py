import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from remnant.cohort.align import align
from remnant.cohort.prepare import PreparationSettings, prepare
from remnant.cohort.read import read_cohort
from remnant.cohort.rigid import as_transform, register
from remnant.cohort.template import build_template

SETTINGS = PreparationSettings(spacing_mm=4.0, bias_field=False)


def ncc(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def rank_one(first, second):
    """How often the nearest of `second` (n, features) to a row of `first` has the same index."""
    scale = np.concatenate([first, second]).std(axis=0)
    distance = np.linalg.norm((first[:, None] - second[None]) / scale, axis=-1)
    return int((distance.argmin(axis=1) == np.arange(len(first))).sum())


def residual(pose_found, pose_drawn):
    """Where a head drawn at `pose_drawn` lies after alignment: three rotations, three translations."""
    matrix = np.array(as_transform(pose_found).GetMatrix()).reshape(3, 3)
    drawn = Rotation.from_euler("xyz", pose_drawn[:3]).as_matrix()
    rotation = drawn.T @ matrix
    return np.concatenate([Rotation.from_matrix(rotation).as_rotvec(), drawn.T @ (np.array(pose_found[3:]) - pose_drawn[3:])])
