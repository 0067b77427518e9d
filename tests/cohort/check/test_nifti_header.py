import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk


def rewrite(path, change):
    image = nib.load(path)
    copy = nib.Nifti1Image(np.asarray(image.dataobj), image.affine)
    change(copy.header)
    nib.save(copy, path)


def in_one(change):
    return lambda data: rewrite(data / "images/p1s0.nii.gz", change)


def setter(name, value):
    return lambda header: header.__setitem__(name, value)


def dicom_extension(header):
    dataset = pydicom.Dataset()
    dataset.PatientName = "Prentice^Ada"
    header.extensions.append(nib.nifti1.Nifti1DicomExtension(2, dataset))


def text_extension(code, text):
    return lambda header: header.extensions.append(nib.nifti1.Nifti1Extension(code, text))


def test_a_clean_cohort(clean, found):
    assert found(clean(), "header") == []


@pytest.mark.parametrize(
    ("change", "severity", "place", "kind"),
    [
        (setter("descrip", "Prentice^Ada"), "error", "descrip", "a name"),
        (setter("descrip", "Ada Prentice"), "error", "descrip", "a name"),
        (setter("db_name", "20190321"), "error", "db_name", "a date"),
        (setter("aux_file", "acq 3-Mar-2019"), "error", "aux_file", "a date"),
        (setter("intent_name", "0048213377"), "error", "intent_name", "a long number"),
        (setter("descrip", "FSL5.0"), "warning", "descrip", "free text"),
        (dicom_extension, "error", "DICOM extension", "a copy of a DICOM header"),
        (text_extension("afni", b"<AFNI_atr>" + b"x" * 200 + b"2019-03-21</AFNI_atr>"), "error", "AFNI", "a date"),
        (text_extension("comment", b"resampled"), "warning", "comment extension", "free text"),
    ],
)
def test_what_a_header_says(clean, found, change, severity, place, kind):
    (one,) = found(clean(), "header", in_one(change))
    assert one.severity == severity and place in one.text and kind in one.text
    assert one.examples == ("images/p1s0.nii.gz",)
    assert "Prentice" not in one.text and "2019" not in one.text


def test_attributes_of_dicom_in_a_nrrd_or_metaimage(clean, found):
    def spoil(data):
        for ending in ("mha", "nrrd"):
            image = sitk.GetImageFromArray(np.zeros((3, 3, 3), np.int16))
            for key, text in (
                ("0010|0010", "PRENTICE"),
                ("0008|103e", "t1 mprage"),
                ("0028|0010", "3"),
                ("site", "Ada Prentice"),
            ):
                image.SetMetaData(key, text)
            sitk.WriteImage(image, data / f"images/other.{ending}")

    told = {(one.severity, one.text) for one in found(clean(), "header", spoil)}
    assert {("error", "DICOM PatientName of 2"), ("error", "site of 2"), ("warning", "SeriesDescription of 2")} == {
        (severity, text.partition(" headers")[0]) for severity, text in told
    }
    assert not any("prentice" in text.lower() for _, text in told)


def test_files_beside_the_cohort(clean, found):
    def spoil(data):
        volume = nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4))
        volume.header["db_name"] = "Prentice^Ada"
        nib.save(volume, data / "images/p1s0_FLAIR.nii.gz")
        (data / "images/broken.nii").write_bytes(b"no volume")
        (data / "images/._p1s0.nii.gz").write_bytes(b"of macOS")

    named, unread = found(clean(), "header", spoil)
    assert named.severity == "error" and named.examples == ("images/p1s0_FLAIR.nii.gz",)
    assert unread.severity == "warning" and unread.examples == ("images/broken.nii",)
