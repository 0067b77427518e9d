import numpy as np
import pytest
from statsmodels.stats.power import TTestPower
from tests.studies.subbanna2021.example import attack, cells

from remnant.base.seeds import Seeds
from remnant.studies.subbanna2021.contrasts import GROUPS, compared, leak, looked_at_together
from remnant.studies.subbanna2021.search import FoldsSearch
from remnant.studies.subbanna2021.tables import make_tables

COLUMNS = {
    "similarity": "network decoder metric group n own own_sd own_low own_high others others_sd mean_image "
    "mean_image_low mean_image_high published published_others",
    "identification": "network metric decoder group n gallery rank1 rank1_low rank1_high rank1_count mean_rank auc "
    "auc_low auc_high chance published_rank1 published_mean_rank chance_mean_rank",
    "other_session": "network metric decoder group direction n gallery rank1 rank1_low rank1_high rank1_count chance",
    "dice": "network decoder group image class n dice sd low high published",
    "leak": "network decoder metric statistic n trainings difference low high p p_bound holm_p holm_p_bound detectable",
    "ranks": "network decoder metric group rank count published",
    "exposed": "network decoder pseudonym group metric own best_other margin rank",
    "scores": "network decoder metric group pseudonym session own others_mean best_other mean_image rank "
    "other_session_rank",
}


@pytest.fixture(scope="module")
def tables():
    return make_tables(cells(), ["unet"], ["default"], Seeds(0))


def row(rows, **where):
    found = [row for row in rows if where.items() <= row.items()]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("name", COLUMNS)
def test_every_table_has_its_columns(tables, name):
    assert tables[name] and all(set(row) == set(COLUMNS[name].split()) for row in tables[name])


def test_ranks_and_identification(tables):
    """Members: A in fold 0 (first), B in fold 1 (first); non-members: B in fold 0 (third), A in fold 1 (second)."""
    member = row(tables["identification"], decoder="default", metric="ssim", group="member")
    other = row(tables["identification"], decoder="default", metric="ssim", group="non_member")
    # The second sessions of anybody are no candidates.
    assert member["gallery"] == other["gallery"] == 4 and member["chance"] == 0.25
    assert (member["n"], member["rank1_count"], member["rank1"], member["mean_rank"]) == (2, 2, 1.0, 1.0)
    assert (other["n"], other["rank1_count"], other["rank1"], other["mean_rank"]) == (2, 0, 0.0, 2.5)
    assert member["rank1_low"] == pytest.approx(0.025**0.5) and member["rank1_high"] == 1
    assert member["chance_mean_rank"] == 2.5 and member["published_rank1"] == 30 / 40
    # Own 0.9 and 0.6 against 0.3 0.5 0.1 and 0.1 0.2 0.1: every pair is won.
    assert member["auc"] == 1.0
    # 0.5 and 0.7 against 0.6 0.7 0.1 and 0.8 0.5 0.1, ties half: 2.5 and 4.5 of 6.
    assert other["auc"] == pytest.approx(7 / 12)
    counts = [r["count"] for r in tables["ranks"] if r["metric"] == "ssim" and r["group"] == "non_member"]
    assert counts == [0, 1, 1, 0]
    assert [r["published"] for r in tables["ranks"] if r["metric"] == "ssim" and r["group"] == "member"] == [
        30,
        5,
        2,
        2,
    ]


def test_the_mean_image_searches_the_same_gallery(tables):
    """Equal to A 0.5, to B 0.4, to C and D 0.6: A is third, B fourth, whoever is a member."""
    for group in ("member", "non_member"):
        found = row(tables["identification"], decoder="mean_image", metric="ssim", group=group)
        assert (found["rank1_count"], found["mean_rank"], found["published_rank1"]) == (0, 3.5, None)


def test_similarity(tables):
    found = row(tables["similarity"], metric="ssim", group="member")
    assert found["own"] == pytest.approx(0.75) and found["own_sd"] == pytest.approx(0.3 / 2**0.5)
    # A's others: B1 0.3, C 0.5, D 0.1; B's: A1 0.1, C 0.2, D 0.1.
    assert found["others"] == pytest.approx((0.9 / 3 + 0.4 / 3) / 2)
    assert found["mean_image"] == pytest.approx(0.45)
    assert (found["published"], found["published_others"]) == (0.73, 0.50)
    assert row(tables["similarity"], metric="mcc", group="member")["published"] is None


