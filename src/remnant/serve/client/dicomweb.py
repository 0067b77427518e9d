"""A DICOMweb server, as a PACS has one: series are found by QIDO-RS, read by WADO-RS, and results put back by STOW-RS.

Queries and multipart bodies are `dicomweb_client`'s matter. It would repeat what fails at once, and log headers; neither is let.
"""

import base64
import logging
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pydicom
import requests
from dicomweb_client.api import DICOMwebClient

from remnant.base.errors import RemnantError
from remnant.base.progress import say
from remnant.base.texts import short
from remnant.cohort.files.dicom import quiet_pydicom
from remnant.serve.client.connection import (
    PASSING,
    PassingError,
    ServerError,
    asked_pause,
    check_url,
    context_of,
    persevered,
    whether_certificate,
    whether_scheme,
)
from remnant.serve.client.rules import KEYWORDS, Rule

TIMEOUT_S = (10.0, 300.0)  # to connect, and between two pieces of an answer
PAGE = 500  # series a query
# Failure Reasons of STOW-RS (PS3.18 I.2.2): there already; out of resources.
TWICE, FULL = 0x0111, range(0xA700, 0xA800)
Result = TypeVar("Result")


class NotTakenError(ServerError):
    """An archive does not take this one file; it may take others."""


@dataclass(frozen=True)
class ListedSeries:
    """A series as a server lists it, with the number of its instances; `told`: its values of `KEYWORDS`, never to be shown."""

    study: str
    series: str
    instances: int
    told: Mapping[str, str]


