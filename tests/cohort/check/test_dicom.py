import numpy as np
import pydicom
import pytest

from remnant.cohort.check import check_directory
from remnant.cohort.files.volume import read_volume


@pytest.fixture
def volume(draw_head):
    return np.round(10 * draw_head(1, shape=(20, 24, 16), spacing=(9.0, 8.0, 10.0)).image)


def texts(directory, severity, check="header"):
    found = check_directory(directory, quiet=True).findings
    return [one.text for one in found if one.severity == severity and one.check == check]


def test_slices_make_the_volume_in_ras(tmp_path, write_series, volume):
    write_series(tmp_path, volume)
    array, affine = read_volume(tmp_path)
    assert np.array_equal(array, volume)
    # Columns lie 1.5 mm apart, rows 2 mm, slices 3 mm; DICOM counts left and back as positive.
    assert np.allclose(affine, [[-1.5, 0, 0, 10], [0, -2, 0, -20], [0, 0, 3, 0], [0, 0, 0, 1]])


def test_a_clean_folder_has_no_error(tmp_path, write_series, volume):
    write_series(tmp_path, volume)
    report = check_directory(tmp_path, quiet=True)
    assert report.counts == {"layout": "DICOM", "patients": 1, "sessions": 1, "scans": 1, "files": 16}
    assert not report.failed
    # A pseudonym and new UIDs look as real ones do.
    assert sorted(text.split()[5] for text in texts(tmp_path, "warning")) == ["UIDs,", "a"]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientName", "Prentice^Ada"),
        ("ReferringPhysicianName", "Lindqvist^Bo"),
        ("InstitutionName", "St. Mary"),
        ("AccessionNumber", "0048213377"),
        ("PatientBirthDate", "19610321"),
        ("StudyDate", "20190321"),
        ("BurnedInAnnotation", "YES"),
        ("PatientIdentityRemoved", "NO"),
    ],
)
def test_what_says_who_is_an_error(tmp_path, write_series, volume, keyword, value):
    write_series(tmp_path, volume, change=lambda header: setattr(header, keyword, value))
    (text,) = texts(tmp_path, "error")
    told = {"PatientBirthDate": "dates", "StudyDate": "dates", "BurnedInAnnotation": "burnt-in"}.get(keyword, keyword)
    assert told in text and "16 of 16 files" in text
    assert value in ("YES", "NO") or value not in text


@pytest.mark.parametrize("name", ["", "Anonymous", "P001"])
def test_a_name_that_says_nothing(tmp_path, write_series, volume, name):
    write_series(tmp_path, volume, change=lambda header: setattr(header, "PatientName", name))
    assert texts(tmp_path, "error") == []


def test_private_tags_within_sequences(tmp_path, write_series, volume):
    def change(header):
        item = pydicom.Dataset()
        item.private_block(0x0011, "Maker", create=True).add_new(1, "LO", "x")
        header.RequestAttributesSequence = [item]

    write_series(tmp_path, volume, change=change)
    assert any("private tags" in text for text in texts(tmp_path, "warning"))


def test_one_volume_under_two_patients(tmp_path, write_series, volume):
    write_series(tmp_path, volume, folder="one")
    write_series(tmp_path, volume, "P002", folder="two")
    (text,) = texts(tmp_path, "error", "duplicates")
    assert "two patients" in text


def test_a_file_that_is_no_dicom(tmp_path, write_series, volume):
    write_series(tmp_path, volume)
    (tmp_path / "series/README").write_text("x")
    (tmp_path / "series/._3.dcm").write_bytes(b"\0\5\x16\7" + b"\0" * 100)
    assert not check_directory(tmp_path, quiet=True).failed
    (tmp_path / "series/empty.dcm").write_bytes(b"")
    report = check_directory(tmp_path, quiet=True)
    assert report.counts["files"] == 16
    assert [one.examples for one in report.findings if one.severity == "error"] == [("series/empty.dcm",)]


def sequence(**values):
    item = pydicom.Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return lambda header: setattr(header, "RequestAttributesSequence", [item])


def values(**given):
    return lambda header: [setattr(header, keyword, value) for keyword, value in given.items()]


def overlay(header):
    header.add_new(0x60003000, "OW", b"\xaa" * 18)


def private(header):
    header.private_block(0x0019, "MAKER", create=True).add_new(0x10, "LO", "Ada Prentice")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (sequence(PatientName="Prentice^Ada"), "hold PatientName"),
        (sequence(AccessionNumber="A4711"), "hold AccessionNumber"),
        (values(ImageComments="Ada Prentice, after surgery"), "hold ImageComments"),
        (values(StudyDescription="seen 2019-03-21"), "hold StudyDescription that looks like a date"),
        (values(PatientName="Prentice^Ada", StudyDescription="HEAD Prentice"), "StudyDescription that repeats a name"),
        (values(IssuerOfPatientID="St. Mary"), "hold IssuerOfPatientID"),
        (values(PatientID="Prentice^Ada", PatientName="Prentice^Ada"), "PatientID that looks like a name"),
        (overlay, "hold an overlay or a curve"),
        (private, "private tags that look like a name"),
    ],
)
def test_what_says_who_wherever_it_stands(tmp_path, write_series, volume, change, told):
    write_series(tmp_path, volume, change=change)
    assert any(told in text for text in texts(tmp_path, "error"))
    assert not any("Prentice" in text or "Mary" in text for text in texts(tmp_path, "error"))