def test_the_leak_is_paired_by_patient(tables):
    """A: 0.9 as member, 0.7 as non-member; B: 0.6 and 0.5."""
    found = row(tables["leak"], metric="ssim", statistic="own")
    assert found["n"] == 2 and found["difference"] == pytest.approx(0.15)
    # A: 0.9 - 0.5 and 0.7 - 0.8; B: 0.6 - 0.2 and 0.5 - 0.7.
    assert row(tables["leak"], metric="ssim", statistic="margin")["difference"] == pytest.approx(0.55)
    # Two patients have an exact p and no interval.
    assert (found["low"], found["high"], found["p"], found["p_bound"], found["trainings"]) == (
        None,
        None,
        0.5,
        False,
        2,
    )


def test_looks_count_together_over_all_networks_attacks_and_measures():
    rows = [
        {
            "network": network,
            "decoder": decoder,
            "n": 24,
            "trainings": 1,
            "p": p,
            "p_bound": p == 0.01,
            "detectable": 0.1,
        }
        for network, decoder, p in (
            ("unet", "default", 0.01),
            ("segnet", "default", 0.04),
            ("unet", "linear", 0.02),
            ("unet", "default", None),
        )
    ]
    found = looked_at_together(rows)
    assert [row["holm_p"] for row in found] == pytest.approx([0.03, 0.04, 0.04, None])
    assert [row["holm_p_bound"] for row in found] == [True, False, False, False]
    # What 80% power would have shown is larger where each of three must reach a third of the level.
    power = TTestPower().solve_power(nobs=24, alpha=0.05 / 3, power=0.8) / TTestPower().solve_power(
        nobs=24, power=0.8, alpha=0.05
    )
    assert [row["detectable"] for row in found] == pytest.approx([0.1 * power] * 4, rel=1e-3)


