"""The routes of contributions and versions: what is taken, whose it is, and what nobody else ever sees of it."""

import json

import numpy as np
import pytest

from remnant.serve.server.store import Store
from remnant.serve.server.tokens import Tokens, add_token

ONE = "7d0c4f2e-5a1b-4c3d-8e9f-001122334455"
ALL = "/v1/models/net/contributions"


@pytest.fixture
def tenants(tmp_path):
    """`tenants`: the tokens, and the headers of each."""
    file = tmp_path / "tokens.json"
    found = {
        name: add_token(file, name, (scope,), None)
        for name, scope in (("a", "contribute"), ("b", "contribute"), ("s", "segment"), ("boss", "admin"))
    }
    return Tokens(file), {name: {"Authorization": f"Bearer {token}"} for name, token in found.items()}


def ids(response):
    assert response.status_code == 200, response.text
    return [one["id"] for one in response.json()["contributions"]]


def test_the_same_again_is_the_same_and_other_content_is_refused(served, store, given, code, refused):
    here, lines = served(store=store)
    first = here.put(ONE, given())
    assert first.status_code == 201 and first.json() == {"id": ONE, "new": True}
    again = here.put(ONE, given())
    assert again.status_code == 200 and again.json() == {"id": ONE, "new": False}
    refused(here.put(ONE, given(code=code * np.float16(0.5))), 409, "other content")
    found = here("GET", ALL).json()
    assert ids(here("GET", ALL)) == [ONE] and found["contributions"][0]["held_out"] is False
    assert 0 < found["bytes"] < found["quota"] == store.quota
    assert lines[0]["tenant"] == "local" and ONE not in json.dumps(lines)


def test_without_a_store_nothing_is_taken(served, given, refused):
    here, _ = served()
    refused(here.put(ONE, given()), 404)
    refused(here("GET", "/v1/models/net/versions"), 404)


def test_what_is_no_contribution_is_told_and_not_kept(served, store, given, code, labels, refused, asked):
    here, _ = served(store=store)
    high = labels.copy()
    high[0, 0, 0] = 3
    for body, status, said in (
        (given(mark="f" * 12), 409, "'ffffffffffff'"),
        (asked(), 400, "two inputs"),
        (given(labels=high), 400, "below 3, the number of classes. Got 3"),
        (given(labels=labels[:-1]), 400, "UINT8 of shape (16, 20, 16)"),
        (given(labels=labels.astype(np.float16)), 400, "Got float16"),
        (given(labels=labels * 0), 400, "background alone"),
        (given(code=code[:, :-1]), 400, "FP16 of shape"),
        (given(code=code + np.float16(0.5)), 400, "[0, 1]"),
        (given(code=code.astype(np.float32)), 400, "Got float32"),
    ):
        refused(here.put(ONE, body), status, said)
    body = given()
    refused(here.put(ONE, type(body)(body.body[:-1], body.header)), 400, "of which")
    refused(here.put(ONE, type(body)(body.body + b"\0" * 2**17, body.header)), 413)
    refused(here.put(ONE, body, model="x"), 404, "no model x")
    assert ids(here("GET", ALL)) == [] and list((store.folder / "contributions").iterdir()) == []


@pytest.mark.parametrize(
    "id",
    [
        "x",
        ONE.upper(),
        ONE.replace("-", ""),
        "{" + ONE + "}",
        ONE + "%0a",
        "7d0c4f2e-5a1b-1c3d-8e9f-001122334455",  # of version 1, which holds a time and a machine
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2fx",
        ONE + "'%20OR%201=1--",
        ONE + "%00",
        "%0d%0aX-Set:%201",
        "٣" * 8,
    ],
)
def test_an_id_is_a_random_uuid_in_its_one_form(served, store, given, refused, id):
    here, _ = served(store=store)
    for response in (here.put(id, given()), here("DELETE", f"{ALL}/{id}")):
        assert response.status_code in (400, 404) and "x-set" not in response.headers
        refused(response, response.status_code)
    assert list((store.folder / "contributions").iterdir()) == [] and store.contributions("net") == []


