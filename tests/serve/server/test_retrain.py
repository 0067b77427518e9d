"""Versions made of contributions: what they learn from and never see, what takes whose place, and what a running server says."""

import json
import shutil

import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.defenses.privacynet.networks import SEGMENTER, load_server
from remnant.defenses.privacynet.retraining import RetrainSettings
from remnant.serve.holdout import draw_id
from remnant.serve.protocol import Answer, unpacked
from remnant.serve.server import retrain as room
from remnant.serve.server import store as storing
from remnant.serve.server.models import load_models
from remnant.serve.server.refusal import RefusalError
from remnant.serve.server.retrain import retrain_version
from remnant.serve.server.store import Store
from remnant.serve.server.versions import Versions

QUICK = RetrainSettings(steps=1, batch=1)


@pytest.fixture
def versions(store, pair):
    made = Versions(store, "net")
    made.adopt(pair())
    return made


@pytest.fixture
def contribute(store):
    """`contribute(trained, held, tenant="a")`: so many contributions of either side; their ids."""

    def make(trained, held, tenant="a", seed=0):
        generator, ids = np.random.default_rng(seed), []
        for side, count in ((False, trained), (True, held)):
            for _ in range(count):
                code = np.repeat(np.repeat(generator.uniform(size=(1, 8, 10, 8)), 2, 1).repeat(2, 2), 2, 3)
                code = code.astype(np.float16)
                labels = (code[0] > 0.35).astype(np.uint8) + (code[0] > 0.7)
                ids.append(draw_id(side))
                store.add(tenant, "net", ids[-1], code, labels)
        return ids

    return make


@pytest.fixture
def better(versions, monkeypatch):
    """The next version's check holds."""

    def holds(*_):
        dice = {"old": 0.5, "new": 0.6}
        return {"holds": True, "why": "", "scans": 12, "dice": dice, "difference": 0.1, "low": 0.05, "high": 0.15}

    monkeypatch.setattr(room, "compared", holds)


def trained(versions, number):
    return json.loads((versions.folder(number) / "record.json").read_text())


def test_a_version_learns_from_contributions_and_holds_on_those_that_are_held_out(versions, contribute):
    contribute(6, 12)
    record = retrain_version(versions, RetrainSettings(steps=60, learning_rate=5e-3), 0, quiet=True)
    assert (record["number"], record["base"], record["contributions"], record["held_out"]) == (2, 1, 6, 12)
    check = record["check"]
    assert check["holds"], check
    assert check["dice"]["new"] > check["dice"]["old"] + 0.1 and check["scans"] == 12
    server, first = versions[2], versions[1]
    assert (server.mark, server.classes, server.shape, server.patch) == (
        first.mark,
        first.classes,
        first.shape,
        first.patch,
    )
    assert versions.promoted == 1
    versions.promote(2)
    assert versions.promoted == 2


def test_the_same_seed_makes_the_same_version(versions, contribute, store, pair, tmp_path, monkeypatch):
    came = (f"2026-01-01T00:00:{second:02}" for second in range(60))
    monkeypatch.setattr(storing, "now", lambda: next(came))
    contribute(3, 1)
    first = retrain_version(versions, QUICK, 5, quiet=True)
    weights = (versions.folder(2) / SEGMENTER).read_bytes()
    other = Store(tmp_path / "other")
    again = Versions(other, "net")
    again.adopt(pair())
    first_came, *others = store.contributions("net")
    for one in (*others, first_came):
        other.add(one.tenant, "net", one.id, *store.read(one))
    assert retrain_version(again, QUICK, 5, quiet=True) == first
    assert (again.folder(2) / SEGMENTER).read_bytes() == weights
    retrain_version(again, QUICK, 6, quiet=True)
    assert (again.folder(3) / SEGMENTER).read_bytes() != weights


def test_what_is_held_out_trains_no_version_under_no_id(versions, contribute, store, monkeypatch):
    ids = contribute(2, 2)
    held = next(one for one in store.contributions("net") if one.held_out)
    store.add("b", "net", draw_id(False), *store.read(held))  # the same content, by which it would be trained on
    seen = []
    monkeypatch.setattr(room, "retrain", lambda network, pairs, *_: seen.extend(pairs) or network)
    record = retrain_version(versions, QUICK, 0, quiet=True)
    code, _ = store.read(held)
    assert len(seen) == 2 and not any(np.array_equal(one[0].numpy(), code.astype(np.float32)) for one in seen)
    kept = trained(versions, 2)
    assert sorted(one for _, one in kept["trained"]) == sorted(ids[:2]) and record["held_out"] == 2
    assert "trained" not in versions.record(2)  # which clients may read


