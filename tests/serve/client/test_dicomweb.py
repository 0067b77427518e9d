import datetime
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pydicom
import pytest
import trustme

from remnant.base.errors import RemnantError
from remnant.serve.client.connection import AwayError, ServerError
from remnant.serve.client.dicomweb import Archive
from remnant.serve.client.rules import Rule

JSON = "application/dicom+json"


def item(number, modality="MR", **values):
    one = pydicom.Dataset()
    one.StudyInstanceUID, one.SeriesInstanceUID, one.Modality = "1.2", f"1.2.{number}", modality
    one.NumberOfSeriesRelatedInstances = 7
    for keyword, value in values.items():
        setattr(one, keyword, value)
    return one.to_json_dict()


@pytest.fixture
def archive():
    """`archive(*answers, context=None)`: an `Archive` of a server that gives these (status, body, headers) in turn, the last for
    ever; what it was asked is in `.asked`, its pauses in `.pauses`.
    """
    begun = []

    def make(*answers, context=None, **ways):
        left, asked, pauses = list(answers), [], []

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                asked.append((self.path, dict(self.headers)))
                status, body, headers = left.pop(0) if len(left) > 1 else left[0]
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in ({"Content-Type": JSON, "Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        begun.append(server)
        scheme = "https" if context else "http"
        found = Archive(
            f"{scheme}://127.0.0.1:{server.server_address[1]}/dw", wait=pauses.append, tell=lambda line: None, **ways
        )
        found.asked, found.pauses = asked, pauses
        return found

    yield make
    for server in begun:
        server.shutdown()
        server.server_close()


def test_series_are_found_page_by_page_and_judged_by_the_rules_here_too(archive):
    pages = [[item(1), item(2, "CT")], [item(3), item(4, "SEG")], [item(1)]]
    found = archive(*((200, page, {}) for page in pages), login="a:b")
    listed = found.matching([Rule.read("Modality=MR")])
    assert [(one.series, one.instances) for one in listed] == [("1.2.1", 7), ("1.2.3", 7)]
    assert "Modality=MR" in found.asked[0][0] and "offset=4" in found.asked[2][0]
    assert found.asked[0][1]["Authorization"] == "Basic YTpi"
    assert [one.series for one in archive((200, pages[1], {}), (200, [], {})).matching([])] == ["1.2.3"]


@pytest.mark.parametrize("status", [503, 429, 502])
def test_what_passes_is_waited_for(archive, status):
    found = archive((status, b"", {"Retry-After": "40"}), (200, [item(1)], {}), (200, [], {}))
    assert len(found.matching([])) == 1 and found.pauses == [40]
    found = archive((status, b"", {}))
    with pytest.raises(AwayError, match=rf"is busy or away \({status}\), also after 6 tries"):
        found.matching([])
    assert len(found.pauses) == 5 and found.pauses[-1] > found.pauses[0]


WRONG = {
    "login": ((401, b"", {}), "does not let us in"),
    "fault": ((500, b"Zqarlow", {}), r"refuses the request \(500\)"),
    "page": ((200, b"<html>Zqarlow</html>", {"Content-Type": "text/html"}), "answers what a DICOMweb server does not"),
    "no json": ((200, b"[Zqarlow", {}), "answers what a DICOMweb server does not"),
    "other json": ((200, [{"Zqarlow": 1}], {}), "answers what a DICOMweb server does not"),
    "elsewhere": ((302, b"", {"Location": "http://127.0.0.1:9/"}), "sends elsewhere"),
}


@pytest.mark.parametrize(("answer", "sentence"), WRONG.values(), ids=WRONG)
def test_what_does_not_pass_is_one_sentence_that_quotes_nothing(archive, answer, sentence):
    found = archive(answer)
    with pytest.raises(ServerError, match=sentence) as told:
        found.matching([])
    assert not found.pauses and "Zqarlow" not in str(told.value) and not isinstance(told.value, AwayError)


def test_the_environments_proxies_and_passwords_are_left_alone(archive, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login zq password word\n")
    for name, value in (("NETRC", tmp_path / "netrc"), ("http_proxy", "http://127.0.0.1:9"), ("no_proxy", "")):
        monkeypatch.setenv(name, str(value))
    found = archive((200, [item(1)], {}), (200, [], {}))
    assert len(found.matching([])) == 1 and not found.pauses and "Authorization" not in found.asked[0][1]


def test_a_server_that_is_gone_is_asked_again(archive):
    found = Archive("http://127.0.0.1:9", wait=(pauses := []).append, tell=lambda line: None)
    with pytest.raises(AwayError, match="cannot be reached"):
        found.matching([])
    assert len(pauses) == 5


def test_a_certificate_that_has_expired_or_is_nobodys_is_told_at_once(archive, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    for issued, sentence in (
        (authority.issue_cert("127.0.0.1", not_after=past, not_before=datetime.datetime(2019, 1, 1)), "expired"),
        (trustme.CA().issue_cert("127.0.0.1"), "not trusted"),
        (authority.issue_cert("127.0.0.1"), None),
    ):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(context)
        found = archive((200, [], {}), context=context, trusted=tmp_path / "ca.pem")
        if sentence is None:
            assert found.matching([]) == []
            continue
        with pytest.raises(ServerError, match=f"certificate.*{sentence}"):
            found.matching([])
        assert not found.pauses


def test_a_plain_address_of_a_server_with_tls_is_told_at_once(archive):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    found, pauses = archive((200, [], {}), context=context), []
    plain = Archive(found.url.replace("https", "http"), wait=pauses.append)
    with pytest.raises(ServerError, match="speaks TLS; give the address as https://"):
        plain.matching([])
    assert not pauses


def kept(uid, **failure):
    answer = pydicom.Dataset()
    one = pydicom.Dataset()
    one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.66.4", uid
    for keyword, value in failure.items():
        setattr(one, keyword, value)
    setattr(answer, "FailedSOPSequence" if failure else "ReferencedSOPSequence", [one])
    return answer.to_json_dict()


@pytest.fixture
def result(write_dicom, block):
    """A DICOM file, and its SOP Instance UID."""
    path = next(write_dicom(block).iterdir())
    return path, str(pydicom.dcmread(path).SOPInstanceUID)


def test_a_result_is_stored_once_the_server_says_so(archive, result):
    path, uid = result
    archive((200, kept(uid), {})).store(path)
    archive((409, kept(uid, FailureReason=0x0111), {})).store(path)  # is there already
    found = archive((409, kept(uid, FailureReason=0xA700), {}), (200, kept(uid), {}))
    found.store(path)
    assert len(found.pauses) == 1
    for answer, sentence in (
        ((409, kept(uid, FailureReason=0x0122), {}), r"does not take the DICOM SEG \(failure reason 0122\)"),
        ((202, kept(uid, FailureReason=0x0110), {}), "failure reason 0110"),
        ((200, kept("1.2.3"), {}), "answers what a DICOMweb server does not"),
        ((200, b"", {}), "answers what a DICOMweb server does not"),
        ((409, b"no", {}), "answers what a DICOMweb server does not"),
        ((403, b"", {}), "does not let us in"),
    ):
        with pytest.raises(ServerError, match=sentence):
            archive(answer).store(path)


def multipart(*files):
    parts = b"".join(b"--b\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n" for path in files)
    return 200, parts + b"--b--\r\n", {"Content-Type": 'multipart/related; type="application/dicom"; boundary=b'}


def test_a_series_is_a_folder_for_a_while_and_what_is_wrong_with_it_names_the_server(
    archive, write_dicom, block, tmp_path
):
    files = sorted(write_dicom(block).iterdir())
    one = pydicom.dcmread(files[0])
    study, series = str(one.StudyInstanceUID), str(one.SeriesInstanceUID)
    before = sorted(tmp_path.iterdir())
    found = archive((503, b"", {}), multipart(*files))
    with found.fetched(study, series, tmp_path) as folder:
        assert len(list(folder.iterdir())) == len(files) and folder.stat().st_mode & 0o077 == 0
    with (
        pytest.raises(RemnantError, match=r"the series of http://127.* is odd"),
        found.fetched(study, series, tmp_path) as folder,
    ):
        raise RemnantError(f"{folder} is odd.")
    for answer, sentence in (
        ((404, b"", {}), "has no such series"),
        (multipart(write_file(one, tmp_path)), "answers what a DICOMweb server does not"),
    ):
        with pytest.raises(RemnantError, match=sentence), archive(answer).fetched(study, series, tmp_path):
            pass
    with pytest.raises(RemnantError, match="x' is no UID"), found.fetched(study, "../../x", tmp_path):
        pass
    (tmp_path / "other.dcm").unlink()
    assert sorted(tmp_path.iterdir()) == before


def write_file(one, folder):
    """A slice of another series."""
    one.SeriesInstanceUID = "1.2.3"
    one.save_as(folder / "other.dcm", enforce_file_format=True)
    return folder / "other.dcm"
