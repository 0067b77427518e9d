"""DICOM headers: what the basic profile of PS3.15 Annex E removes or replaces, and whether somebody did."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pydicom

from remnant.base.identifying import kind_of
from remnant.cohort.check.base import Check, CheckFinding, finding
from remnant.cohort.check.dicom import DicomFile
from remnant.cohort.check.profile import UIDS, AttributeNote, judge, words_of
from remnant.cohort.check.subject import Subject
from remnant.cohort.files.dicom import quiet_pydicom

# Of the UIDs, those by which an archive finds a patient's images.
FINDING_UIDS = {"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"}
OVERLAY = AttributeNote("error", "hold an overlay or a curve, which may show a name over the picture", "remove it")
BURNT = AttributeNote("error", "say that pixels hold burnt-in text", "blank it")
PRIVATE = AttributeNote("warning", "hold private tags", "remove those that are not known to be safe")
NOT_REMOVED = AttributeNote(
    "error", "lack PatientIdentityRemoved = YES", "run them through a de-identification profile, which sets it"
)


class DicomHeader(Check):
    """Names and dates are errors, as are overlays and burnt-in text that the header admits; what a profile may keep is a warning.

    Every attribute counts, within sequences, too.
    """

    name = "header"

    def findings(self, subject: Subject) -> list[CheckFinding]:
        paths: dict[AttributeNote, list[Path]] = defaultdict(list)
        for one in subject.dicom:
            with quiet_pydicom():
                for told in dict.fromkeys(_tells(one)):
                    paths[told].append(one.path)
        total = len(subject.dicom)
        return [
            finding(
                self.name,
                told.severity,
                f"{told.of_files(len(those), total)}; {told.mend}.",
                those,
                subject.root,
            )
            for told, those in paths.items()
        ]


def _tells(one: DicomFile) -> Iterator[AttributeNote]:
    elements = [element for element in one.header.iterall() if element.VR != "SQ"]
    texts = [(element, _text(element)) for element in elements]
    named = words_of([text for element, text in texts if element.VR == "PN"])
    patient_id = str(one.header.get("PatientID", ""))
    for element, text in texts:
        group = element.tag.group
        if element.tag.is_private:
            kind = kind_of(text)
            yield AttributeNote("error", f"hold private tags that look like {kind}", "remove them") if kind else PRIVATE
        elif group & 0xFF00 in (0x5000, 0x6000) and element.tag.element in (0x3000, 0x4000):
            yield OVERLAY
        elif element.keyword in FINDING_UIDS and text:
            yield UIDS
        elif told := judge(element.keyword, text, patient_id, named):
            yield told
    if str(one.header.get("BurnedInAnnotation", "")).upper() == "YES":
        yield BURNT
    # A DICOMDIR lists files and has no such attribute.
    if (
        "DirectoryRecordSequence" not in one.header
        and str(one.header.get("PatientIdentityRemoved", "")).upper() != "YES"
    ):
        yield NOT_REMOVED


def _text(element: pydicom.DataElement) -> str:
    """A value as text; of bytes what can be read of them, and '' for what cannot be decoded at all."""
    try:
        value = element.value
        if isinstance(value, bytes):
            return value[:1000].decode("latin-1").strip("\0 ") if element.tag.is_private else str(len(value) or "")
        return "" if value is None else str(value).strip("[]' ")
    except Exception:
        # Whatever a damaged value raises may quote it.
        return ""
