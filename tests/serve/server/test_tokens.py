"""Who may do what: a request without, with a wrong, an expired, an under-scoped token is never served."""

import hashlib
import hmac
import json

import pytest

from remnant.base.errors import RemnantError
from remnant.serve.server import tokens as room
from remnant.serve.server.limits import Rate
from remnant.serve.server.tokens import Tokens, add_token, read_tokens


@pytest.fixture
def file(tmp_path):
    return tmp_path / "tokens.json"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_a_file_holds_hashes_alone(file):
    token = add_token(file, "st-mary", ("segment", "contribute"), 30)
    (entry,) = json.loads(file.read_text())
    assert entry["hash"] == hashlib.sha256(token.encode()).hexdigest() and token not in file.read_text()
    assert entry["scopes"] == ["segment", "contribute"] and len(token) >= 43
    assert add_token(file, "st-mary", ("admin",), None) != token and len(read_tokens(file)) == 2


def test_each_wrong_token_is_refused_at_every_route(served, asked, refused, file, monkeypatch):
    sound = add_token(file, "a", ("segment",), 1)
    late, narrow = add_token(file, "b", ("segment",), 1), add_token(file, "c", ("contribute",), None)
    entries = json.loads(file.read_text())
    entries[1]["expires"] = "2020-01-01T00:00:00+00:00"
    file.write_text(json.dumps(entries))
    here, lines = served(tokens=Tokens(file))
    body = asked()

    def routes(headers):
        for path in ("/v2", "/metrics", "/v2/models/net", "/v2/models/net/ready", "/v2/models/x"):
            yield here("GET", path, headers=headers)
        yield here.infer(body, headers=headers)

    wrong = {
        "": "needs a token",
        sound[:-1]: "not known",
        sound + "x": "not known",
        "\xff": "not known",
        late: "expired",
    }
    for token, said in wrong.items():
        headers = {b"Authorization": f"Bearer {token}".encode("latin-1")} if token else {}
        for response in routes(headers):
            refused(response, 401, said)
            assert response.headers["www-authenticate"] == "Bearer"
    for scheme in ("Basic", "Token"):
        refused(here("GET", "/v2", headers={"Authorization": f"{scheme} {sound}"}), 401, "needs a token")
    refused(here.infer(body, headers=bearer(narrow)), 403, "scope segment")
    refused(here("GET", "/metrics", headers=bearer(sound)), 403, "scope admin")
    assert not any(line["status"] == 200 for line in lines) and {line["tenant"] for line in lines} == {None}
    assert here.infer(body, headers=bearer(sound)).status_code == 200
    assert lines[-1]["tenant"] == "a" and sound not in json.dumps(lines)
    for path in ("/v2/health/live", "/v2/health/ready"):
        assert here("GET", path).status_code == 200


def test_a_body_is_not_read_before_its_token(served, refused, file):
    add_token(file, "a", ("segment",), None)
    here, _ = served(tokens=Tokens(file))
    pulled = 0

    async def upload():
        nonlocal pulled
        pulled += 1
        yield b"\0"

    refused(here("POST", "/v2/models/net/infer", content=upload()), 401)
    assert pulled == 0


def test_all_tokens_are_compared_in_constant_time(file, monkeypatch):
    first = add_token(file, "a", ("segment",), None)
    for name in "bc":
        add_token(file, name, ("segment",), None)
    known, compared = Tokens(file), []
    monkeypatch.setattr(
        room.hmac, "compare_digest", lambda a, b, real=hmac.compare_digest: compared.append(a) or real(a, b)
    )
    assert known.tenant(first, "segment") == "a" and len(compared) == 3


def test_a_file_that_changes_is_read_again_and_one_that_breaks_lets_nobody_in(served, refused, file):
    first = add_token(file, "a", ("segment",), None)
    here, _ = served(tokens=Tokens(file))
    second = add_token(file, "b", ("segment",), None)
    assert here("GET", "/v2", headers=bearer(second)).status_code == 200
    file.write_text(json.dumps(json.loads(file.read_text())[1:]))
    refused(here("GET", "/v2", headers=bearer(first)), 401, "not known")
    for broken in ("[", "[3]", None):
        file.write_text(broken) if broken else file.unlink()
        refused(here("GET", "/v2", headers=bearer(second)), 503, "cannot read its tokens")
        refused(here("GET", "/v2/health/ready"), 503)
        assert here("GET", "/v2/health/live").status_code == 200


def test_who_guesses_is_slowed_down_and_a_tenant_is_not(served, refused, file):
    token, other = (add_token(file, name, ("segment",), None) for name in "ab")
    here, _ = served(tokens=Tokens(file), rate=Rate(0.001, 3))
    for _ in range(3):
        refused(here("GET", "/v2", headers=bearer("guess")), 401)
    response = here("GET", "/v2", headers=bearer("guess"))
    refused(response, 429, "Too many")
    assert int(response.headers["retry-after"]) > 900
    for _ in range(3):
        assert here("GET", "/v2", headers=bearer(token)).status_code == 200
    refused(here("GET", "/v2", headers=bearer(token)), 429)
    assert here("GET", "/v2", headers=bearer(other)).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        {},
        [{"name": "a"}],
        [{"name": "a", "hash": "0" * 63, "scopes": ["segment"], "expires": None}],
        [{"name": "a/b", "hash": "0" * 64, "scopes": ["segment"], "expires": None}],
        [{"name": "a", "hash": "0" * 64, "scopes": [], "expires": None}],
        [{"name": "a", "hash": "0" * 64, "scopes": ["all"], "expires": None}],
        [{"name": "a", "hash": "0" * 64, "scopes": ["segment"], "expires": "2030-01-01T00:00:00"}],
    ],
)
def test_what_is_no_list_of_tokens_is_told(file, value):
    file.write_text(json.dumps(value))
    with pytest.raises(RemnantError, match="is not a list of tokens"):
        Tokens(file)


def test_the_command_prints_a_token_once_and_refuses_what_none_has(remnant, file):
    code, errors, token = remnant("server", "token", "add", file, "--name", "a", "--scope", "segment", "--expires", 7)
    assert (code, errors) == (0, []) and Tokens(file).tenant(token, "segment") == "a"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    for words, said in (
        (("--name", "a b", "--scope", "segment"), "'a b'"),
        (("--name", "../a", "--scope", "segment"), "'../a'"),
        (("--name", "a", "--scope", "all"), "segment, contribute or admin. Got 'all'"),
    ):
        code, errors, printed = remnant("server", "token", "add", file, *words)
        assert code == 2 and said in errors[-1] and printed == ""
    assert remnant("server", "token", "add", file, "--name", "b", "--scope", "admin")[0] == 0
    assert [token.name for token in read_tokens(file)] == ["a", "b"] and file.stat().st_mode & 0o777 == 0o640
