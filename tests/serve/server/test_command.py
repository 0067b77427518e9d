"""`remnant serve`: what it refuses before it listens."""

import signal
import socket
from ipaddress import ip_address

import pytest
import trustme

from remnant.serve.needs import is_loopback, require_extra
from remnant.serve.server import process


@pytest.fixture
def certificate(tmp_path):
    issued = trustme.CA().issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    return tmp_path / "cert.pem", tmp_path / "key.pem"


@pytest.fixture
def never(monkeypatch):
    """Nothing listens in these tests."""
    monkeypatch.setattr(process, "listen", lambda *_: pytest.fail("listens"))


def test_others_are_heard_with_tokens_and_encryption_alone(remnant, pair, tmp_path, never):
    assert remnant("server", "token", "add", tmp_path / "t", "--name", "a", "--scope", "segment")[0] == 0
    for host in ("0.0.0.0", "::", "192.0.2.1", "hospital.example"):
        code, errors, _ = remnant("serve", pair(), "--host", host, "--plain")
        assert code == 2 and "give --tokens" in errors[-1]
        code, errors, _ = remnant("serve", pair(), "--host", host, "--tokens", tmp_path / "t")
        assert code == 2 and "unencrypted" in errors[-1]


def test_what_stays_on_this_machine():
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST")))
    assert not any(
        map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "localhost.example", "example", "", str(ip_address(0))))
    )


def test_files_that_do_not_serve(remnant, pair, tmp_path, never, certificate):
    cert, key = certificate
    (tmp_path / "t").write_text("[3]")
    for words, said in (
        ((tmp_path / "nowhere",), "nowhere does not exist"),
        ((tmp_path,), "does not exist"),
        ((pair() / "encoder.safetensors",), "not the server's half"),
        ((pair(), "--tls-cert", cert), "together"),
        ((pair(), "--tls-key", key), "together"),
        ((pair(), "--tokens", tmp_path / "t"), "is not a list of tokens"),
        ((pair(), pair()), "Two segmenters are named net"),
    ):
        code, errors, printed = remnant("serve", *words)
        assert code == 2 and said in errors[-1] and printed == "", (words, errors)


def test_a_certificate_of_another_key_is_told(remnant, pair, certificate, tmp_path):
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(other)
    for cert, key in ((certificate[0], other), (other, certificate[1])):
        code, errors, printed = remnant("serve", pair(), "--port", 0, "--tls-cert", cert, "--tls-key", key)
        assert code == 2 and printed == "" and "is no certificate in PEM that fits" in errors[-1]


def test_a_port_that_is_taken_is_told(remnant, pair):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, errors, _ = remnant("serve", pair(), "--port", taken.getsockname()[1])
    assert code == 2 and "cannot listen on 127.0.0.1" in errors[-1] and "in use" in errors[-1]


def test_a_terminal_that_closes_ends_it_as_sigterm_does(remnant, pair, monkeypatch):
    heard = []

    def run(self, sockets):
        signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
        signal.raise_signal(signal.SIGHUP)

    monkeypatch.setattr("uvicorn.Server.run", run)
    # Whoever runs the tests may have it ignored, as nohup has.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        code, _, printed = remnant("serve", pair(), "--port", 0)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert code == 0 and heard == [signal.SIGTERM] and printed.startswith("http://127.0.0.1:")


def test_without_the_extra_it_is_named(remnant, pair, monkeypatch):
    with pytest.raises(Exception, match="needs no_such_module; install it by: pip install 'remnant\\[serve\\]'"):
        require_extra("json", "no_such_module")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, errors, _ = remnant("serve", pair())
    assert code == 2 and "fastapi, uvicorn, prometheus_client" in errors[-1]
