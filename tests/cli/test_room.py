"""A full disk is told by the folder that lies on it, in every command that has one."""

import errno

import pytest

from remnant.base.errors import RemnantError
from remnant.cli.room import room


def full(*given, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


COMMANDS = {
    "server versions HERE": "give the command again",
    "server retrain HERE": "give the command again",
    "client contribute HERE --encoder HERE --server http://localhost --queue HERE": "give the command again, which goes on",
    "client withdraw --server http://localhost --queue HERE --all": "give the command again, which goes on",
    "client segment HERE --encoder HERE --server http://localhost --out HERE/new": "give the command again",
}


@pytest.mark.parametrize(("words", "then"), COMMANDS.items())
def test_a_full_disk_is_told_by_its_folder(words, then, remnant, tmp_path, monkeypatch):
    monkeypatch.setattr("remnant.serve.server.store.Store.existing", full)
    monkeypatch.setattr("remnant.serve.client.remote.Remote.__enter__", full)
    code, errors, _ = remnant(*words.replace("HERE", str(tmp_path)).split())
    assert (code, errors[-1]) == (2, f"remnant: The disk of {tmp_path} is full; make room, and {then}.")


def test_another_error_is_its_own():
    with pytest.raises(RemnantError, match="As it was"), room("there", "then"):
        try:
            full()
        except OSError as error:
            raise RemnantError("As it was.") from error
    with pytest.raises(PermissionError), room("there", "then"):
        raise PermissionError(errno.EACCES, "No")
