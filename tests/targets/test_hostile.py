"""No file makes Remnant run code, eat memory or end in a traceback; each is refused with its sentence."""

import os
import pickle
import resource
import sys
import zipfile

import pytest
import torch
from tests.targets import hostile

from remnant import cli
from remnant.base.errors import RemnantError
from remnant.targets.files.allowed import refused_names
from remnant.targets.files.pickled import BadPickleError, Pickled
from remnant.targets.opening import open_checkpoint

SUFFIXES = (".pt", ".safetensors")
MIB = 2**10  # of ru_maxrss, which counts KiB


@pytest.mark.parametrize("name", hostile.CORPUS)
def test_refused_with_its_sentence(tmp_path, name):
    write, told = hostile.CORPUS[name]
    mark = tmp_path / "executed"
    sentences = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for suffix in SUFFIXES:
        path = tmp_path / f"a{suffix}"
        write(path, mark)
        with pytest.raises(RemnantError) as refusal:
            open_checkpoint(path)
        sentences.append(str(refusal.value).replace(f"a{suffix}", "a"))
    assert not mark.exists()
    assert all(text in sentences[0] for text in told), sentences[0]
    assert sentences[0].endswith(".") and sentences[0].isprintable()
    # By content: the suffix changes nothing.
    assert len(set(sentences)) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 * MIB


@pytest.mark.parametrize("name", hostile.OPENED)
def test_opened_with_a_finding(tmp_path, name):
    """Nothing runs, the weights are right, and what the file would do elsewhere is said."""
    write, told = hostile.OPENED[name]
    path, mark = tmp_path / "a.pt", tmp_path / "executed"
    write(path, mark)
    opened = open_checkpoint(path)
    assert not mark.exists()
    assert any(all(text in finding for text in told) for finding in opened.findings), opened.findings
    assert all(torch.equal(opened.tensors[key], tensor) for key, tensor in hostile.sound().items())


def test_the_corpus_is_large():
    assert len(hostile.CORPUS) + len(hostile.OPENED) >= 60


@pytest.mark.parametrize("name", ["plain_pickle", "plain_pickle_of_protocol_5", "plain_pickle_of_protocol_0"])
def test_the_payloads_do_run_where_they_may(tmp_path, name):
    path, mark = tmp_path / "a.pt", tmp_path / "executed"
    hostile.CORPUS[name][0](path, mark)
    pickle.loads(path.read_bytes())
    assert mark.exists()


@pytest.mark.parametrize(
    "name", ["os_system", "eval_among_the_weights", "exec_in_the_metadata", "partial", "legacy_format"]
)
def test_the_payloads_of_torch_do_run_where_they_may(tmp_path, name):
    path, mark = tmp_path / "a.pt", tmp_path / "executed"
    (hostile.CORPUS | hostile.OPENED)[name][0](path, mark)
    torch.load(path, weights_only=False)
    assert mark.exists()


def test_names_agree_with_those_that_torch_lists(tmp_path):
    for name in ("os_system", "eval_among_the_weights", "partial", "whole_model", "harmless_object"):
        path = tmp_path / f"{name}.pt"
        (hostile.CORPUS | hostile.OPENED)[name][0](path, tmp_path / "executed")
        listed = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        assert listed and set(listed) <= set(refused_names(imported(path)))


def imported(path):
    with zipfile.ZipFile(path) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith("data.pkl"))
        pickled = Pickled()
        pickled.read(archive.read(name))
    return pickled.imports


@pytest.mark.parametrize("legacy", [False, True])
def test_cut_off_anywhere(tmp_path, legacy):
    path = tmp_path / "a.pt"
    torch.save(hostile.sound(), path, _use_new_zipfile_serialization=not legacy)
    whole = path.read_bytes()
    for cut in range(0, len(whole), 11):
        path.write_bytes(whole[:cut])
        with pytest.raises(RemnantError):
            open_checkpoint(path)


def test_bytes_changed_anywhere(tmp_path):
    """A flipped byte gives the tensors of before, other numbers, or a sentence; never a traceback."""
    path = tmp_path / "a.pt"
    for legacy in (False, True):
        torch.save({"state_dict": hostile.sound(), "epoch": 3}, path, _use_new_zipfile_serialization=not legacy)
        whole = path.read_bytes()
        for place in range(0, len(whole), 5):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
            try:
                open_checkpoint(path)
            except RemnantError as refusal:
                assert str(refusal).endswith(".")


def test_an_honest_pickle_is_read_as_it_is():
    value = {"a": [1, 2.5, None, True, "x", b"y", (1, 2)], "b": {"c": {3}}, "d": (1, 2, 3, 4), "e": 2**70}
    for protocol in (0, 1, 2, 3, 4, 5):
        assert Pickled().read(pickle.dumps({**value, "b": 1, "a": value["a"][:5]}, protocol)) == {
            **value,
            "b": 1,
            "a": value["a"][:5],
        }
    pickled = Pickled()
    pickled.read(pickle.dumps([os.mkdir, torch.float32, dict], 2))
    assert refused_names(pickled.imports) == [f"{os.mkdir.__module__}.mkdir", "builtins.getattr", "builtins.dict"] or (
        "builtins.dict" in refused_names(pickled.imports)
    )
    with pytest.raises(BadPickleError):
        Pickled().read(b"")


def test_the_command_refuses_with_exit_code_2(tmp_path, monkeypatch, capsys):
    path, mark = tmp_path / "a.pt", tmp_path / "executed"
    hostile.CORPUS["os_system"][0](path, mark)
    monkeypatch.setattr(sys, "argv", ["remnant", "inspect", str(path), "--json"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    printed = capsys.readouterr()
    assert stop.value.code == 2 and printed.out == "" and not mark.exists()
    assert printed.err.startswith("remnant: ") and "system" in printed.err and printed.err.count("\n") == 1
