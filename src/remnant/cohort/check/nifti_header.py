"""Free text in the headers of volumes and of pictures, and what they carry over of DICOM: whole headers or single attributes.

Looked at are also the files beside the cohort, such as other sequences and channels: they go wherever the directory goes.
"""

import re
from collections import defaultdict
from pathlib import Path

from pydicom.datadict import keyword_for_tag

from remnant.base.errors import RemnantError
from remnant.base.identifying import DATE, NUMBER, kind_of
from remnant.base.texts import counted
from remnant.cohort.check.base import Check, CheckFinding, finding
from remnant.cohort.check.profile import judge
from remnant.cohort.check.subject import Subject
from remnant.cohort.files.dicom import is_dicom
from remnant.cohort.files.nifti import open_image
from remnant.cohort.files.radiograph import kind
from remnant.cohort.files.raster import texts as picture_texts
from remnant.cohort.files.text_header import ENDINGS as TEXT_ENDINGS
from remnant.cohort.files.text_header import read_text_header

TEXT_FIELDS = ("descrip", "db_name", "aux_file", "intent_name")
# NIfTI-1's registered extensions that carry another program's header.
EXTENSIONS = {2: "DICOM", 4: "AFNI", 6: "comment", 8: "XCEDE", 10: "JIM", 12: "workflow", 18: "MIND", 44: "MATLAB"}
ALWAYS = {"DICOM"}


class NiftiHeader(Check):
    """Text that looks like an identifier is an error, other free text worth a look."""

    name = "header"

    def findings(self, subject: Subject) -> list[CheckFinding]:
        errors, texts = defaultdict(list), defaultdict(list)
        unread = []
        for path in (*subject.files, *subject.others):
            if path in subject.unreadable or is_dicom(path):
                continue
            try:
                texts_of_file = header_texts(path)
            except RemnantError:
                # Of files of the cohort the check that reads their voxels tells.
                if path in subject.others:
                    unread.append(path)
                continue
            for place, text in texts_of_file.items():
                kind = kind_of(text) or ("a copy of a DICOM header" if place.split()[0] in ALWAYS else None)
                (errors[place, kind] if kind else texts[place]).append(path)
        found = []
        for (place, kind), paths in sorted(errors.items()):
            text = f"{place} of {counted(len(paths), 'header')} holds what looks like {kind}; write the files anew without it."
            found.append(finding(self.name, "error", text, paths, subject.root))
        for place, paths in sorted(texts.items()):
            text = f"{place} of {counted(len(paths), 'header')} holds free text; see that it names nobody, or empty it."
            found.append(finding(self.name, "warning", text, paths, subject.root))
        if unread:
            text = f"The headers of {counted(len(unread), 'file')} beside the cohort cannot be read; see what they say of people."
            found.append(finding(self.name, "warning", text, unread, subject.root))
        return found


def header_texts(path: Path) -> dict[str, str]:
    """What a header says in words, by the field or extension that it stands in; empty fields are left out."""
    if kind(path):
        return {place: text if len(text) < 100 else _telling(text) for place, text in picture_texts(path).items()}
    if path.name.endswith(TEXT_ENDINGS):
        return _texts_by_key(path)
    header = open_image(path).header
    texts = {
        name: bytes(header[name].tobytes()).split(b"\0")[0].decode("latin-1").strip()
        for name in TEXT_FIELDS
        if name in header
    }
    for extension in getattr(header, "extensions", ()):
        code = extension.get_code()
        # A DICOM header counts whole: what is in it need not be read.
        raw = b"" if code == 2 else bytes(extension.content)
        place = f"{EXTENSIONS.get(code, f'code {code}')} extension"
        texts[place] = texts.get(place, "") + (raw.decode("latin-1").strip("\0 ") or "header")
    # Within long text a name cannot be told from any two words: dates and numbers can.
    return {place: text if len(text) < 100 else _telling(text) for place, text in texts.items() if text}


def _texts_by_key(path: Path) -> dict[str, str]:
    """As `header_texts`; of DICOM the attributes that say something of a person, those that say who it is called DICOM first."""
    texts = {}
    for key, text in read_text_header(path).texts.items():
        match = re.fullmatch(r"([0-9A-Fa-f]{4})\|([0-9A-Fa-f]{4})", key)
        keyword = keyword_for_tag(int(match[1] + match[2], 16)) if match else ""
        if not keyword:
            texts[key] = text
        elif told := judge(keyword, text, "", set()):
            texts[f"DICOM {keyword}" if told.severity == "error" else keyword] = text
    return {place: text if len(text) < 100 else _telling(text) for place, text in texts.items()}


def _telling(text: str) -> str:
    hit = DATE.search(text) or NUMBER.search(text)
    return hit.group() if hit else "text"
