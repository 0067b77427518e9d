import statistics
from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from tests.studies.lee2025.example import attacked, audit, groups, model, record

from remnant.base.results import matching
from remnant.base.seeds import Seeds
from remnant.cohort.images import AGE, SEX
from remnant.measure.anonymity import stationary_population
from remnant.measure.frechet import frechet_distance
from remnant.measure.intervals import FEWEST
from remnant.studies.lee2025.distribution_tables import Features
from remnant.studies.lee2025.kept import as_bytes
from remnant.studies.lee2025.leak_tables import leak_rows, with_verdicts
from remnant.studies.lee2025.scores import Audited
from remnant.studies.lee2025.tables import NAMES, make_tables

COLUMNS = {
    "targets": "target network recipe source patients images epochs train_accuracy accuracy balanced balanced_low "
    "balanced_high auc auc_low auc_high majority published_accuracy",
    "leak": "target space crop set source candidates members non_members auc auc_low auc_high auc_p detectable_auc difference "
    "low high p detectable nearer expected most nearer_p gain gain_low gain_high gain_p gain_p_bound gain_detectable "
    "compared class_gain class_gain_low class_gain_high class_gain_p class_gain_p_bound class_gain_detectable class_compared "
    "controls beyond_p beyond_p_bound holm_p holm_p_bound flagged",
    "mitigations": "target against source space auc auc_against excess excess_against balanced balanced_against comparable "
    "members non_members difference low high p p_bound detectable holm_p holm_p_bound",
    "methods": "target space method auc auc_published members non_members difference low high p p_bound detectable flagged "
    "holm_p holm_p_bound",
    "membership_scores": "target space source group pseudonym score",
    "score_groups": "target space source group n mean sd q25 median q75",
    "over_prior": "target space source members non_members auc auc_prior difference low high p p_bound detectable holm_p "
    "holm_p_bound",
    "candidates": "target stage1 mahalanobis likely stage1_cut mahalanobis_cut",
    "kurtosis": "target set n component kurtosis low high",
    "entropy": "target set low high count",
    "ages": "target set actual predicted",
    "sexes": "target set actual predicted count",
}


# Filled from the records of their own cells, of which an invented audit has none.
OF_CELLS = ("membership", "membership_verdicts", "ceiling", "identifiability")


def one(rows, **where):
    found = matching(rows, where)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_table_has_its_columns(tables, name):
    assert tables[name] and all(set(row) == set(COLUMNS[name].split()) for row in tables[name])


def test_every_row_of_a_table_has_the_same_columns_and_fits_into_json(tables):
    assert tuple(tables) == NAMES
    for name, rows in tables.items():
        if name in OF_CELLS:
            continue
        assert len({frozenset(row) for row in rows}) == 1, name
        numbers = [value for row in rows for value in row.values() if isinstance(value, float)]
        assert np.isfinite(numbers).all(), name
        assert all(type(value) in (str, bool, int, float, type(None)) for row in rows for value in row.values()), name


def test_the_attack_comes_first_and_the_prior_has_no_verdict(tables):
    rows = matching(tables["leak"], {"target": "cnn_overfit", "space": "ssim", "crop": "whole", "set": "all"})
    assert [row["source"] for row in rows] == ["published", "prior", "pixels"]
    assert [row["flagged"] is None for row in rows] == [False, True, False]


def test_a_score_is_the_mean_over_images_of_the_nearest_candidate(invented, tables):
    attacked = next(one for one in invented["attacked"] if (one.target, one.method) == ("cnn", "published"))
    members = invented["groups"]["private"]["members"]
    who = members.patients[0]
    images = [place for place, name in enumerate(members.patients) if name == who]
    assert len(images) == 2
    expected = attacked.similarities["ssim", "whole", "members"][:, images].max(0).mean()
    row = one(tables["membership_scores"], target="cnn", space="ssim", source="published", pseudonym=who)
    assert (row["group"], row["score"]) == ("member", pytest.approx(expected))


