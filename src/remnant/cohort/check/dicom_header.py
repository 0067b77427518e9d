"""DICOM headers: what the basic profile of PS3.15 Annex E removes or replaces, and whether somebody did."""

from collections.abc import Callable

import pydicom

from remnant.cohort.check.base import Check
from remnant.cohort.check.finding import Finding, finding
from remnant.cohort.check.subject import Subject

PEOPLE = (
    "PatientName",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientMotherBirthName",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "OtherPatientIDs",
    "OtherPatientIDsSequence",
    "PatientComments",
    "AdditionalPatientHistory",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "OperatorsName",
    "NameOfPhysiciansReadingStudy",
    "RequestingPhysician",
    "ResponsiblePerson",
    "PhysiciansOfRecord",
)
PLACES = (
    "InstitutionName",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "StationName",
    "DeviceSerialNumber",
    "AccessionNumber",
    "StudyID",
)
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
NOBODY = {"", "anonymous", "anonymized", "anonymised", "anon", "none", "removed", "unknown"}


class DicomHeader(Check):
    """Names and dates are errors, as is burnt-in text that the header admits; what a profile may keep is a warning."""

    name = "header"

    def findings(self, subject: Subject) -> list[Finding]:
        slices = subject.dicom
        if not slices:
            return []
        found = []

        def told(severity, what: str, holds: Callable[[pydicom.Dataset], bool], mend: str) -> None:
            if paths := [one.path for one in slices if holds(one.header)]:
                text = f"{len(paths)} of {len(slices)} files {what}; {mend}."
                found.append(finding(self.name, severity, text, paths, subject.root))

        for keyword in PEOPLE:
            told("error", f"hold {keyword}", lambda header, keyword=keyword: _says(header, keyword), "remove it")
        told("error", "hold dates or times", _dated, "remove them or shift them by a secret number of days")
        for keyword in PLACES:
            told("error", f"hold {keyword}", lambda header, keyword=keyword: _says(header, keyword), "remove it")
        told("error", "say that their pixels hold burnt-in text", _burnt, "blank it")
        told("warning", "hold a PatientID", lambda header: _says(header, "PatientID"), "see that it is a pseudonym")
        told(
            "warning",
            "hold UIDs, by which the hospital's archive finds them",
            lambda header: any(_says(header, keyword) for keyword in UIDS),
            "see that they were replaced",
        )
        told("warning", "hold private tags", _private, "remove those that are not known to be safe")
        told(
            "error",
            "lack PatientIdentityRemoved = YES",
            lambda header: str(header.get("PatientIdentityRemoved", "")).upper() != "YES",
            "run them through a de-identification profile, which sets it",
        )
        return found


def _says(header: pydicom.Dataset, keyword: str) -> bool:
    value = header.get(keyword)
    if value is None:
        return False
    text = str(value).strip(" ^[]").lower()
    # Many tools put the pseudonym into the name.
    return text not in NOBODY and not (keyword == "PatientName" and text == str(header.get("PatientID", "")).lower())


def _dated(header: pydicom.Dataset) -> bool:
    return any(element.VR in ("DA", "DT") and str(element.value).strip() for element in header.iterall())


def _private(header: pydicom.Dataset) -> bool:
    return any(element.tag.is_private for element in header.iterall())


def _burnt(header: pydicom.Dataset) -> bool:
    return str(header.get("BurnedInAnnotation", "")).upper() == "YES"
