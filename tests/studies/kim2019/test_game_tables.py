"""The table of the game: which number of the study's tables stands where, and what counts as reached."""

import pytest
from benchmarks._game_tables import game_rows, summary_rows

from remnant.studies.kim2019.variants import VARIANTS, described

WORDS = described({name: VARIANTS[name] for name in ("game-raw", "game-1")})


def adversary(variant, view, attack, balanced=0.5, auc=0.5, counts=True):
    return {
        **{"variant": variant, "view": view, "attack": attack, "strongest": True, "patients": 16},
        **{"balanced": balanced, "balanced_low": balanced - 0.1, "balanced_high": balanced + 0.1},
        **{"auc": auc, "auc_low": auc - 0.1, "auc_high": auc + 0.2, "control": 0.97, "counts": counts},
    }


def tables(patch=0.53, code=0.70, segmentation=0.72, beyond=-0.02, loss=0.01, counts=True):
    """What one variant of the game came to, beside raw scans."""
    return {
        "identity": [
            adversary("game-raw", "code", "d_new", 0.97, 0.99),
            adversary("game-1", "code", "d_adv_patch", patch, 0.55),
            adversary("game-1", "code", "d_adv", 0.6, 0.35),
            adversary("game-1", "code", "d_new", 0.65, code, counts),
            adversary("game-1", "code", "likelihood", 0.6, 0.15),
            adversary("game-1", "labels", "d_new", 0.66, segmentation),
            {**adversary("game-1", "code", "d_new", 0.9, 0.99), "strongest": False},
        ],
        "difference": [
            {"variant": "game-1", "attack": "d_new", "difference": beyond, "low": beyond - 0.1, "high": beyond + 0.1}
        ],
        "segmentation": [
            {
                "variant": name,
                "class": "overall",
                "dice": dice,
                "dice_low": 0.7,
                "dice_high": 0.9,
                "loss": lost,
                "loss_low": 0.0,
                "loss_high": 0.02,
            }
            for name, dice, lost in (("game-raw", 0.85, None), ("game-1", 0.84, loss))
        ],
        "inversion": [
            {
                "variant": "game-1",
                "view": "code",
                "sought": "own_scan",
                "rank1_count": 3,
                "n": 16,
                "chance": 1 / 16,
                "p": 0.1,
                "auc": 0.6,
                "ssim": 0.5,
                "ssim_mean_image": 0.4,
            },
        ],
    }


def row(**changes):
    return next(row for row in game_rows(tables(**changes), WORDS, 7) if row["variant"] == "game-1")


def test_a_row_says_what_the_studys_tables_do():
    found = row()
    assert (found["seed"], found["lambda"], found["patients"], found["dice"], found["loss"]) == (7, 1.0, 16, 0.84, 0.01)
    names = ("d_adv_patch", "d_adv_patch_low", "d_adv")
    assert [found[name] for name in names] == pytest.approx([0.53, 0.43, 0.6])
    assert found["d_adv_patch_recalibrated"] is None
    assert (found["fresh_code"], found["fresh_segmentation"], found["beyond"]) == (0.70, 0.72, -0.02)
    assert (found["inversion_rank1_count"], found["inversion_n"], found["control"]) == (3, 16, 0.97)
    # The likelihood ratio of the code errs surely, and so knows the answer.
    assert found["strength_code"] == found["strength"] == 0.85 and found["strength_segmentation"] == 0.72
    assert row(segmentation=0.9)["strength"] == 0.9
    raw = next(row for row in game_rows(tables(), WORDS, 7) if row["variant"] == "game-raw")
    assert raw["reached"] is None and raw["fresh_code_balanced"] == 0.97 and raw["d_adv_patch"] is None


def test_an_auc_below_a_half_is_turned_with_its_interval():
    found = row(code=0.3)
    assert [found[f"fresh_code{end}"] for end in ("", "_low", "_high")] == pytest.approx([0.7, 0.5, 0.8])


@pytest.mark.parametrize(
    ("part", "kept", "missed"),
    [
        ("hidden", {"patch": 0.55}, {"patch": 0.551}),
        ("hidden", {"patch": 0.45}, {"patch": 0.44}),
        ("within", {"beyond": 0.02}, {"beyond": 0.021}),
        ("kept", {"loss": 0.02}, {"loss": 0.021}),
    ],
)
def test_each_part_of_what_was_asked_is_needed(part, kept, missed):
    assert row(**kept)[part] is True and row(**kept)["reached"] is True
    assert row(**missed)[part] is False and row(**missed)["reached"] is False


def test_nothing_is_reached_by_whom_no_able_adversary_failed_on():
    found = row(counts=False)
    assert found["reached"] is found["hidden"] is found["within"] is found["kept"] is None
    assert row(loss=None)["reached"] is None


def test_seeds_are_told_together_with_their_spread():
    rows = [
        *game_rows(tables(), WORDS, 0),
        *game_rows(tables(patch=0.6, loss=0.03), WORDS, 1),
        *game_rows(tables(counts=False), WORDS, 2),
    ]
    raw, ours = summary_rows(rows)
    assert (ours["seeds"], ours["judged"], ours["reached"]) == (3, 2, 1) and (raw["judged"], raw["reached"]) == (0, 0)
    assert [ours[f"d_adv_patch{end}"] for end in ("", "_least", "_most")] == pytest.approx(
        [(0.53 + 0.6 + 0.53) / 3, 0.53, 0.6]
    )
    assert raw["loss"] is None and raw["dice"] == pytest.approx(0.85)
