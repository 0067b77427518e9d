"""Codes with label maps from a cohort to the real server: each once, as they were, and nothing else of the patients."""

import asyncio

import httpx
import numpy as np
import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.case import CLASSES
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.prepare.grid import Grid
from remnant.cohort.prepare.placing import place_scan
from remnant.defenses.privacynet.deploy import encode_case
from remnant.defenses.privacynet.networks import Networks, load_client, save_pair
from remnant.defenses.privacynet.settings import privacynet_preset
from remnant.serve.client import contribute as room
from remnant.serve.client.connection import TRIES, AwayError, ServerError
from remnant.serve.client.contribute import contribute
from remnant.serve.client.outbox import Outbox
from remnant.serve.client.remote import Remote
from remnant.serve.client.withdraw import withdraw
from remnant.serve.holdout import draw_id, is_held_out
from remnant.serve.server.app import create_app
from remnant.serve.server.models import load_models
from remnant.serve.server.store import Store

GRID = Grid((36, 36, 36), 6.0)
IN_ANY_ORDER = room._in_any_order


@pytest.fixture(autouse=True)
def in_order(monkeypatch):
    """The scans in the order of the cohort, where a test does not say otherwise."""
    monkeypatch.setattr(room, "_in_any_order", list)


@pytest.fixture(scope="module")
def data(write_cohort, tmp_path_factory):
    """Three people, two scans each."""
    return write_cohort(tmp_path_factory.mktemp("data") / "zqcohort", patients=3, sessions=2)


@pytest.fixture(scope="module")
def pairs(data, tmp_path_factory):
    """A folder of encoder and segmenter by method."""
    scan, found = read_cohort(data, tell=lambda _: None).cases[0].image, {}
    for method in ("encoder", "deformation"):
        settings = privacynet_preset("smoke").changed(method=method)
        classes = CLASSES[settings.preparation.scheme]
        template, _ = place_scan(scan, GRID, settings.preparation)
        found[method] = tmp_path_factory.mktemp(method) / "net"
        networks = Networks.untrained(settings, len(classes), Seeds(1))
        save_pair(found[method], networks, settings, GRID, classes, 0.3, torch.from_numpy(template))
    return found


class Server(httpx.BaseTransport):
    """The real application with a store, in this process; `fails(request)` may raise before or, by `lost`, after it answered."""

    def __init__(self, pair, folder):
        self.store = Store(folder)
        self.app = create_app(load_models([pair], self.store), None, self.store, write=lambda _: None)
        self.requests, self.away, self.lost, self.refusing = [], 0, 0, []

    def handle_request(self, request):
        self.requests.append(request)
        if self.away and request.method == "PUT":
            self.away -= 1
            raise httpx.ConnectError("away")
        if self.refusing and request.method == "PUT" and self.refusing.pop(0):
            return httpx.Response(400, stream=httpx.ByteStream(b'{"error": "Not this one."}'))
        content = request.read()

        async def ask():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://here") as client:
                return await client.request(request.method, request.url.path, content=content, headers=request.headers)

        answer = asyncio.run(ask())
        if self.lost and request.method == "PUT":
            self.lost -= 1
            raise httpx.ReadError("cut off")
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))

    def remote(self):
        return Remote("http://127.0.0.1:1", transport=self, wait=lambda _: None, tell=lambda _: None)

    @property
    def put(self):
        return [request for request in self.requests if request.method == "PUT"]


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """Nobody is held out by chance; `drawn(True)`: everybody is."""

    def draw(held_out):
        monkeypatch.setattr(
            "remnant.serve.client.outbox.draw_id", lambda side: draw_id(held_out if side is None else side)
        )

    draw(False)
    return draw


@pytest.fixture
def server(pairs, tmp_path):
    """`server(method)`: a server with a store of its own."""
    return lambda method="encoder": Server(pairs[method], tmp_path / f"store-{method}")


