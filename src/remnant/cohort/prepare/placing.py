"""One scan onto a grid that others chose, without labels, and a label map from there back onto the scan's own voxels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case, LabelScheme
from remnant.cohort.files.nifti import Geometry
from remnant.cohort.prepare.grid import Grid, from_sitk, resample_image, resample_labels, to_sitk
from remnant.cohort.prepare.head import Head, find_head, head_of, make_head
from remnant.cohort.prepare.rigid import CENTRED, Pose, as_transform, register
from remnant.cohort.prepare.space import geometry_of
from remnant.cohort.prepare.volumes import PreparationSettings


@dataclass(frozen=True)
class Placing:
    """Where a scan's head lies on a grid.

    `matrix` (4, 4) takes a voxel of the scan's file to a voxel of the grid, both by index; `shape`, `affine` (4, 4) and, of a
    NIfTI file, `geometry` are the file's. Together they tell whose file it is as a fingerprint does: they stay with whoever
    holds the scan.
    """

    matrix: np.ndarray
    shape: tuple[int, int, int]
    affine: np.ndarray
    geometry: Geometry | None = None

    def back(self, labels: np.ndarray) -> np.ndarray:
        """A label map (x, y, z) on the grid as uint8 of the file's `shape`, 0 outside the grid.

        A voxel of the file gets the label of which there is most around it, by linear interpolation of each label's share.
        """
        best = np.zeros(self.shape, np.uint8)
        most = 1 - self._drawn_out(labels > 0)
        for label in np.unique(labels[labels > 0]):
            share = self._drawn_out(labels == label)
            best[share > most] = label
            most = np.maximum(most, share)
        return best

    def _drawn_out(self, part: np.ndarray) -> np.ndarray:
        transform = sitk.AffineTransform(3)
        transform.SetMatrix(self.matrix[:3, :3].ravel().tolist())
        transform.SetTranslation(self.matrix[:3, 3].tolist())
        # Voxel indices stand for millimetres on both sides.
        frame = ((0.0,) * 3, (1.0,) * 3, np.eye(3).ravel().tolist())
        share = to_sitk(part.astype(np.float32), (1.0,) * 3, (0.0,) * 3)
        return from_sitk(sitk.Resample(share, self.shape, transform, sitk.sitkLinear, *frame))


def place_scan(
    path: Path, grid: Grid, settings: PreparationSettings, template: np.ndarray | None = None
) -> tuple[np.ndarray, Placing]:
    """A scan prepared on `grid`, float32 (x, y, z) in [0, 1], and where it lies there.

    As `prepare` and `align` do it for a cohort: registered to `template` (x, y, z) on `grid`, or only centred without one.
    Raises `RemnantError` where the scan is unfit, and where its head is larger than the grid.
    """
    found = find_head(Case("scan", "1", Path(path)), settings.region)
    head = head_of(found, np.zeros(found.image.shape, np.uint8), bias_field=settings.bias_field, region=settings.region)
    image, pose = _placed(head, path, grid, template)
    # From the file's voxels to those of the head, which has one more on each side, to its millimetres, to the grid's.
    oriented = np.linalg.inv(_orienting(found.orientation, found.shape))
    into_head = _affine(np.diag(head.spacing), head.origin - (found.first - 1) * head.spacing)
    matrix = np.linalg.inv(grid.affine) @ np.linalg.inv(_posing(pose)) @ into_head @ oriented
    return image, Placing(matrix, found.shape, found.affine, geometry_of(Path(path)))


def place_case(
    case: Case, scheme: LabelScheme, grid: Grid, settings: PreparationSettings, template: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A scan as `place_scan` prepares it, float32 (x, y, z), and its label map there, uint8 (x, y, z) of the scheme's classes.

    Raises `RemnantError` likewise, and where the label map does not fit the scan or the scheme.
    """
    head = make_head(case, scheme, bias_field=settings.bias_field, region=settings.region)
    image, pose = _placed(head, case.image, grid, template)
    return image, resample_labels(head.volumes()[1], grid, as_transform(pose), len(scheme.classes))


def _placed(head: Head, path: Path, grid: Grid, template: np.ndarray | None) -> tuple[np.ndarray, Pose]:
    """The head's image on the grid, and how it was turned."""
    largest = np.array(grid.shape) * grid.spacing / 2
    if (head.reach > largest).any():
        raise RemnantError(
            f"The head in {path} reaches {head.reach.max():.0f} mm from its centre, further than the grid of {grid.shape} voxels "
            f"of {grid.spacing:g} mm; check that it is a head of the kind that the networks were trained on."
        )
    volume = head.volumes()[0]
    identity = sitk.Transform(3, sitk.sitkIdentity)
    pose = CENTRED if template is None else register(template, resample_image(volume, grid, identity), grid)
    return np.clip(resample_image(volume, grid, as_transform(pose)), 0, 1), pose


def _affine(linear: np.ndarray, shift: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, shift
    return affine


def _orienting(orientation: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(4, 4): a voxel of the oriented volume to the file's."""
    from nibabel.orientations import inv_ornt_aff

    return inv_ornt_aff(orientation, shape)


def _posing(pose: Pose) -> np.ndarray:
    """(4, 4): what `as_transform` does to a point, in millimetres."""
    transform = as_transform(pose)
    return _affine(np.reshape(transform.GetMatrix(), (3, 3)), np.array(transform.TransformPoint((0.0, 0.0, 0.0))))
