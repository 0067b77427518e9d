import multiprocessing
import os
import signal
import stat

import pytest

from remnant.base.cachedir import TAG, is_ours, private_cache, unfinished
from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path

KEY = "0123456789abcdef" * 2


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_cache_is_closed_to_others(tmp_path):
    cache = private_cache(tmp_path / "a" / "cache")
    assert cache == tmp_path / "a" / "cache" and mode(cache) == 0o700 and (cache / TAG).is_file()
    assert private_cache(cache) == cache


def test_a_shared_directory_keeps_its_rights_and_gets_a_private_folder(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o775)
    cache = private_cache(shared)
    assert mode(shared) == 0o775 and cache == shared / "remnant" and mode(cache) == 0o700
    assert [entry.name for entry in shared.iterdir()] == ["remnant"]
    cache.chmod(0o755)
    with pytest.raises(RemnantError, match="Others may enter"):
        private_cache(shared)


def test_ours_is_what_remnant_named_in_a_tagged_folder(tmp_path):
    cache = private_cache(tmp_path / "cache")
    names = [f"head-{KEY}.npz", "thesis.npz", f"head-{KEY}.txt"]
    for name in names:
        (cache / name).write_text("x")
        (tmp_path / name).write_text("x")
    (cache / f"link-{KEY}.npz").symlink_to(tmp_path / "thesis.npz")
    (cache / f"folder-{KEY}.npz").mkdir()
    assert [path for path in [*cache.iterdir(), *tmp_path.iterdir()] if is_ours(path)] == [cache / names[0]]


def _killed_while_writing(path):
    with atomic_path(path):
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_is_being_written_is_told_from_what_a_kill_left(tmp_path):
    cache = private_cache(tmp_path / "cache")
    killed = multiprocessing.get_context("fork").Process(target=_killed_while_writing, args=(cache / "a.npz",))
    killed.start()
    killed.join()
    left = list(cache.glob(".tmp-*.npz"))
    assert len(left) == 1
    with atomic_path(cache / "b.npz"):
        assert len(list(cache.glob(".tmp-*.npz"))) == 2 and unfinished(cache) == left
    (cache / TAG).unlink()
    assert unfinished(cache) == []