@pytest.fixture
def send(pairs, data, tmp_path):
    """`send(server, method, agreed)`: the cohort contributed; how many the server has."""

    def run(server, method="encoder", agreed=lambda: True, cohort=None, queue="queue", quiet=True):
        cohort = cohort or read_cohort(data, tell=lambda _: None)
        client = load_client(pairs[method])
        with server.remote() as remote:
            return contribute(cohort, client, remote, "net", tmp_path / queue, agreed, quiet=quiet)

    return run


def files(tmp_path):
    return list((tmp_path / "queue").glob("*.safetensors"))


def test_each_scan_is_contributed_once_with_its_labels(server, send, data, pairs, tmp_path):
    here = server()
    assert send(here) == 6 and len(here.put) == 6 and files(tmp_path) == []
    kept = here.store.contributions("net")
    assert len({one.id for one in kept}) == len({one.digest for one in kept}) == 6
    cohort, client = read_cohort(data, tell=lambda _: None), load_client(pairs["encoder"])
    pairs_there = [here.store.read(one) for one in kept]
    for case in cohort.cases:
        code, labels = encode_case(client, case, cohort.scheme("tissue5"))
        assert any(
            np.array_equal(labels, there) and np.allclose(code, sent[0].astype(np.float32), atol=2e-3)
            for sent, there in pairs_there
        )
    # A repeat sends nothing and asks nothing.
    assert send(here, agreed=lambda: pytest.fail("asked")) == 6 and len(here.put) == 6


def test_a_patient_trains_by_all_scans_or_judges_by_one(tmp_path, monkeypatch):
    monkeypatch.setattr("remnant.serve.client.outbox.draw_id", draw_id)
    array, sides = np.zeros((1, 2, 2, 2), np.float16), []
    with Outbox(tmp_path, "u", "m") as outbox:
        for patient in map(str, range(60)):
            ids = []
            for scan in "abc":
                if not outbox.judges(patient):
                    ids.append(outbox.put(patient + scan, patient, array, array[0].astype(np.uint8)).id)
            assert len(ids) == (1 if outbox.judges(patient) else 3)
            assert {is_held_out(one) for one in ids} == {outbox.judges(patient)}
            sides.append(outbox.judges(patient))
    assert 0 < sum(sides) < 30


def test_of_a_held_out_patient_one_scan_leaves(server, send, drawn, tmp_path, capsys):
    """Versions are compared over contributions as if each were of another person."""
    drawn(True)
    here = server()
    assert send(here) == 3 and [one.held_out for one in here.store.contributions("net")] == [True] * 3
    assert send(here, quiet=False) == 3 and len(here.put) == 3
    assert "3 further scans of held-out patients: left out" in capsys.readouterr().err
    with Outbox(tmp_path / "queue", "u", "m") as outbox:
        array = np.zeros((1, 2, 2, 2), np.float16)
        outbox.put("a", "p", array, array[0].astype(np.uint8))
        with pytest.raises(RemnantError, match="One scan of a held-out patient"):
            outbox.put("b", "p", array, array[0].astype(np.uint8))


def test_what_was_cut_off_is_sent_again_as_it_was(server, send, tmp_path, monkeypatch):
    """Also where the client keeps a secret, which would encode it otherwise; and a kill, played by a server that stays away."""
    here = server("deformation")
    here.lost = 2  # it was kept, and its answer never came
    here.away = 0
    monkeypatch.setattr("remnant.serve.client.connection.TRIES", 2)
    with pytest.raises(AwayError, match="broke the connection off"):
        send(here, "deformation")
    assert len(files(tmp_path)) == 1 and len(here.store.contributions("net")) == 1
    assert send(here, "deformation", agreed=lambda: pytest.fail("asked")) == 6 and files(tmp_path) == []
    assert len(here.store.contributions("net")) == 6
    assert len({request.content for request in here.put if request.url == here.put[0].url}) == 1