def test_the_auc_is_of_the_scores(tables):
    where = {"target": "cnn_overfit", "space": "target_features", "source": "published"}
    scores = {
        group: [row["score"] for row in matching(tables["membership_scores"], where | {"group": group})]
        for group in ("member", "non_member")
    }
    wins = np.mean([[a > b for b in scores["non_member"]] for a in scores["member"]])
    row = one(tables["leak"], crop="whole", set="all", **where)
    assert row["auc"] == pytest.approx(wins, abs=1e-6)
    assert row["nearer"] == sum(score > max(scores["non_member"]) for score in scores["member"])


def test_of_fewer_than_ten_patients_no_table_has_an_interval(tables):
    few = [
        (name, row)
        for name, rows in tables.items()
        for row in rows
        if row.get("non_members") and min(row["members"], row["non_members"]) < FEWEST
    ]
    assert {"leak", "leak_by_rank", "over_prior"} <= {name for name, _ in few}
    for name, row in few:
        ends = [value for key, value in row.items() if key.split("_")[-1] in ("low", "high")]
        assert ends == [None] * len(ends), name
    many = one(tables["leak"], target="cnn", source="published", space="ssim", crop="whole", set="all")
    assert many["auc_low"] < many["auc"] < many["auc_high"] and many["gain_low"] < many["gain"] < many["gain_high"]


def test_a_group_of_scores_is_described_without_a_row_a_patient(tables):
    parts = {}
    for row in tables["membership_scores"]:
        parts.setdefault((row["target"], row["space"], row["source"], row["group"]), []).append(row["score"])
    assert len(tables["score_groups"]) == len(parts)
    for row in tables["score_groups"]:
        scores = parts[row["target"], row["space"], row["source"], row["group"]]
        assert (row["n"], row["mean"]) == (len(scores), pytest.approx(statistics.mean(scores)))
        assert row["sd"] == pytest.approx(statistics.stdev(scores))
        quartiles = statistics.quantiles(scores, method="inclusive")
        assert [row["q25"], row["median"], row["q75"]] == pytest.approx(quartiles)


def test_the_area_over_the_priors_is_that_of_the_same_patients(tables):
    methods = {(row["target"], row["source"]) for row in tables["leak"] if row["source"] != "prior"}
    assert {(row["target"], row["source"]) for row in tables["over_prior"]} == methods
    for row in tables["over_prior"]:
        where = {"target": row["target"], "space": row["space"], "crop": "whole", "set": "all"}
        areas = [one(tables["leak"], source=source, **where)["auc"] for source in (row["source"], "prior")]
        assert [row["auc"], row["auc_prior"]] == pytest.approx(areas)
        assert row["difference"] == pytest.approx(areas[0] - areas[1], abs=1e-6)
        assert row["low"] is None or row["low"] <= row["difference"] <= row["high"]
    adjusted = multipletests([row["p"] for row in tables["over_prior"]], method="holm")[1]
    assert [row["holm_p"] for row in tables["over_prior"]] == pytest.approx(adjusted)


def test_who_leaks_is_flagged_and_who_does_not_is_not(tables):
    flagged = {(row["target"], row["source"]) for row in tables["leak"] if row["flagged"]}
    assert {("cnn_overfit", "published"), ("cnn_planted", "published"), ("cnn_overfit", "pixels")} <= flagged
    assert not {target for target, _ in flagged} & {"cnn", "cnn_untrained"}


def test_a_flag_holds_for_all_targets_methods_and_spaces_together(tables):
    judged = [row for row in tables["leak"] if row["flagged"] is not None]
    assert all((row["crop"], row["set"]) == ("whole", "all") and row["source"] != "prior" for row in judged)
    controls = ("cnn_planted", "cnn_untrained")
    for family in (True, False):
        rows = [row for row in judged if (row["target"] in controls) == family]
        assert len(rows) == (6 if family else 9) and len({row["target"] for row in rows}) == 2
        # The least of p-values in a family of one kind or two: each has half of the level, shared among its rows.
        primary = [row["space"] == "target_features" and row["source"] in ("published", "joint") for row in rows]
        assert any(primary) and not all(primary)
        least = min(row["beyond_p"] * 2 * primary.count(own) for row, own in zip(rows, primary, strict=True))
        assert min(row["holm_p"] for row in rows) == pytest.approx(min(1, least))
        assert [row["flagged"] for row in rows] == [row["holm_p"] <= 0.025 for row in rows]
    assert all(row["gain"] > 0 and row["gain_p"] <= row["holm_p"] for row in judged if row["flagged"])