def test_what_may_stay_is_a_warning(tmp_path, write_series, volume):
    write_series(
        tmp_path, volume, change=values(SeriesDescription="T1 MPRAGE", PatientAge="061Y", ContentTime="101530")
    )
    assert texts(tmp_path, "error") == []
    told = " ".join(texts(tmp_path, "warning"))
    assert all(what in told for what in ("free text", "traits of the patient", "times of day"))


def test_files_are_found_whatever_they_are_called(tmp_path, write_series, volume):
    write_series(tmp_path, volume, change=values(PatientName="Prentice^Ada"))
    for number, path in enumerate(sorted((tmp_path / "series").iterdir())):
        path.rename(path.with_name(f"1.2.826.0.{number}"))
    (text,) = texts(tmp_path, "error")
    assert "16 of 16 files hold PatientName" in text


def test_a_directory_of_a_medium_names_people_too(tmp_path, write_series, volume):
    write_series(tmp_path, volume)
    listing = pydicom.Dataset()
    record = pydicom.Dataset()
    record.DirectoryRecordType, record.PatientName = "PATIENT", "Prentice^Ada"
    listing.DirectoryRecordSequence = [record]
    listing.file_meta = pydicom.dataset.FileMetaDataset()
    listing.file_meta.MediaStorageSOPClassUID = pydicom.uid.MediaStorageDirectoryStorage
    listing.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    listing.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    listing.save_as(tmp_path / "DICOMDIR", enforce_file_format=True)
    assert texts(tmp_path, "error") == ["1 of 17 files holds PatientName; remove it."]
    assert check_directory(tmp_path, quiet=True).counts["scans"] == 1


def test_what_cannot_be_read_is_named(tmp_path, write_series, volume):
    write_series(tmp_path, volume)
    write_series(tmp_path, volume[..., ::-1] + 1, "P002", folder="other")
    path = tmp_path / "series/3.dcm"
    path.write_bytes(path.read_bytes()[:-300])
    (tmp_path / "other/5.dcm").unlink()
    one, two = sorted(texts(tmp_path, "error", "contents"))
    assert "other lacks 1 slice" in one and "3.dcm is cut off or damaged" in two


def test_an_image_that_is_cut_within_its_header_is_named_and_a_report_is_not(tmp_path, write_series, volume):
    write_series(tmp_path, volume, change=values(PatientName="Prentice^Ada"))
    for name, kept in (("2.dcm", "SOPClassUID"), ("3.dcm", "")):
        header = pydicom.dcmread(tmp_path / f"series/{name}", stop_before_pixels=True)
        for element in list(header):
            if element.keyword not in (kept, "SOPInstanceUID", "PatientName", "PatientIdentityRemoved"):
                del header[element.tag]
        if not kept:
            del header.file_meta.MediaStorageSOPClassUID
        header.save_as(tmp_path / f"series/{name}", enforce_file_format=False)
    report = pydicom.dcmread(tmp_path / "series/2.dcm")
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = pydicom.uid.BasicTextSRStorage
    report.save_as(tmp_path / "series/report.dcm")
    found = texts(tmp_path, "error", "contents")
    assert all(any(f"{name} is an image that holds no pixels" in text for text in found) for name in ("2.dcm", "3.dcm"))
    assert not any("report.dcm" in text for text in found)
    assert texts(tmp_path, "error")[0] == "17 of 17 files hold PatientName; remove it."


def test_dicom_beside_a_cohort_does_not_hide_it(tmp_path, clean, write_manifest, write_series, volume):
    directory = write_manifest(tmp_path / "data", clean())
    plain = check_directory(directory, quiet=True)
    write_series(directory / "sourcedata", volume, change=values(PatientName="Prentice^Ada"))
    report = check_directory(directory, quiet=True)
    assert report.counts == plain.counts | {"files": plain.counts["files"] + 16}
    assert [one.text for one in report.findings if one.severity == "error"] == [
        "16 of 16 files hold PatientName; remove it."
    ]


def test_tables_that_cannot_be_read_beside_dicom_are_told(tmp_path, write_series, volume, put):
    write_series(tmp_path, volume)
    put(tmp_path / "manifest.csv", "slice,order\n0.dcm,1\n")
    (text,) = texts(tmp_path, "warning", "contents")
    assert text.startswith("Only the DICOM files were checked") and "manifest.csv lacks the column" in text


@pytest.mark.parametrize("damage", ["nested", "representation", "length"])
def test_a_header_that_cannot_be_read_to_its_end_is_told(tmp_path, write_series, volume, damage):
    write_series(tmp_path, volume)
    path = tmp_path / "series" / "0.dcm"
    raw, rows = path.read_bytes(), b"\x28\x00\x10\x00US\x02\x00"
    if damage == "nested":
        below = b""
        for _ in range(3000):
            item = b"\xfe\xff\x00\xe0" + len(below).to_bytes(4, "little") + below
            below = b"\x08\x00\x40\x11SQ\0\0" + len(item).to_bytes(4, "little") + item
        path.write_bytes(raw.replace(b"\x10\x00\x20\x00LO", below + b"\x10\x00\x20\x00LO"))
    elif damage == "representation":
        path.write_bytes(raw.replace(rows, rows.replace(b"US", b"XX")))
    else:
        path.write_bytes(raw.replace(rows, rows.replace(b"\x02\x00", b"\x01\x00")))
    assert path.read_bytes() != raw
    report = check_directory(tmp_path, quiet=True)
    assert report.failed and report.counts["files"] == 15
    assert any(one.examples == ("series/0.dcm",) for one in report.findings if one.severity == "error")
