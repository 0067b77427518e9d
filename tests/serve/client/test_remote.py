import socketserver
import ssl
import threading

import httpx
import numpy as np
import pytest
import trustme

from remnant.base.errors import RemnantError
from remnant.serve.client.connection import TRIES, AwayError, RefusedError, ServerError, read_token
from remnant.serve.client.remote import Remote
from remnant.serve.protocol import Answer, Tensor, packed

CODE = np.random.default_rng(0).uniform(size=(1, 32, 32, 32)).astype(np.float16)
MARK = "0123456789ab"


def nowhere(request):
    raise AssertionError("nothing was to be sent")


def test_what_passes_is_waited_for_and_told(play):
    server, remote = play(MARK)
    model = remote.describe("segmenter")
    server.instead = [
        (503, b"", {"Retry-After": "47"}),
        httpx.ConnectError("refused"),
        429,
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut off"),
    ]
    assert remote.segment(model, CODE).maps.shape == (4, 32, 32, 32)
    # Every try sends the same, and they come ever more seldom; what the server asks for counts.
    assert len({request.content for request in server.sent}) == 1 and len(server.sent) == 6
    first, *others = server.pauses
    assert first == 47 and all(2**n / 2 <= pause <= 2**n for n, pause in enumerate(others, 1))
    assert "busy or away (503); trying again in 47 s, 0 of at most 300 s waited so far." in server.told[0]
    assert "s, 47 of at most 300 s waited" in server.told[1]
    assert "busy or away (429: So it is); trying" in server.told[2] and "broke the connection off" in server.told[4]


def test_a_server_that_stays_away_is_given_up(play):
    server, remote = play(MARK)
    server.instead = [httpx.ConnectError("refused")] * 100
    with pytest.raises(
        RemnantError, match=r"http://127\.0\.0\.1:1 cannot be reached, also after 6 tries and \d+ s of "
    ):
        remote.describe("segmenter")
    assert len(server.requests) == TRIES and len(server.pauses) == TRIES - 1


DATES = {"Date": "Sun, 29 Nov 2026 12:00:00 GMT", "Retry-After": "Sun, 29 Nov 2026 12:01:30 GMT"}


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        ({"Retry-After": "60"}, [60] * 5),
        ({"Retry-After": "110"}, [110, 110, 80]),
        (DATES, [90, 90, 90, 30]),
        ({"Retry-After": "9" * 400}, [300]),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 -0000"}, [300]),
    ],
)
def test_however_long_a_server_asks_for_it_is_waited_for_five_minutes_in_all(play, asked, waits):
    server, remote = play(MARK)
    server.instead = [(503, b"", asked)] * 100
    with pytest.raises(AwayError, match=f"also after {len(waits) + 1} tries and 300 s of waiting; try again later"):
        remote.describe("segmenter")
    assert server.pauses == waits and len(server.told) == len(waits) == len(server.requests) - 1


def test_a_time_that_is_none_or_past_is_no_reason_to_wait(play):
    server, remote = play(MARK)
    asked = (
        "soon",
        "-5",
        "٣",
        "Mon, 99 Nov 2026 12:00:00 GMT",
        f"1 Jan {'9' * 30} 00:00:00 GMT",
        "Sun, 29 Nov 2026 11:00:00 GMT",
    )
    for said in asked:
        server.instead, server.pauses[:] = [(503, b"", {"Retry-After": said.encode(), "Date": DATES["Date"]})], []
        remote.describe("segmenter")
        assert len(server.pauses) == 1 and server.pauses[0] <= 1, said


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, r"does not take the token \(So it is\); ask"),
        (403, r"does not allow this \(So it is\); ask"),
        (404, "has no model named 'segmenter'; give --model"),
        (307, r"sends elsewhere \(307\)"),
        (409, r"refuses the request \(409: So it is\)"),
        (413, r"refuses the request \(413"),
        (500, r"refuses the request \(500"),
    ],
)
def test_what_does_not_pass_is_one_sentence_at_once(play, status, sentence):
    server, remote = play(MARK)
    server.instead = [status]
    with pytest.raises(RemnantError, match=sentence):
        remote.describe("segmenter")
    assert len(server.requests) == 1 and not server.pauses


def test_without_a_token_one_is_asked_for(play):
    server, remote = play(MARK, token=None)
    server.instead = [401]
    with pytest.raises(RemnantError, match=r"wants a token; give --token-file\.$"):
        remote.describe("segmenter")


def test_what_is_refused_of_one_code_is_told_from_what_is_refused_of_all(play):
    server, remote = play(MARK)
    model = remote.describe("segmenter")
    for status in (400, 401, 403, 404, 409, 413, 500, 507):
        server.instead = [status]
        with pytest.raises(ServerError) as refused:
            remote.segment(model, CODE)
        assert isinstance(refused.value, RefusedError) == (status in (400, 409, 413, 500)), status
    server.instead = [500]
    with pytest.raises(ServerError) as refused:
        remote.describe("segmenter")
    assert not isinstance(refused.value, RefusedError)


def answered(maps=None, name="maps", request="", **headers):
    sent = packed(
        Answer((Tensor(name, np.zeros((4, 32, 32, 32), "f2") if maps is None else maps),), "s", 1, request or None)
    )
    return 200, sent.body, sent.headers | headers