def test_what_was_deleted_is_left_out_and_the_versions_it_was_part_of_are_known(versions, contribute, store):
    gone, kept, _ = contribute(2, 1)
    retrain_version(versions, QUICK, 0, quiet=True)
    assert store.delete("a", "net", gone) == (2,)
    retrain_version(versions, QUICK, 0, quiet=True)
    assert [one for _, one in trained(versions, 3)["trained"]] == [kept]
    assert [one.versions for one in store.contributions("net", deleted=True)] == [(2,)]
    assert {one.id: one.versions for one in store.contributions("net")}[kept] == (2, 3)


def test_a_version_has_learned_from_what_its_base_did(versions, contribute, store, remnant):
    """It was trained on from there, so that leaving a deleted contribution out of its own training takes nothing back."""
    gone, kept = contribute(2, 0)
    retrain_version(versions, QUICK, 0, quiet=True)
    versions.promote(2, anyway=True)
    assert store.delete("a", "net", gone) == (2,)
    code, errors, _ = remnant("server", "retrain", store.folder, "--steps", 1, "--quiet")
    assert code == 0 and "version 2, which is trained on, learned from 1 contribution that is deleted" in errors[0]
    assert [one.versions for one in store.contributions("net", deleted=True)] == [(2, 3)]
    versions.rollback()
    code, errors, _ = remnant("server", "retrain", store.folder, "--steps", 1, "--quiet")
    assert (code, errors) == (0, [])
    assert [one.versions for one in store.contributions("net", deleted=True)] == [(2, 3)]
    assert {one.id: one.versions for one in store.contributions("net")}[kept] == (2, 3, 4)


def test_a_version_that_learned_from_what_was_deleted_since_is_not_promoted(versions, contribute, store, better):
    gone, _ = contribute(2, 0)
    retrain_version(versions, QUICK, 0, quiet=True)
    store.delete("a", "net", gone)
    with pytest.raises(RefusalError, match="for 1 contribution that it learned from was deleted"):
        versions.promote(2)
    versions.promote(2, anyway=True)
    retrain_version(versions, QUICK, 0, quiet=True)
    versions.promote(3)  # which brings back nothing that the one before it had not


def test_what_the_old_version_learned_from_judges_no_new_one(versions, contribute, store):
    """A scan that is withdrawn and comes again has another id, which may hold it out."""
    again, kept, _ = contribute(3, 0)
    pair = store.read(next(one for one in store.contributions("net") if one.id == again))
    retrain_version(versions, QUICK, 0, quiet=True)
    versions.promote(2, anyway=True)
    store.add("b", "net", draw_id(True), *store.read(next(one for one in store.contributions("net") if one.id == kept)))
    store.delete("a", "net", again)
    store.add("a", "net", draw_id(True), *pair)
    assert retrain_version(versions, QUICK, 0, quiet=True)["held_out"] == 0
    versions.rollback()
    assert retrain_version(versions, QUICK, 0, quiet=True)["held_out"] == 2


def test_what_is_deleted_while_a_version_is_trained_is_in_none(versions, contribute, store, monkeypatch):
    gone, _ = contribute(2, 0)

    def meanwhile(network, *_):
        store.delete("a", "net", gone)
        return network

    monkeypatch.setattr(room, "retrain", meanwhile)
    with pytest.raises(RemnantError, match="1 contribution was deleted, so that it is not added"):
        retrain_version(versions, QUICK, 0, quiet=True)
    assert list(versions) == [1] and not versions.folder(2).exists()


def test_a_kill_while_a_version_is_written_leaves_none(versions, contribute, monkeypatch):
    contribute(1, 0)
    (versions.folder(2)).mkdir()  # as a kill between the folder and its row leaves it
    (versions.folder(2) / "segmenter.safetensors").write_bytes(b"half")
    assert list(versions) == [1] and 2 not in versions
    assert retrain_version(versions, QUICK, 0, quiet=True)["number"] == 2
    assert versions[2].classes == versions[1].classes


def test_a_version_that_is_there_already_stays_whole_when_it_is_stopped(versions, contribute, monkeypatch):
    """Ctrl-C while SQLite commits comes up when it has."""
    contribute(1, 0)
    add = Versions.add

    def stopped(*given):
        add(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Versions, "add", stopped)
        retrain_version(versions, QUICK, 0, quiet=True)
    assert list(versions) == [1, 2] and versions[2].classes == versions[1].classes
    assert retrain_version(versions, QUICK, 0, quiet=True)["number"] == 3


def test_nothing_is_promoted_that_the_scans_do_not_show(versions, contribute):
    contribute(2, 3)
    retrain_version(versions, QUICK, 0, quiet=True)
    with pytest.raises(RefusalError, match="not promoted, for 3 held-out scans show nothing") as refused:
        versions.promote(2)
    assert refused.value.status == 409 and versions.promoted == 1
    versions.promote(2, anyway=True)
    assert versions.promoted == 2 and versions.rollback() == 1 == versions.promoted