class Archive:
    """A DICOMweb server by its `url`; `login`: a token, or user:password. `trusted`, `plain`, `wait`, `tell` as for `Remote`.

    Methods raise `ServerError` where the server refuses, stays away after several tries, or answers something else.
    """

    def __init__(
        self,
        url: str,
        login: str | None = None,
        *,
        plain: bool = False,
        trusted: Path | None = None,
        wait: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] = say,
    ) -> None:
        self.url = check_url(url, plain)
        context_of(trusted)
        session = requests.Session()
        session.trust_env = False  # neither proxies nor passwords of the environment
        session.max_redirects = 0
        session.verify = True if trusted is None else str(trusted)
        if login:
            kind, said = ("Basic", base64.b64encode(login.encode()).decode()) if ":" in login else ("Bearer", login)
            session.headers["Authorization"] = f"{kind} {said}"
        logging.getLogger("dicomweb_client").setLevel(logging.CRITICAL)
        self._client = DICOMwebClient(self.url, session=session, timeout=TIMEOUT_S)
        self._client.set_http_retry_params(retry=False)
        self._wait, self._tell = wait, tell

    def matching(self, rules: Sequence[Rule]) -> list[ListedSeries]:
        """The series that all rules fit; none of segmentations."""
        filters = {rule.keyword: rule.pattern for rule in rules}

        def page(offset: int) -> list[ListedSeries]:
            found = self._client.search_for_series(
                fields=list(KEYWORDS), search_filters=filters, limit=PAGE, offset=offset
            )
            return [_listed(one) for one in found]

        listed: dict[str, ListedSeries] = {}
        offset = 0
        while found := self._ask(lambda start=offset: page(start)):
            new = {one.series: one for one in found if one.series not in listed}
            if not new:
                break  # a server that knows no offset
            listed |= new
            offset += len(found)
        # A server may leave out a filter that it does not know.
        fit = [one for one in listed.values() if all(rule.fits(one.told) for rule in rules)]
        return [one for one in fit if one.told["Modality"] != "SEG"]

    @contextmanager
    def fetched(self, study: str, series: str, beside: Path) -> Iterator[Path]:
        """A folder of the instances of a series, as long as the context lasts; `beside`: where it lies.

        What is wrong with the series is then told by the server's address; raises `RemnantError` where there is none such.
        """
        for uid in (study, series):
            if not re.fullmatch(r"[0-9]+(\.[0-9]+)*", uid) or len(uid) > 64:
                raise RemnantError(f"{short(uid)!r} is no UID; give those of the study and of the series.")
        with tempfile.TemporaryDirectory(prefix=".tmp-", dir=beside) as name:
            folder = Path(name)
            try:
                self._ask(lambda: self._fetch(study, series, folder))
                yield folder
            except RemnantError as error:
                raise type(error)(str(error).replace(str(folder), f"the series of {self.url}")) from None

    def _fetch(self, study: str, series: str, folder: Path) -> None:
        for path in folder.iterdir():
            path.unlink()  # of a try that was broken off
        number = 0
        try:
            for number, one in enumerate(self._client.iter_series(study, series), 1):
                if (one.StudyInstanceUID, one.SeriesInstanceUID) != (study, series):
                    raise ValueError("another series")
                one.save_as(folder / f"{number:06d}.dcm", enforce_file_format=True)
        except requests.HTTPError as error:
            if error.response.status_code != 404:
                raise
        if not number:
            raise RemnantError(f"{self.url} has no such series in such a study; check both UIDs.")

    def store(self, path: Path) -> None:
        """Put a DICOM file there; the same file a second time changes nothing. Raises `NotTakenError` where it is not taken."""
        with quiet_pydicom():
            one = pydicom.dcmread(path)
        answer = self._ask(lambda: self._store(one))
        reasons = {int(item.get("FailureReason") or 0) for item in answer.get("FailedSOPSequence") or ()} - {TWICE}
        if reasons:
            why = ", ".join(f"{reason:04X}" for reason in sorted(reasons))
            raise NotTakenError(f"{self.url} does not take the DICOM SEG (failure reason {why}); ask who runs it.")

    def _store(self, one: pydicom.Dataset) -> pydicom.Dataset:
        try:
            answer = self._client.store_instances([one])
        except requests.HTTPError as error:
            if error.response.status_code != 409:
                raise
            answer = pydicom.Dataset.from_json(error.response.json())
        failed, kept = (answer.get(name) or () for name in ("FailedSOPSequence", "ReferencedSOPSequence"))
        if any(int(item.get("FailureReason") or 0) in FULL for item in failed):
            raise PassingError("has no room for the DICOM SEG")
        if not failed and one.SOPInstanceUID not in {item.ReferencedSOPInstanceUID for item in kept}:
            raise ValueError("not said to be stored")
        return answer

    def _ask(self, once: Callable[[], Result]) -> Result:
        def tried() -> Result:
            try:
                with quiet_pydicom():
                    return once()
            except (RemnantError, PassingError):
                raise
            except requests.HTTPError as error:
                if error.response.status_code == 400 and (problem := whether_scheme(self.url)):
                    raise ServerError(f"{self.url} {problem}.") from None
                raise self._refused(error.response) from None
            except requests.Timeout:
                raise PassingError("does not answer in time") from None
            except requests.TooManyRedirects:
                raise ServerError(f"{self.url} sends elsewhere; give that address.") from None
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
                if problem := whether_certificate(error) or whether_scheme(self.url):
                    raise ServerError(f"{self.url} {problem}.") from None
                raise PassingError("cannot be reached, or broke the connection off") from None
            except OSError as error:
                if not isinstance(error, requests.RequestException):
                    raise  # of the disk
                raise self._strange() from None
            except Exception:
                # What libraries say of a stranger's answer may quote it.
                raise self._strange() from None

        return persevered(self.url, tried, self._wait, self._tell)

    def _strange(self) -> ServerError:
        return ServerError(f"{self.url} answers what a DICOMweb server does not; check the address, with its path.")

    def _refused(self, answer: requests.Response) -> Exception:
        status = answer.status_code
        if status in PASSING:
            return PassingError(f"is busy or away ({status})", asked_pause(answer.headers))
        if status in (401, 403):
            return ServerError(f"{self.url} does not let us in ({status}); give --login-file with what it asks for.")
        return ServerError(f"{self.url} refuses the request ({status}); check the address, with its path.")


def _listed(value: Mapping) -> ListedSeries:
    found = pydicom.Dataset.from_json(value)
    told = {keyword: str(found.get(keyword) or "").strip() for keyword in KEYWORDS}
    return ListedSeries(
        str(found.StudyInstanceUID), str(found.SeriesInstanceUID), int(found.NumberOfSeriesRelatedInstances), told
    )