def test_what_leaves_comes_in_no_order_of_the_cohort(server, send, data, monkeypatch):
    """There a patient's scans lie side by side, and the patients as their names do; by chance once in 518,400 runs."""
    cohort, here, seen = read_cohort(data, tell=lambda _: None), server(), []
    monkeypatch.setattr(room, "_in_any_order", IN_ANY_ORDER)
    monkeypatch.setattr(room, "_kept", lambda case, *_: seen.append(case))
    for _ in range(2):
        send(here, cohort=cohort)
    assert len(seen) == 12 and sorted(map(id, seen[:6])) == sorted(map(id, cohort.cases))
    assert list(map(id, seen)) != 2 * list(map(id, cohort.cases))


def test_what_leaves_names_nobody_and_has_one_length(server, send, data):
    here = server("deformation")
    send(here, "deformation")
    left = b"".join(
        part
        for request in here.requests
        for part in (request.content, str(request.url).encode(), str(request.headers).encode())
    )
    for word in (b"zq", b"hk_", b"nii", b"manifest", str(data).encode(), b"subject", b"session"):
        assert word not in left
    assert len({len(request.content) for request in here.put}) == 1
    assert {tuple(sorted(request.headers)) for request in here.put} == {tuple(sorted(here.put[0].headers))}


def test_nothing_is_encoded_or_sent_before_somebody_agreed(server, send, tmp_path, monkeypatch):
    here, asked = server(), []
    monkeypatch.setattr(room, "encode_case", lambda *_: pytest.fail("encodes"))
    with pytest.raises(RemnantError, match="Nothing was sent; add --yes"):
        send(here, agreed=lambda: asked.append(1))
    assert asked and here.put == [] and files(tmp_path) == []


def test_a_scan_that_is_unfit_is_left_out_and_told(server, send, data, tmp_path, monkeypatch):
    cohort = read_cohort(data, tell=lambda _: None)
    here, original = server(), room.encode_case

    def encode(client, case, scheme):
        if case is cohort.cases[1]:
            raise RemnantError(f"{case.image} does not look like a head.")
        return original(client, case, scheme)

    monkeypatch.setattr(room, "encode_case", encode)
    with pytest.raises(
        RemnantError, match=r"1 scan was left out, and the server has 5 others; the first: .*does not look"
    ):
        send(here, cohort=cohort)
    monkeypatch.setattr(room, "encode_case", original)
    assert send(here, cohort=cohort) == 6 and len(here.put) == 6


def test_one_that_the_server_refuses_is_left_out_and_holds_up_no_other(server, send, tmp_path):
    here = server()
    here.refusing = [False, True]
    with pytest.raises(
        RemnantError, match=r"1 scan was left out, and the server has 5 others; .*\(400: Not this one\)"
    ):
        send(here)
    assert len(files(tmp_path)) == 1 and send(here) == 6 and files(tmp_path) == []


def test_a_server_that_refuses_one_after_another_is_left_alone(server, send):
    here = server()
    here.refusing = [True, True, False, True, True, True]
    with pytest.raises(ServerError, match=r"refused 3 contributions one after another, the last so: .*Not this one"):
        send(here)
    assert len(here.put) == 6 and send(here) == 6


@pytest.fixture
def withdrawn(tmp_path):
    """`withdrawn(server, patients, queue)`: how many contributions it deleted now, how many before, of how many it knows nothing,
    and the versions that learned from them.
    """

    def run(server, patients=None, queue="queue"):
        with server.remote() as remote:
            found = withdraw(remote, "net", tmp_path / queue, patients)
            return found.deleted, found.before, found.unknown, found.versions

    return run