NAN = np.full((4, 32, 32, 32), np.nan, np.float16)
NONSENSE = {
    "text": ((200, b"<html>Hello</html>"), "is not JSON where it should be"),
    "other shape": (answered(np.zeros((3, 32, 32, 32), "f2")), r"no maps of shape \(4, 32, 32, 32\)"),
    "other name": (answered(name="code"), "no maps of shape"),
    "of bytes": (answered(np.zeros((4, 32, 32, 32), "u1")), "no maps of shape"),
    "not a number": (answered(NAN), "has NaN or infinity"),
    "to another request": (answered(request="7d0c4f2e"), "no maps of shape"),
    "too long": ((200, bytes(2**21)), "answers with more than 1,310,720 bytes"),
    "packed": (answered(**{"Content-Encoding": "gzip"}), "or packed ones"),
    "cut off": ((200, answered()[1][:-2], answered()[2]), "of which 262142 came"),
}


@pytest.mark.parametrize(("answer", "sentence"), NONSENSE.values(), ids=NONSENSE)
def test_an_answer_of_nonsense_is_one_sentence(play, answer, sentence):
    server, remote = play(MARK)
    model = remote.describe("segmenter")
    server.instead = [answer]
    with pytest.raises(RemnantError, match=sentence) as refused:
        remote.segment(model, CODE)
    assert str(refused.value).startswith("http://127.0.0.1:1 answers ") and not server.pauses
    # Of this code, unless it answers what no code could make it answer.
    assert isinstance(refused.value, RefusedError) != sentence.startswith(("answers with more", "or packed"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "../v1"}, "does not name the model and its classes"),
        ({"parameters": {"mark": MARK}}, "does not name the model and its classes"),
        ({"parameters": {"classes": '["a", "b"]'}}, "does not tell the model's encoder and classes; give --described"),
    ],
)
def test_a_model_that_does_not_say_what_it_is_is_refused(play, changes, said):
    server, remote = play(MARK)
    server.instead = [(200, server.described(**changes).model_dump_json().encode())]
    with pytest.raises(RemnantError, match=said):
        remote.describe("segmenter")


def test_a_models_name_stays_a_name_in_the_address(play):
    server, remote = play(MARK)
    server.instead = [404]
    with pytest.raises(RemnantError, match=r"no model named '\.\./v1\?x'"):
        remote.describe("../v1?x")
    assert server.requests[0].url.raw_path == b"/v2/models/..%2Fv1%3Fx"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://segmenter.example", "is plain HTTP to another machine"),
        ("http://127.0.0.1.example:80", "is plain HTTP to another machine"),
        ("https://zq:secret@segmenter.example", "holds a name or a password"),
        ("segmenter.example:8443", "is no address of a server"),
        ("ftp://segmenter.example", "is no address of a server"),
        ("https://", "is no address of a server"),
        ("https://host:port", "is no address of a server"),
    ],
)
def test_an_address_that_would_tell_is_refused_before_anything_is_sent(url, sentence):
    with pytest.raises(RemnantError, match=sentence) as refused:
        Remote(url, transport=httpx.MockTransport(nowhere))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["http://localhost:80/", "http://[::1]:80", "http://127.8.0.1", "https://segmenter.example"]
)
def test_loopback_may_be_plain(url):
    assert Remote(url, transport=httpx.MockTransport(nowhere)).url == url.rstrip("/")
    assert Remote("http://segmenter.example", plain=True, transport=httpx.MockTransport(nowhere))


def test_a_token_file_holds_one_token(tmp_path):
    path = tmp_path / "token"
    path.write_text("tok_zq\n")
    assert read_token(path) == "tok_zq"
    for content in (b"", b"two words", b"tok\nX-Other: 1", b"\xff\xfe", b"x" * 5000):
        path.write_bytes(content)
        with pytest.raises(RemnantError, match="does not hold one token"):
            read_token(path)


@pytest.fixture
def tls():
    """`tls(certificate)`: the port of a server that shakes hands and no more."""
    servers = []

    def start(certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    with context.wrap_socket(self.request, server_side=True) as opened:
                        opened.recv(2**16)
                        opened.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                except OSError:
                    pass

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server.server_address[1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_certificate_counts_only_from_an_authority_that_is_trusted(tls, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    port = tls(authority.issue_cert("127.0.0.1"))
    with pytest.raises(RemnantError, match=r"a certificate that is not trusted \(.+\); give --ca-cert"):
        Remote(f"https://127.0.0.1:{port}", wait=nowhere).describe("segmenter")
    # With the authority's the handshake comes through, as the server's answer shows.
    with pytest.raises(RemnantError, match="has no model named"):
        Remote(f"https://127.0.0.1:{port}", trusted=tmp_path / "ca.pem").describe("segmenter")
    with pytest.raises(RemnantError, match="not trusted"):
        Remote(f"https://localhost:{port}", trusted=tmp_path / "ca.pem", wait=nowhere).describe("segmenter")
    (tmp_path / "other.pem").write_text("nothing")
    with pytest.raises(RemnantError, match="holds no certificates"):
        Remote("https://localhost", trusted=tmp_path / "other.pem")


def test_a_plain_address_of_a_server_with_tls_is_told_at_once(tls, tmp_path):
    port = tls(trustme.CA().issue_cert("127.0.0.1"))
    with pytest.raises(ServerError, match=rf"http://127\.0\.0\.1:{port} speaks TLS; give the address as https://\.$"):
        Remote(f"http://127.0.0.1:{port}", wait=nowhere).describe("segmenter")
    # A proxy answers such a request; one without TLS may refuse another.
    refusing = httpx.MockTransport(lambda request: httpx.Response(400, stream=httpx.ByteStream(b"plain HTTP")))
    for at, sentence in ((port, "speaks TLS"), (1, "refuses the request")):
        with pytest.raises(ServerError, match=sentence):
            Remote(f"http://127.0.0.1:{at}", transport=refusing, wait=nowhere).describe("segmenter")