def audited(seed, *, gap, class_gap, patients=40):
    """An overfit target with an attack of 24 candidates, a prior of 60, and a search for images of a class of 50."""
    draw = np.random.default_rng(seed)
    parts = groups(draw, patients)["private"]
    made = {"published": (gap, 24), "prior": (0.0, 60), "gmi": (class_gap, 50)}
    found = {name: attacked(draw, "cnn_overfit", name, parts, pull, count) for name, (pull, count) in made.items()}
    return Audited("cnn_overfit", "private", found, parts)


def test_an_attack_is_flagged_only_where_it_beats_the_search_for_a_class_too():
    both, one_alone = (with_verdicts(leak_rows(audited(0, gap=2.0, class_gap=gap), Seeds(0)), ()) for gap in (0.0, 2.0))
    where = {"source": "published", "space": "target_features", "crop": "whole", "set": "all"}
    row = one(both, **where)
    assert row["flagged"] and row["controls"] == "prior and gmi"
    assert (row["compared"], row["class_compared"], row["candidates"]) == (24, 24, 24)
    row = one(one_alone, **where)
    assert row["gain_p"] < 1e-3 and not row["flagged"] and row["beyond_p"] >= row["class_gain_p"]
    # The search itself is a control: it has a gain on the prior, and no verdict.
    row = one(one_alone, **where | {"source": "gmi"})
    assert row["gain_p"] < 1e-3 and row["flagged"] is None and row["class_gain"] is None


def test_an_attack_farther_from_members_than_its_prior_is_no_leak():
    rows = with_verdicts(leak_rows(audited(0, gap=-2.0, class_gap=-3.0), Seeds(0)), ())
    row = one(rows, source="published", space="target_features", crop="whole", set="all")
    assert row["gain"] < 0 and row["gain_high"] < 0 and row["beyond_p"] > 0.9
    assert not any(row["flagged"] for row in rows)


def test_likely_samples_have_rows_of_whole_images_alone(invented, tables):
    rows = matching(tables["leak"], {"set": "likely", "target": "cnn"})
    assert {row["crop"] for row in rows} == {"whole"} and len(rows) == 6
    attacked = next(one for one in invented["attacked"] if (one.target, one.method) == ("cnn", "published"))
    assert one(rows, source="published", space="ssim")["candidates"] == attacked.likely.sum() > 0


def test_of_all_candidates_the_ranked_list_ends_at_the_verdict(tables):
    key = {"target": "cnn_overfit", "space": "ssim", "source": "published"}
    verdict = one(tables["leak"], crop="whole", set="all", **key)
    last = one(tables["leak_by_rank"], candidates=60, **key)
    assert (last["auc"], last["nearer"]) == (pytest.approx(verdict["auc"]), verdict["nearer"])


def test_a_stronger_method_is_held_against_the_published_one(tables):
    row = one(tables["methods"], method="pixels", space="target_features")
    leak = matching(
        tables["leak"], {"target": "cnn_overfit", "space": "target_features", "crop": "whole", "set": "all"}
    )
    areas = {one["source"]: one["auc"] for one in leak}
    assert row["difference"] == pytest.approx(areas["pixels"] - areas["published"], abs=1e-6)
    assert row["flagged"] is True