def test_the_leak_does_not_depend_on_the_names_that_the_key_gives():
    rng = np.random.default_rng(0)
    scores = {group: rng.random((20, 1)) for group in GROUPS}
    leaks = []
    for names in ([f"P-{i:02d}" for i in range(20)], [f"P-{99 - 7 * i % 50:02d}" for i in range(20)]):
        # The same patients in another order of folds, as the non-members come.
        order = {"member": np.arange(20), "non_member": np.roll(np.arange(20), 5)}
        folds = {group: (np.arange(20) // 5).tolist() for group in GROUPS}
        firsts = {
            group: FoldsSearch(
                scores[group][order[group]],
                np.zeros(20, int),
                np.ones((20, 1), bool),
                mean_image=scores[group],
                pseudonyms=[names[i] for i in order[group]],
                folds=folds[group],
            )
            for group in GROUPS
        }
        leaks.append(leak({}, firsts, "own", Seeds(0)))
    assert leaks[0] == leaks[1]
    assert leaks[0]["difference"] == pytest.approx((scores["member"] - scores["non_member"]).mean())


def test_the_other_session(tables):
    """As members, A2 finds A1 (0.8 above 0.3 0.5 0.1), B2 finds B1 (0.5 above 0.1 0.2 0.1)."""
    found = row(tables["other_session"], metric="ssim", group="member", direction="second->first")
    assert (found["n"], found["gallery"], found["rank1_count"], found["chance"]) == (2, 4, 2, 0.25)
    # A1 finds A2 (0.7); B1 (0.4) is above 0.1 0.2 0.1 for B2, its own first scan left out.
    found = row(tables["other_session"], metric="ssim", group="member", direction="first->second")
    assert found["rank1_count"] == 2
    # As non-members: B2 has B1 second, A2 has A1 (0.2) behind B1 and C.
    found = row(tables["other_session"], metric="ssim", group="non_member", direction="second->first")
    assert (found["rank1_count"], found["rank1"]) == (0, 0.0)


def test_without_second_sessions_there_is_no_such_table():
    single = cells()
    for name in list(single)[1:]:
        cell = single[name]
        keep = [i for i, session in enumerate(cell["sessions"]) if session == 1]
        seen = [j for j, (_, session) in enumerate(cell["gallery"]) if session == 1]
        cell.update({key: [cell[key][i] for i in keep] for key in ("pseudonyms", "groups", "sessions")})
        cell["similarity"] = {m: [[rows[i][j] for j in seen] for i in keep] for m, rows in cell["similarity"].items()}
        cell["mean_image"] = {m: [values[j] for j in seen] for m, values in cell["mean_image"].items()}
        cell["gallery"] = [cell["gallery"][j] for j in seen]
        cell["dice"] = {image: [rows[i] for i in keep] for image, rows in cell["dice"].items()}
    tables = make_tables(single, ["unet"], ["default"], Seeds(0))
    assert tables["other_session"] == []
    assert all(row["other_session_rank"] is None for row in tables["scores"])


def test_two_groups_have_noleak():
    two = {name: cell for name, cell in cells().items() if "fold1" not in name}
    two["attack-unet-fold0-default"]["groups"] = ["member"] * 4
    tables = make_tables(two, ["unet"], ["default"], Seeds(0))
    assert tables["leak"] == [] and {row["group"] for row in tables["identification"]} == {"member"}


def test_dice_is_of_first_sessions_and_of_classes_that_are_there(tables):
    """Member A in fold 0: 0.8 and 0.6; member B in fold 1: 0.4 and a class that neither map has."""
    assert row(tables["dice"], group="member", **{"class": "gyri"})["dice"] == pytest.approx(0.6)
    deep = row(tables["dice"], group="member", **{"class": "deep_grey"})
    assert (deep["n"], deep["dice"], deep["sd"], deep["low"]) == (1, 0.6, None, None)
    mean = row(tables["dice"], group="member", **{"class": "mean"})
    assert (mean["n"], mean["dice"], mean["published"]) == (2, pytest.approx((0.7 + 0.4) / 2), 0.53)


def test_scores_and_the_most_exposed(tables):
    score = row(tables["scores"], metric="ssim", group="non_member", pseudonym="B")
    assert score == {
        "network": "unet",
        "decoder": "default",
        "metric": "ssim",
        "group": "non_member",
        "pseudonym": "B",
        "session": "1",
        "own": 0.5,
        "others_mean": pytest.approx((0.6 + 0.7 + 0.1) / 3),
        "best_other": 0.7,
        "mean_image": 0.4,
        "rank": 3.0,
        # Its second scan (0.4) behind A1 and C.
        "other_session_rank": 3.0,
    }
    exposed = tables["exposed"]
    assert [(r["pseudonym"], r["group"], round(r["margin"], 6)) for r in exposed] == [
        ("A", "member", 0.4),
        ("B", "member", 0.4),
        ("A", "non_member", -0.1),
        ("B", "non_member", -0.2),
    ]


def test_an_experiment_is_compared_with_the_first_patient_by_patient():
    both = cells()
    for fold, groups in ((0, ("member", "non_member")), (1, ("non_member", "member"))):
        first = both[f"attack-unet-fold{fold}-default"]["similarity"]["ssim"]
        # Everybody's own image loses 0.2 and the others nothing: A1 stands first, B1 third in the gallery.
        rows = [
            [value - 0.2 * (j == own) for j, value in enumerate(row)]
            for row, own in zip(first, (0, 1, 2, 3), strict=True)
        ]
        both[f"attack-unet-fold{fold}-surrogate"] = attack(groups, rows, experiment="surrogate")
    tables = make_tables(both, ["unet"], ["default", "surrogate"], Seeds(0))
    found = row(tables["comparison"], decoder="surrogate", baseline="default", metric="ssim", group="member")
    assert found["n"] == 2 and found["difference"] == pytest.approx(-0.2)
    assert found["against"] == pytest.approx(0.4) and found["value"] == pytest.approx(0.2)
    assert found["shown"] == "too few patients"
    assert {r["decoder"] for r in tables["comparison"]} == {"surrogate"}
    # The exposed are those of the first experiment.
    assert {r["decoder"] for r in tables["exposed"]} == {"default"}


def test_an_experiment_on_few_patients_is_compared_with_the_same_few():
    def searched(margins):
        scores = np.array([[0.5 + margin, 0.5] for margin in margins.values()])
        own = np.zeros(len(scores), int)
        return FoldsSearch(scores, own, mean_image=scores, pseudonyms=list(margins), folds=[0] * len(scores))

    searches = {
        ("default", "member"): searched({f"P{i}": 0.01 * i for i in range(6)}),
        ("overfit", "member"): searched({f"P{i}": 0.01 * i + 0.1 for i in (1, 3, 4)}),
        # Nobody of this group was drawn by the first.
        ("overfit", "non_member"): searched({"P1": 0.1}),
    }
    ((key, found),) = compared(searches, {"network": "unet", "metric": "ssim"}, "default", Seeds(0))
    assert (key["decoder"], key["baseline"], key["group"]) == ("overfit", "default", "member")
    assert found.n == 3 and found.difference == pytest.approx(0.1)
    assert found.against == pytest.approx(0.08 / 3)