def test_a_patient_is_withdrawn_and_stays_out(server, send, withdrawn, capsys, tmp_path):
    here = server()
    here.away = 100
    with pytest.raises(AwayError):
        send(here)  # the first scan of the first patient waits in the queue
    here.away = 0
    assert withdrawn(here, ["zq0hk"]) == (0, 0, 1, ()) and files(tmp_path) == []
    assert send(here) == 4 and len(here.store.contributions("net")) == 4
    assert withdrawn(here, ["sub-zq1hk", "zq1hk"]) == (2, 0, 0, ())
    (kept, gone), sent = (here.store.contributions("net", deleted=deleted) for deleted in (False, True)), len(here.put)
    assert len(kept) == 2 and len(gone) == 2 and len(list((here.store.folder / "contributions").iterdir())) == 2
    assert send(here, agreed=lambda: pytest.fail("asked")) == 2 and len(here.put) == sent
    assert withdrawn(here, ["zq1hk"]) == (0, 2, 0, ())  # again is the same
    with pytest.raises(RemnantError, match="knows of no contribution of the patient 'zq9hk'"):
        withdrawn(here, ["zq2hk", "zq9hk"])
    assert len(here.store.contributions("net")) == 2
    assert not any(b"zq" in part for one in here.requests for part in (one.content, str(one.url).encode()))


def test_what_a_server_did_not_hear_of_is_withdrawn_by_a_repeat(server, send, withdrawn, monkeypatch):
    here, true = server(), Server.handle_request
    assert send(here) == 6
    here.store.database.rows("INSERT INTO parts SELECT 'net', 2, tenant, id FROM contributions LIMIT 1")
    left = [1]

    def handle(self, request):
        answer = true(self, request)
        if request.method == "DELETE":
            if not left:
                raise httpx.ReadError("cut off")
            left.pop()
        return answer

    with monkeypatch.context() as patch, pytest.raises(AwayError):
        patch.setattr(Server, "handle_request", handle)
        withdrawn(here)
    # The second was deleted, and its answer never came.
    assert len(here.store.contributions("net")) == 4
    assert withdrawn(here) == (4, 2, 0, (2,)) and here.store.contributions("net") == []
    assert send(here) == 0


def test_all_is_withdrawn_also_what_the_queue_does_not_know(server, send, withdrawn, tmp_path):
    here = server()
    send(here)
    assert withdrawn(here, queue="other") == (6, 0, 0, ()) and here.store.contributions("net") == []
    assert send(here) == 6  # as that queue has it


def test_the_command_withdraws(remnant, server, send, tmp_path, monkeypatch):
    here, made = server(), httpx.Client
    send(here)
    monkeypatch.setattr(
        "remnant.serve.client.remote.httpx.Client", lambda **values: made(**values | {"transport": here})
    )
    words = ("client", "withdraw", "--server", "http://127.0.0.1:1", "--model", "net", "--queue", tmp_path / "queue")
    here.store.database.rows("INSERT INTO parts SELECT 'net', 2, tenant, id FROM contributions LIMIT 1")
    for given in ((), ("--all", "--patient", "zq0hk")):
        code, errors, _ = remnant(*words, *given)
        assert code == 2 and errors == [
            "remnant: Say what is to be withdrawn: either --patient, once or several times, or --all."
        ]
    assert remnant(*words, "--patient", "zq0hk", "--patient", "zq2hk")[::2] == (0, "4")
    here.store.database.rows(
        "UPDATE contributions SET tenant = 'other' WHERE id IN (SELECT id FROM contributions WHERE deleted IS NULL "
        "AND id NOT IN (SELECT id FROM parts) LIMIT 1)"
    )
    code, errors, printed = remnant(*words, "--all")
    assert (code, printed) == (0, "1") and errors == [
        "remnant: the server had deleted 4 contributions before.",
        "remnant: the server knows nothing of 1 contribution: never sent, or sent with the token of another name.",
        "remnant: of the model net, 1 version learned from them and may still answer: 2; ask whoever runs the server to roll "
        "back to one before them and to retrain that one.",
    ]
    here.store.database.rows("UPDATE contributions SET tenant = 'local'")
    code, errors, printed = remnant(*words, "--all", "--quiet")
    assert (code, printed) == (0, "1") and len(errors) == 1 and here.store.contributions("net") == []
    code, errors, _ = remnant(*words[:-1], tmp_path / "typo", "--all")
    assert code == 2 and "does not exist" in errors[-1]


