import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.base.store import private_folder
from remnant.report.private import read_reconstructions, write_reconstructions


def _write(run, cell="a", **changes):
    draw = np.random.default_rng(0)
    return write_reconstructions(
        run,
        cell,
        **{
            "network": "unet",
            "decoder": "default",
            "pseudonyms": ["P1", "P2"],
            "groups": ["member", "non_member"],
            "sessions": [1, 1],
            "originals": draw.random((2, 3, 4, 5)),
            "reconstructions": np.zeros((2, 3, 4, 5)),
        }
        | changes,
    )


def test_the_wanted_pairs_come_back_from_all_cells(tmp_path):
    path = _write(tmp_path)
    _write(tmp_path, "b", network="segnet", reconstructions=np.ones((2, 3, 4, 5)))
    assert path == tmp_path / "private" / "reconstructions" / "a.npz"
    wanted = {("unet", "default", "P2", "non_member", "1"), ("segnet", "default", "P1", "member", "1")}
    pairs = read_reconstructions(tmp_path, wanted)
    assert [(pair.network, pair.pseudonym) for pair in pairs] == [("unet", "P2"), ("segnet", "P1")]
    expected = np.random.default_rng(0).random((2, 3, 4, 5))[1]
    np.testing.assert_allclose(pairs[0].original, expected, atol=1e-3)
    assert pairs[0].original.dtype == np.float32
    assert pairs[1].reconstruction.mean() == 1


def test_only_the_owner_may_look(tmp_path):
    folder = private_folder(tmp_path, "figures")
    assert [oct(path.stat().st_mode & 0o777) for path in (folder.parent, folder)] == ["0o700"] * 2


def test_none_kept(tmp_path):
    with pytest.raises(RemnantError, match="--keep-reconstructions"):
        read_reconstructions(tmp_path, set())


@pytest.mark.parametrize("damage", ["not a zip", "key missing", "pickle"])
def test_a_damaged_file_is_named(tmp_path, damage):
    path = _write(tmp_path)
    if damage == "not a zip":
        path.write_bytes(path.read_bytes()[:200])
    elif damage == "key missing":
        np.savez(path, network=np.array("unet"))
    else:
        np.savez(path, network=np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(RemnantError, match=r"a\.npz is damaged"):
        read_reconstructions(tmp_path, {("unet", "default", "P2", "non_member", "1")})
