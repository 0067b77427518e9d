"""What a user can do about an error of the system."""

import errno

import pytest

from remnant.base.errors import RemnantError, disk_sentence, no_room

FULL = OSError(errno.ENOSPC, "No space left on device", "/there")


def raised(error, cause):
    """`error` as a library raises it while it handles `cause`."""
    try:
        try:
            raise cause
        except OSError:
            raise error  # noqa: B904
    except type(error) as found:
        return found


def test_a_full_disk_is_found_in_what_a_library_made_of_it():
    wrapped = OSError("With tag (5200,9230) got exception: [Errno 28]")
    wrapped.__cause__ = FULL
    for error in (FULL, wrapped, raised(RuntimeError("unexpected pos 704 vs 598"), FULL)):
        assert no_room(error) is FULL
        assert disk_sentence(error) == "No space left on device: /there; make room, then add --resume."
    assert no_room(ValueError()) is None and disk_sentence(raised(KeyError(), PermissionError(13, "No"))) == ""


def test_what_was_told_already_is_not_told_again():
    try:
        try:
            raise FULL
        except OSError:
            raise RemnantError("The disk of the run is full.") from None
    except RemnantError as told:
        assert no_room(told) is None


@pytest.mark.parametrize(
    "number", [errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.EACCES, errno.ESTALE, errno.ENOTCONN]
)
def test_a_wrong_path_is_one_sentence(number):
    assert disk_sentence(OSError(number, "x", "/there")).endswith(": /there; check the path and your rights to it.")
    assert disk_sentence(OSError(errno.EPIPE, "x")) == ""