def test_a_check_against_another_version_is_no_check(versions, contribute, better):
    contribute(1, 0)
    for _ in range(2):  # both of version 1
        retrain_version(versions, QUICK, 0, quiet=True)
    versions.promote(2)
    with pytest.raises(RefusalError, match="compared with version 1, and version 2 is promoted now"):
        versions.promote(3)
    with pytest.raises(RefusalError, match="nothing compared it"):
        versions.promote(1)
    versions.promote(2)  # as it is
    assert versions.rollback() == 1
    versions.promote(3)
    assert retrain_version(versions, QUICK, 0, quiet=True)["base"] == 3
    assert versions.rollback() == 1
    with pytest.raises(RefusalError, match="no other was promoted"):
        versions.rollback()


def test_each_version_counts_as_a_look_at_the_held_out_scans(versions, contribute, monkeypatch):
    looks = []

    def judged(old, *given):
        looks.append(given[2])
        return {"holds": False, "why": "no", "scans": len(old)}

    monkeypatch.setattr(room, "compared", judged)
    contribute(1, 0)
    for _ in range(2):
        retrain_version(versions, QUICK, 0, quiet=True)
    assert looks == [1, 1]  # there was nothing to look at
    contribute(0, 1, seed=1)
    for _ in range(3):
        retrain_version(versions, QUICK, 0, quiet=True)
    assert looks == [1, 1, 1, 2, 3]


def test_a_running_server_takes_the_promoted_version_at_once_and_has_the_older_ones(
    served, store, pair, asked, contribute, remnant
):
    here, lines = served(store=store)
    contribute(2, 0)

    def maps(path="/v2/models/net/infer"):
        response = here.infer(asked(), path)
        assert response.status_code == 200, response.text
        answer = unpacked(Answer, response.content, response.headers.get("Inference-Header-Content-Length"))
        return answer.version, answer.tensors[0].array

    number, first = maps()
    assert number == 1
    code, errors, printed = remnant("server", "retrain", store.folder, "--steps", 5, "--quiet")
    assert code == 0 and "nothing is held out that could judge it" in printed, errors
    assert here("GET", "/v2/models/net").json()["versions"] == ["1", "2"] and maps()[0] == 1
    assert remnant("server", "promote", store.folder, "--version", 2)[0] == 2
    code, _, printed = remnant("server", "promote", store.folder, "--version", 2, "--anyway")
    assert (code, printed) == (0, "2")
    number, second = maps()
    assert number == 2 and not np.array_equal(first, second) and lines[-1]["version"] == 2
    number, old = maps("/v2/models/net/versions/1/infer")
    assert number == 1 and np.array_equal(old, first)
    found = here("GET", "/v1/models/net/versions").json()["versions"]
    assert [one["promoted"] for one in found] == [False, True] and found[1]["contributions"] == 2
    printed = remnant("server", "versions", store.folder)[2].splitlines()
    assert printed[0].startswith("version 1") and printed[1].startswith("* version 2")
    assert here("POST", "/v1/models/net/rollback").json() == {"promoted": 1} and maps()[0] == 1
    assert np.array_equal(maps()[1], first)


def test_a_store_belongs_to_the_segmenter_that_it_began_with(store, pair, tmp_path):
    load_models([pair()], store)
    load_models([pair()], store)
    other = shutil.copytree(pair("other", 1), tmp_path / "net")
    with pytest.raises(RemnantError, match="has another segmenter as version 1 of net"):
        load_models([other], store)


def test_a_version_whose_file_was_changed_does_not_answer(served, store, asked, refused, versions):
    (versions.folder(1) / SEGMENTER).write_bytes(b"x")
    with pytest.raises(RemnantError, match="is gone or was changed"):
        served(store=store)


def test_few_networks_are_in_memory(versions, contribute, monkeypatch):
    monkeypatch.setattr("remnant.serve.server.versions.LOADED", 2)
    contribute(1, 0)
    for _ in range(3):
        retrain_version(versions, QUICK, 0, quiet=True)
    for number in versions:
        assert versions[number].classes == load_server(versions.folder(number)).classes
    assert list(versions._loaded) == [3, 4]


def test_what_cannot_be_retrained_is_told(store, versions, contribute, remnant, tmp_path):
    for words, said in (
        (("retrain", store.folder), "no contributions to net to train on"),
        (("retrain", tmp_path), "is no store"),
        (("retrain", tmp_path / "x"), "does not exist"),
        (("retrain", store.folder, "--model", "x"), "has no model 'x'; it has net"),
        (("promote", store.folder, "--version", 7), "has no version 7"),
        (("rollback", store.folder), "no other was promoted"),
        (("versions", tmp_path), "is no store"),
    ):
        code, errors, printed = remnant("server", *words)
        assert code == 2 and said in errors[-1] and printed == "", (words, errors)
    contribute(0, 1)
    assert "1 that are held out" in remnant("server", "retrain", store.folder)[1][-1]
    with room._alone(store):
        assert "Another retraining is at work" in remnant("server", "retrain", store.folder)[1][-1]