def test_a_server_of_another_encoder_or_of_other_classes_or_without_a_store_is_told(server, send, pairs, tmp_path):
    with pytest.raises(RemnantError, match="was trained with the encoder"):
        send(server("encoder"), "deformation")
    here = server()
    served = here.app.state.models["net"].versions[1]
    object.__setattr__(served, "classes", ("background", "a", "b", "c", "d", "e"))
    with pytest.raises(
        RemnantError, match="has the classes background, a, b, c, d, e, and these label maps have none, gm"
    ):
        send(here)
    here.app = create_app(load_models([pairs["encoder"]]), None, write=lambda _: None)
    with pytest.raises(ServerError, match="takes no contributions to 'net'"):
        send(here)
    assert len(files(tmp_path)) == 1  # it waits for a server that does
    full = server("deformation")
    full.store.quota = 1
    with pytest.raises(ServerError, match=r"has no room for more \(Your contributions take 0 of 1 bytes"):
        send(full, "deformation", queue="other")


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"half")])
@pytest.mark.parametrize("method", ["encoder", "deformation"])
def test_what_was_kept_and_is_gone_is_encoded_anew_and_no_second_contribution(server, send, tmp_path, method, damage):
    here = server(method)
    here.lost = TRIES  # the server has the first, and the client does not know
    with pytest.raises(AwayError):
        send(here, method)
    (path,) = files(tmp_path)
    damage(path)
    assert send(here, method) == 6 and files(tmp_path) == []
    assert len(here.store.contributions("net")) == 6
    assert path.stem in {one.id for one in here.store.contributions("net")}


def test_a_kill_between_file_and_row_leaves_no_patient_behind(tmp_path):
    with Outbox(tmp_path / "q", "u", "m") as outbox:
        entry = outbox.put("s", "p", np.zeros((1, 2, 2, 2), np.float16), np.zeros((2, 2, 2), np.uint8))
    (tmp_path / "q" / "x.safetensors").write_bytes(b"left")
    with Outbox(tmp_path / "q", "u", "m") as outbox:
        assert [path.name for path in outbox.path.parent.glob("*.safetensors")] == [f"{entry.id}.safetensors"]
        assert outbox.find("s") == entry and len(outbox) == 0
        outbox._file(entry.id).write_bytes(b"half")
        assert outbox.read(entry) is None
        with pytest.raises(RemnantError, match="in use by another client"):
            Outbox(tmp_path / "q", "u", "m")
    assert (tmp_path / "q").stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_text("x")
    with pytest.raises(RemnantError, match="cannot be a queue's folder"):
        Outbox(tmp_path / "file", "u", "m")


def test_the_command_says_what_label_maps_tell_and_refuses_bad_input(
    remnant, data, pairs, tmp_path, server, monkeypatch
):
    here, made = server(), httpx.Client
    monkeypatch.setattr(
        "remnant.serve.client.remote.httpx.Client", lambda **values: made(**values | {"transport": here})
    )
    words = ("client", "contribute", data, "--encoder", pairs["encoder"], "--model", "net", "--queue", tmp_path / "q")
    url = ("--server", "http://127.0.0.1:1")
    code, errors, printed = remnant(*words, *url)
    assert (
        code == 2
        and "identifies its patient by itself" in "".join(errors)
        and "add --yes" in errors[-1]
        and printed == ""
    )
    assert here.put == []
    for changed, said in (
        ((*words, "--server", "http://example.org"), "plain HTTP to another machine"),
        (("client", "contribute", tmp_path / "x", *words[3:], *url), "does not exist"),
        (("client", "contribute", tmp_path, *words[3:], *url), "layout"),
    ):
        code, errors, _ = remnant(*changed)
        assert code == 2 and said in errors[-1], errors
