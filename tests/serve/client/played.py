"""A server of one segmenter that a test plays, and what the scans of these tests are told by."""

import json

import httpx
import numpy as np

from remnant.cohort.prepare.grid import Grid
from remnant.serve.protocol import HEADER_LENGTH, Answer, Metadata, Request, Signature, Tensor, packed, unpacked

GRID, CLASSES = Grid((32, 32, 32), 6.0), ("background", "gm", "wm", "csf")
# Of the slices of a phantom in LPS, 3 mm by 3 mm by 4 mm: by 20 degrees.
TILTED = (0.0, 4 * np.sin(0.349), 4 * np.cos(0.349))
# What no byte that leaves may hold; each stands in the headers that `write_dicom` writes.
SECRETS = {
    "PatientName": "Zqarlow^Quillomene",
    "PatientID": "ZQ77310048",
    "PatientBirthDate": "19520317",
    "PatientSex": "F",
    "StudyDate": "20240229",
    "StudyTime": "101533",
    "AccessionNumber": "ACC9914402",
    "StudyID": "ST551",
    "StudyDescription": "Zerebrum nativ",
    "SeriesDescription": "T1_MPRAGE_zq",
    "ReferringPhysicianName": "Wexelbruegge^Ottokar",
    "InstitutionName": "Klinikum Xylmar",
    "StationName": "XYLMR03",
    "Manufacturer": "Vendorovia",
    "ManufacturerModelName": "Magnix 3T",
    "DeviceSerialNumber": "SN660218",
    "SoftwareVersions": "vx11",
    "ProtocolName": "Hirn_zq",
}


class Pieces(httpx.SyncByteStream):
    """A body that comes bit by bit, as over a network."""

    def __init__(self, body):
        self.body = body

    def __iter__(self):
        yield from (self.body[start : start + 65536] for start in range(0, len(self.body), 65536))


def reply(status, body=b'{"error": "So it is."}', headers=None):
    return httpx.Response(status, headers=headers, stream=Pieces(body))


class Played:
    """A server of one segmenter named `segmenter`, as a handler for httpx, that keeps what it was sent.

    `maps(code)`: float (classes, x, y, z) of a code (1, x, y, z); `instead`: statuses, exceptions or
    what `reply` takes, before the first answer.
    """

    def __init__(self, mark, maps):
        self.mark, self.maps, self.requests, self.instead = mark, maps, [], []

    def __call__(self, request):
        self.requests.append(request)
        if self.instead:
            return self._other(self.instead.pop(0))
        if request.method == "GET":
            return reply(200, self.described().model_dump_json().encode())
        asked = unpacked(Request, request.content, request.headers.get(HEADER_LENGTH))
        maps = Tensor("maps", self.maps(asked.tensors[0].array).astype(np.float16))
        sent = packed(Answer((maps,), "segmenter", 3, asked.id))
        return reply(200, sent.body, sent.headers)

    def described(self, **changes):
        said = {"mark": self.mark, "classes": json.dumps(CLASSES)}
        shape = list(GRID.shape)
        values = {
            "name": "segmenter",
            "versions": ["3"],
            "platform": "test",
            "inputs": [Signature(name="code", datatype="FP16", shape=[1, *shape])],
            "outputs": [Signature(name="maps", datatype="FP16", shape=[len(CLASSES), *shape])],
            "parameters": said,
        }
        return Metadata(**values | changes)

    @property
    def sent(self):
        """The requests that carried something."""
        return [request for request in self.requests if request.method == "POST"]

    def _other(self, what):
        if isinstance(what, Exception):
            raise what
        return reply(*what) if isinstance(what, tuple) else reply(what)


def by_brightness(code):
    """Maps of four classes, each for a quarter of a code's brightness."""
    return np.concatenate([-np.abs(code.astype(np.float32) - middle) for middle in (0.0, 0.3, 0.6, 0.9)])
