"""Write a phantom as a scanner would: a volume in NIfTI becomes a DICOM series of MR slices, for trying a PACS.

    python examples/pacs/series.py SCAN FOLDER

Of real patients there are series already; this invents a patient.
"""

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid


def write_series(scan: Path, folder: Path) -> None:
    """The volume's slices, transversal, feet to head, as one series of one study."""
    volume = nib.as_closest_canonical(nib.load(scan))
    # From RAS to the axes of DICOM: to the left, to the back, up.
    image = np.asarray(volume.dataobj)[::-1, ::-1]
    grey = np.round(image / image.max() * 4000).astype(np.uint16)
    x, y, z = (float(side) for side in volume.header.get_zooms())
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    folder.mkdir(parents=True)
    for number in range(grey.shape[2]):
        header = pydicom.Dataset()
        header.file_meta = pydicom.dataset.FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = MRImageStorage
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = generate_uid()
        header.StudyInstanceUID, header.SeriesInstanceUID, header.FrameOfReferenceUID = study, series, frame
        header.PatientName, header.PatientID, header.PatientBirthDate, header.PatientSex = "Phantom", "P0", "", ""
        header.StudyDate, header.StudyTime, header.StudyID, header.AccessionNumber = "20260101", "", "1", ""
        header.ReferringPhysicianName, header.Manufacturer, header.PositionReferenceIndicator = "", "", ""
        header.Modality, header.SeriesDescription, header.ImageType = "MR", "T1", ["ORIGINAL", "PRIMARY", "OTHER"]
        header.SeriesNumber, header.InstanceNumber, header.AcquisitionNumber = 1, number + 1, 1
        header.ScanningSequence, header.SequenceVariant, header.ScanOptions, header.MRAcquisitionType = (
            "GR",
            "SP",
            "",
            "3D",
        )
        header.EchoTime, header.RepetitionTime, header.EchoTrainLength = 3.0, 2300.0, 1
        header.PatientPosition, header.ImageOrientationPatient = "HFS", [1, 0, 0, 0, 1, 0]
        header.ImagePositionPatient = [0.0, 0.0, number * z]
        header.PixelSpacing, header.SliceThickness = [y, x], z
        header.Rows, header.Columns = grey.shape[1], grey.shape[0]
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.BitsAllocated = header.BitsStored = 16
        header.HighBit, header.PixelRepresentation = 15, 0
        header.PixelData = np.ascontiguousarray(grey[:, :, number].T).tobytes()
        header.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)


if __name__ == "__main__":
    write_series(Path(sys.argv[1]), Path(sys.argv[2]))