def test_the_nearest_match_is_looked_up_in_the_targets_features(invented, tables):
    attacked = next(one for one in invented["attacked"] if (one.target, one.method) == ("cnn", "published"))
    chosen = np.flatnonzero(attacked.likely)
    nearest = attacked.similarities["target_features", "whole", "members"][chosen].argmax(1)
    ssim = attacked.similarities["ssim", "whole", "members"][chosen, nearest]
    row = one(tables["likely"], target="cnn", method="published")
    assert (row["likely"], row["ssim_low"], row["ssim_high"]) == (
        len(chosen),
        pytest.approx(ssim.min()),
        pytest.approx(ssim.max()),
    )
    members = invented["groups"]["private"]["members"]
    assert row["neighbours"] == len({members.patients[place] for place in nearest})
    errors = np.abs(attacked.age[chosen] - members.details[AGE][nearest])
    assert (row["age_error_low"], row["age_error_high"]) == (pytest.approx(errors.min()), pytest.approx(errors.max()))
    right = (attacked.male[chosen] >= 0.5) == (members.details[SEX][nearest] == 1)
    assert (row["sex_right"], row["sex_known"]) == (right.sum(), len(chosen))
    assert row["published_sex"] == "0 of 2"
    model = one(tables["demographics"], target="cnn", set="nearest_training_images")
    ages = invented["model"].predict(members.images[nearest])[0]
    assert model["mae"] == pytest.approx(np.abs(ages - members.details[AGE][nearest]).mean())


def test_a_model_without_skill_shows_nothing_that_it_reads():
    given = audit(("cnn",), error=60.0)
    only = [
        replace(one, similarities={key: value for key, value in one.similarities.items() if key[1] == "whole"})
        for one in given["attacked"]
        if one.method == "published"
    ]
    given |= {"attacked": only}
    tables = make_tables(**given, population=stationary_population(), site=1000, seeds=Seeds(0))
    (skill,) = matching(tables["demographics"], {"set": "validation_patients"})
    assert skill["age_usable"] is False and skill["mae"] > 20
    assert {row["set"] for row in tables["ages"]} == {"validation_patients"}
    for row in tables["likely"]:
        assert all(row[name] is None for name in ("age_error_low", "nearest_age_error_low", "predicted_age_low"))
    for row in matching(tables["demographics"], {"set": "likely_samples"}):
        assert row["mae"] is None and row["age_usable"] is False


def test_distances_are_of_the_models_features_and_the_prior_is_beside(invented, tables):
    found = {one.method: one.images for one in invented["attacked"] if one.target == "cnn"}
    features = Features(invented["model"])
    row = one(tables["distribution"], target="cnn", set="tuned_generator")
    assert row["frechet_prior"] == pytest.approx(
        frechet_distance(features(found["published"]), features(found["prior"]))
    )
    members = invented["groups"]["private"]["members"]
    real = features(as_bytes(members.images))
    assert row["frechet"] == pytest.approx(frechet_distance(features(found["published"]), real))
    assert (row["published_frechet"], row["published_entropy"]) == (178.96, 6.486)
    assert row["frechet_floor_low"] <= row["frechet_floor"] <= row["frechet_floor_high"]
    assert one(tables["distribution"], target="cnn", set="training_images")["frechet"] is None
    counted = matching(tables["entropy"], {"target": "cnn", "set": "tuned_generator"})
    assert sum(row["count"] for row in counted) == 60


def test_a_known_site_holds_fewer_people_who_fit(tables):
    rows = matching(tables["anonymity"], {"target": "cnn"})
    unknown, known = rows
    assert (unknown["site"], known["site"]) == ("unknown", "known")
    assert (
        known["size"] < unknown["size"] and known["low"] <= known["size"] <= known["high"] <= known["people"] == 200_000
    )


def test_a_target_is_held_against_the_overfit_one_on_the_same_patients(tables):
    row = one(tables["mitigations"], target="cnn", space="target_features")
    areas = {
        target: one(
            tables["leak"], target=target, space="target_features", crop="whole", set="all", source="published"
        )["auc"]
        for target in ("cnn", "cnn_overfit")
    }
    assert row["difference"] == pytest.approx(areas["cnn"] - areas["cnn_overfit"], abs=1e-6) and row["difference"] < 0


