import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path, files_below, fresh_folder, read_json, write_json, write_text

KILLED = """
import os, signal, sys
from pathlib import Path
from remnant.base.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("new")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_file_appears_whole_and_keeps_its_suffix(tmp_path):
    path = tmp_path / "below" / "scan.nii.gz"
    with atomic_path(path) as temporary:
        assert temporary.name.endswith(".nii.gz") and temporary.parent == path.parent
        temporary.write_bytes(b"all of it")
        assert not path.exists()
    assert [entry.name for entry in path.parent.iterdir()] == ["scan.nii.gz"]
    assert path.read_bytes() == b"all of it"


@pytest.mark.parametrize("before", ["nothing", "a folder", "a file"])
def test_a_fresh_folder_takes_the_place_of_what_was_there(tmp_path, before):
    path = tmp_path / "run" / "egress"
    if before != "nothing":
        write_text(path / "old.txt" if before == "a folder" else path, "old")
    with fresh_folder(path) as folder:
        write_text(folder / "new.txt", "new")
    assert [entry.name for entry in path.iterdir()] == ["new.txt"] and path.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["egress"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path, error):
    write_text(tmp_path / "egress" / "old.txt", "old")
    with pytest.raises(error), fresh_folder(tmp_path / "egress") as folder:
        write_text(folder / "new.txt", "half")
        raise error
    assert [entry.relative_to(tmp_path).as_posix() for entry in sorted(tmp_path.rglob("*"))] == [
        "egress",
        "egress/old.txt",
    ]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(error), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise error
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_kill_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    process = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a.txt")], check=False)
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "replace")])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, owner, name):
    write_text(tmp_path / "a.txt", "old")

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(owner, name, full)
    with pytest.raises(OSError, match="No space left"):
        write_text(tmp_path / "a.txt", "new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_json_comes_back_and_nan_is_refused(tmp_path):
    value = {"a": [1, 2.5, None, "ü"]}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert read_json(tmp_path / "a.json") == value


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe"])
def test_what_is_not_json_is_named(tmp_path, content):
    with pytest.raises(RemnantError, match=r"b\.json does not exist"):
        read_json(tmp_path / "b.json")
    (tmp_path / "b.json").write_bytes(content)
    with pytest.raises(RemnantError, match=r"b\.json is not valid JSON"):
        read_json(tmp_path / "b.json")


def test_files_below_follow_links_and_end(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    for name in ("a/b/2", "a/1"):
        (tmp_path / name).write_text("")
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    (tmp_path / "c").symlink_to(tmp_path / "a/b")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert [path.relative_to(tmp_path).as_posix() for path in files_below(tmp_path)] == ["a/1", "a/b/2"]
    assert [path.name for path in files_below(tmp_path / "c")] == ["2", "1"]