def test_a_tenant_has_nothing_to_do_with_anothers_contribution(served, store, given, code, refused, tenants):
    tokens, headers = tenants
    here, lines = served(tokens=tokens, store=store)
    assert here.put(ONE, given(), headers["a"]).status_code == 201
    assert ids(here("GET", ALL, headers=headers["b"])) == []
    assert here("GET", ALL, headers=headers["b"]).json()["bytes"] == 0
    refused(here("DELETE", f"{ALL}/{ONE}", headers=headers["b"]), 404, "no contribution")
    # As if it were not there: other content under the same id is new, and each keeps its own.
    other = given(code=code * np.float16(0.5))
    assert here.put(ONE, other, headers["b"]).status_code == 201
    assert here.put(ONE, given(), headers["a"]).status_code == 200
    assert here("DELETE", f"{ALL}/{ONE}", headers=headers["b"]).json() == {"id": ONE, "versions": []}
    assert ids(here("GET", ALL, headers=headers["a"])) == [ONE]
    # Whoever else one claims to be.
    for claim in ({"X-Tenant": "a"}, {"Tenant": "a"}, {"X-Forwarded-User": "a"}):
        assert ids(here("GET", ALL, headers=headers["b"] | claim)) == []
    assert ids(here("GET", f"{ALL}?tenant=a", headers=headers["b"])) == []
    assert [line["tenant"] for line in lines[:2]] == ["a", "b"]


def test_each_route_needs_its_scope(served, store, given, refused, tenants):
    tokens, headers = tenants
    here, _ = served(tokens=tokens, store=store)
    for name in ("s", "boss", None):
        given_headers = headers.get(name, {})
        status, said = (401, "needs a token") if name is None else (403, "scope contribute")
        refused(here.put(ONE, given(), given_headers), status, said)
        refused(here("GET", ALL, headers=given_headers), status, said)
        refused(here("DELETE", f"{ALL}/{ONE}", headers=given_headers), status, said)
    for name in ("a", "s"):
        refused(here("POST", "/v1/models/net/versions/1/promote", headers=headers[name]), 403, "scope admin")
        refused(here("POST", "/v1/models/net/rollback", headers=headers[name]), 403, "scope admin")
        assert here("GET", "/v1/models/net/versions", headers=headers[name]).status_code == 200
    refused(here("GET", "/v1/models/net/versions"), 401)
    assert here("POST", "/v1/models/net/versions/1/promote", headers=headers["boss"]).json() == {"promoted": 1}
    refused(here("POST", "/v1/models/net/rollback", headers=headers["boss"]), 409, "no other was promoted")
    refused(here("POST", "/v1/models/net/versions/2/promote", headers=headers["boss"]), 404, "no version 2")


def test_a_body_is_not_read_before_its_token(served, store, refused, tenants):
    here, _ = served(tokens=tenants[0], store=store)
    pulled = 0

    async def upload():
        nonlocal pulled
        pulled += 1
        yield b"\0"

    refused(here("PUT", f"{ALL}/{ONE}", content=upload()), 401)
    assert pulled == 0


def test_a_store_that_fails_names_no_path(served, store, given, refused):
    here, log = served(store=store)
    with store.database.writing() as base:
        base.execute("DROP TABLE contributions")
    told = refused(here.put(ONE, given()), 503, "cannot use its store")
    assert str(store.folder) not in told and str(store.folder) in log[-1]["why"]
    with store.database.writing() as base:
        base.execute("DROP TABLE versions")
    refused(here("GET", "/v2/health/ready"), 503, "cannot use its store")
    assert here("GET", "/v2/health/live").status_code == 200 and "why" not in log[-1]


def test_a_store_that_was_moved_takes_nothing_until_it_is_back(served, store, given, refused):
    here, log = served(store=store)
    folder, away = store.folder, store.folder.with_name("away")
    folder.rename(away)
    refused(here.put(ONE, given()), 503, "cannot use its store")
    assert "was moved or removed while it was in use" in log[-1]["why"] and not folder.exists()
    away.rename(folder)
    assert here.put(ONE, given()).status_code == 201
    assert [one.id for one in store.contributions("net")] == [ONE]


def test_many_at_once_under_one_id_are_kept_once(served, store, given):
    here, _ = served(store=store)
    body = given()
    request = ("PUT", f"{ALL}/{ONE}", {"content": body.body, "headers": body.headers})
    found = here.together(*[request] * 8)
    assert sorted(response.status_code for response in found) == [200] * 7 + [201]
    assert len(list((store.folder / "contributions").iterdir())) == 1


def test_the_command_refuses_what_is_no_store(remnant, pair, tmp_path, monkeypatch):
    monkeypatch.setattr("remnant.serve.server.process.listen", lambda *_: pytest.fail("listens"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").write_text("x")
    assert remnant("serve", pair(), "--store", tmp_path / "other")[0] == 2
    held = Store(tmp_path / "held")
    held.open_alone()
    code, errors, _ = remnant("serve", pair(), "--store", tmp_path / "held")
    assert code == 2 and "Another server has the store" in errors[-1]
    held.close()
    code, errors, _ = remnant("serve", pair(), "--store", tmp_path / "held", "--quota", 0)
    assert code == 2 and "--quota" in errors[-1]