@pytest.mark.slow
def test_a_mitigation_is_held_against_overfitting_under_each_attack_on_all():
    given = audit(("cnn", "cnn_overfit"), methods=("published", "joint", "pixels", "prior"))
    tables = make_tables(**given | {"model": None}, population=stationary_population(), site=1000, seeds=Seeds(0))
    rows = matching(tables["mitigations"], {"target": "cnn", "space": "ssim"})
    assert [row["source"] for row in rows] == ["published", "joint"]
    where = {"target": "cnn_overfit", "space": "ssim", "crop": "whole", "set": "all", "source": "joint"}
    assert rows[1]["auc_against"] == one(tables["leak"], **where)["auc"]


def test_the_same_seed_gives_the_same_tables(invented):
    chosen = [replace(one, similarities={}) for one in invented["attacked"] if one.target == "cnn"]
    few = invented | {"attacked": chosen, "trained": {"cnn": record("cnn")}, "attacks": {}}
    first, second = (
        make_tables(**few, population=stationary_population(), site=1000, seeds=Seeds(3)) for _ in range(2)
    )
    assert first == second


def test_a_tuning_tells_where_its_loss_began_and_ended(tables):
    rows = [row for row in tables["tuning"] if row["part"] == "stage 1"]
    assert rows and all((row["steps"], row["levelled_off"]) == (200, True) for row in rows)
    for row in rows:
        total = {**{key: row[key] for key in ("target", "method", "part")}, "term": "total"}
        values = [one["value"] for one in matching(tables["stage1"], total)]
        assert row["first"] == pytest.approx(np.median(values[:10]), rel=1e-4)
        assert row["last"] == pytest.approx(np.median(values[-10:]), rel=1e-4) and row["first"] > 2 * row["last"]


def test_groups_are_counted_by_patient():
    parts = groups(np.random.default_rng(0), patients=12)
    tables = make_tables(
        [],
        parts,
        {},
        {},
        model(np.random.default_rng(1)),
        population=stationary_population(),
        site=1000,
        seeds=Seeds(0),
    )
    row = one(tables["patients"], source="private", group="members")
    assert (row["patients"], row["images"]) == (12, 16)


def verdict(source, space, p, target="cnn"):
    return {"target": target, "source": source, "space": space, "beyond_p": p, "beyond_p_bound": False}


def test_primary_tests_share_half_of_the_level_however_many_others_there_are():
    others = [verdict("pixels", "ssim", 0.5, f"t{number}") for number in range(200)]
    rows = [verdict("published", "target_features", 0.006), verdict("joint", "target_features", 0.6), *others]
    found = with_verdicts(rows, ())
    assert found[0]["holm_p"] == pytest.approx(0.006 * 2 * 2) and found[0]["flagged"]
    # Elsewhere, and by what is run on few targets, the same p is one of many.
    for source, space in (("published", "ssim"), ("pixels", "target_features")):
        (row, *_) = with_verdicts([verdict(source, space, 0.006), *rows[1:]], ())
        assert row["holm_p"] > 0.9 and not row["flagged"]


@pytest.mark.parametrize(("p", "flagged"), [(0.024, True), (0.026, False)])
def test_the_level_of_a_flag_is_a_fortieth(p, flagged):
    (row,) = with_verdicts([verdict("published", "target_features", p)], ())
    assert row["flagged"] == flagged and row["holm_p"] == pytest.approx(p)


def test_the_rows_of_a_target_say_of_how_many_patients_they_are(tables, invented):
    """What is published of a run withholds rows of few by these numbers."""
    for name in ("leak_by_rank", "methods", "mitigations"):
        assert {(row["members"], row["non_members"]) for row in matching(tables[name], {"target": "cnn"})} <= {(40, 40)}
        assert all(row["members"] and row["non_members"] for row in tables[name])
    planted = matching(tables["leak_by_rank"], {"target": "cnn_planted"})
    assert {row["members"] for row in planted} == {8}
    assert {row["members"] for row in matching(tables["likely"], {"target": "cnn_planted"})} == {8}
    (images,) = {row["n"] for row in matching(tables["kurtosis"], {"target": "cnn_planted", "set": "training_images"})}
    assert images == 8
