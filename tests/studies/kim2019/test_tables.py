from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from tests.studies.kim2019.example import identity, inversion, overlap, people, segmented

from remnant.base.results import matching
from remnant.base.seeds import Seeds
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.overlaps import Overlap, per_class
from remnant.measure.verification import verification
from remnant.studies import published
from remnant.studies.kim2019 import identity_tables
from remnant.studies.kim2019.described import COLUMNS, described
from remnant.studies.kim2019.difference_tables import difference_rows
from remnant.studies.kim2019.identity_tables import identity_rows, primary_kind, verified
from remnant.studies.kim2019.inversion_tables import inversion_rows, searched
from remnant.studies.kim2019.overlap_tables import robustness_rows
from remnant.studies.kim2019.people_tables import people_rows
from remnant.studies.kim2019.records import QUERIED, Segmented
from remnant.studies.kim2019.summary_tables import strength_columns, trade_off_rows
from remnant.studies.kim2019.tables import NAMES, make_tables
from remnant.studies.kim2019.variants import VARIANTS

WORDS = described(VARIANTS)
SEEDS = Seeds(1)


def one(rows, **where):
    found = matching(rows, where)
    assert len(found) == 1
    return found[0]


def judged(*identities):
    return [verified(each, SEEDS.child(each.variant, each.view)) for each in identities]


def identified(*identities):
    return [*identity_rows(judged(*identities), WORDS, SEEDS)]


def compared(*identities, inversions=()):
    views = judged(*identities)
    return difference_rows(views, inversions, "simulated", WORDS, SEEDS)


def with_scores(record, name, change):
    """The record with an adversary's scores changed, training and test."""
    scores = record.adversaries[name]
    new = replace(scores, training=change(scores.training), test=change(scores.test))
    return replace(record, adversaries=record.adversaries | {name: new})


def test_every_table_has_rows_with_the_same_columns_that_fit_into_json(tables):
    assert tuple(tables) == NAMES
    for name, rows in tables.items():
        assert rows and len({frozenset(row) for row in rows}) == 1, name
        assert set(COLUMNS) < set(rows[0]), name
        numbers = [value for row in rows for value in row.values() if isinstance(value, float)]
        assert np.isfinite(numbers).all(), name
        assert all(type(value) in (str, bool, int, float, type(None)) for row in rows for value in row.values()), name


def test_variants_stand_in_the_order_of_the_list_and_say_how_they_were_trained(invented, tables):
    for rows in tables.values():
        assert list(dict.fromkeys(row["variant"] for row in rows)) == list(invented["variants"])
    raw, both = WORDS["raw"], WORDS["deformation-entropy-1"]
    assert (raw["family"], raw["lambda"], raw["trained_against"]) == ("none", None, None)
    assert (both["family"], both["lambda"], both["trained_against"]) == ("both", 1.0, "entropy")
    assert WORDS["inversion-10"]["name"] == "inversion, \u03bb 10" and WORDS["deformation"]["lambda"] is None


def test_the_area_is_that_of_the_test_pairs_and_the_accuracy_that_of_the_adversarys_own_threshold():
    record = identity("published-1", person=1.5)
    scores = record.adversaries["d_adv"]
    same = record.test_pairs[:, 0] == record.test_pairs[:, 1]
    row = one(identified(record), adversary="d_adv")
    assert row["auc"] == pytest.approx(mann_whitney_auc(scores.test[same], scores.test[~same]).mean)
    assert (row["same"], row["different"], row["patients"]) == (24, 240, 24)
    moved = replace(record, adversaries={"d_adv": replace(scores, threshold=50.0)})
    assert one(identified(moved))["balanced"] == pytest.approx(0.5)  # a threshold that calls no test pair the same


@pytest.mark.slow
def test_adversaries_that_know_nothing_rarely_tell_patients_apart(monkeypatch):
    """Of ten adversaries on two variants: at most 5% of tables have a row that does, where by intervals alone a third has."""
    monkeypatch.setattr(identity_tables, "verification", partial(verification, resamples=100))
    tables = []
    for seed in range(100):
        nothing = [identity(name, person=0.0, seed=seed + len(name)) for name in ("published-1", "entropy-10")]
        tables.append(identified(*nothing))
    by_interval = [any(row["auc_low"] > 0.5 or row["auc_high"] < 0.5 for row in rows) for rows in tables]
    assert np.mean([any(row["knows"] for row in rows) for rows in tables]) <= 0.05
    assert np.mean(by_interval) > 0.15


def test_an_adversary_is_judged_beside_all_others_but_those_on_raw_scans():
    weak = identity("published-1", person=0.6)
    alone = one(identified(weak), adversary="d_adv")
    beside = one(
        identified(weak, identity("entropy-1", "labels", person=0.0)), variant="published-1", adversary="d_adv"
    )
    control = one(identified(weak, identity("raw", person=0.0)), variant="published-1", adversary="d_adv")
    assert alone["p"] == beside["p"] and alone["holm_p"] < beside["holm_p"] and control["holm_p"] == alone["holm_p"]
    assert alone["knows"] == (alone["holm_p"] <= 0.05)


def test_a_value_of_many_codes_is_of_the_patients_who_sent_them(invented):
    def twelve(record):
        if record.view != "code_registered_mean":
            return record
        keep = np.isin(record.test_pairs, sorted(set(record.patients))[:12]).all(1)
        scores = {
            name: replace(each, test=each.test[keep] + 9 * (record.test_pairs[keep, 0] == record.test_pairs[keep, 1]))
            for name, each in record.adversaries.items()
        }
        return replace(record, test_pairs=record.test_pairs[keep], adversaries=scores)

    tables = make_tables(**invented | {"identities": [twelve(each) for each in invented["identities"]]}, seeds=Seeds(0))
    row = one(tables["trade_off"], against="everything", variant="deformation")
    assert (row["view"], row["patients"], row["counts"]) == ("code_registered_mean", 12, True)
    assert one(tables["trade_off"], against="once", variant="deformation")["patients"] == 24
    row = one(tables["headline"], variant="deformation")
    assert (row["patients"], row["code_patients"], row["queried_patients"]) == (24, 24, 12)


def test_the_control_is_the_same_adversary_on_raw_scans():
    raw, weak = identity("raw", person=6.0), identity("published-1", person=0.0)
    rows = identified(with_scores(raw, "d_adv", lambda scores: 0 * scores + np.arange(len(scores)) % 7), weak)
    assert one(rows, variant="raw", adversary="d_adv")["verdict"] == "too weak for a control"
    found = one(rows, variant="published-1", adversary="d_adv")
    assert found["counts"] is False and found["verdict"].startswith("adversary too weak to tell")
    found = one(rows, variant="published-1", adversary="d_new_resnet_small_0")
    assert found["counts"] is True and "not seen to tell" in found["verdict"]
    assert found["control"] == one(rows, variant="raw", adversary="d_new_resnet_small_0")["balanced"]
    alone = one(identified(weak), adversary="d_adv")
    assert (alone["control"], alone["counts"], alone["verdict"]) == (None, None, "no control in this run")


def test_the_strongest_of_an_attack_is_so_whichever_way_it_errs():
    record = with_scores(identity("published-1", person=0.2), "d_new_densenet_small_1", lambda scores: scores)
    surely_wrong = with_scores(identity("raw", person=6.0), "d_new_densenet_small_1", lambda scores: -scores)
    wrong = replace(
        record,
        adversaries=record.adversaries | {"d_new_densenet_small_1": surely_wrong.adversaries["d_new_densenet_small_1"]},
    )
    row = one(identified(wrong), attack="d_new", strongest=True)
    assert (row["trunk"], row["seed"]) == ("densenet_small", "1") and row["auc"] < 0.05
    turned = strength_columns(row)
    assert turned["value"] == pytest.approx(1 - row["auc"]) and turned["low"] == pytest.approx(1 - row["auc_high"])


def test_published_accuracies_stand_by_the_strongest_on_the_code_alone(tables):
    rows = [row for row in tables["identity"] if row["published"] is not None]
    assert all(row["view"] == "code" and row["strongest"] for row in rows)
    assert one(rows, variant="published-100", attack="d_new")["published"] == 0.513
    shown = [row for row in tables["identity"] if row["published_precision"] is not None]
    assert [(row["variant"], row["attack"], row["published_precision"]) for row in shown] == [("raw", "d_new", 0.85)]


def test_retrieval_is_of_adversaries_with_embeddings():
    rows = identified(identity("raw", person=6.0))
    assert one(rows, adversary="ms_ssim")["precision"] is None
    found = one(rows, adversary="d_new_resnet_small_0")
    assert found["precision"] > 0.9 > 0.2 > found["precision_chance"]


def test_pseudonyms_do_not_change_a_number():
    record = identity("published-1", person=1.0)
    names = {name: f"X{99 - i:02d}" for i, name in enumerate(dict.fromkeys(record.patients))}

    def called(pairs):
        return np.array([[names[name] for name in pair] for pair in pairs])

    other = replace(
        record,
        training_pairs=called(record.training_pairs),
        test_pairs=called(record.test_pairs),
        patients=tuple(names[name] for name in record.patients),
    )
    assert identified(record) == identified(other)


def test_the_primary_kind_is_that_of_the_most_patients():
    few = identity("raw", person=6.0, kind="real")
    some = sorted(set(few.patients))[:5]
    keep = np.isin(few.test_pairs, some).all(1)
    scores = {
        name: replace(each, test=each.test[keep], embeddings=np.empty((0, 0))) for name, each in few.adversaries.items()
    }
    few = replace(few, test_pairs=few.test_pairs[keep], adversaries=scores)
    rows = identified(few, identity("raw", person=6.0))
    assert rows[0]["kind"] == "real" and primary_kind(rows) == "simulated"
    assert primary_kind([]) is None


def test_a_code_that_tells_more_than_its_map_is_beyond_and_one_that_does_not_is_not():
    rows = compared(
        identity("published-1", person=3.0),
        identity("published-1", "labels", person=0.2),
        identity("entropy-1", person=0.3),
        identity("entropy-1", "labels", person=2.5),
    )
    more, less = (one(rows, variant=variant, attack="strongest") for variant in ("published-1", "entropy-1"))
    assert (
        more["beyond"] and more["low"] > 0 and more["difference"] == pytest.approx(more["auc_code"] - more["auc_map"])
    )
    assert less["beyond"] is False and less["high"] < 0
    assert less["holm_p"] <= 0.05  # the map tells more, which is no leak of the code


def test_an_adversary_that_errs_on_its_own_patients_is_turned_before_code_and_map_are_compared():
    code, labels = identity("published-1", person=3.0), identity("published-1", "labels", person=0.2)
    for name in code.adversaries:
        code = with_scores(code, name, lambda scores: -scores)
    row = one(compared(code, labels), attack="strongest")
    assert row["auc_code"] > 0.9 and row["beyond"]


def test_few_patients_get_a_difference_but_no_verdict():
    def few(record):
        keep = np.isin(record.test_pairs, sorted(set(record.patients))[:5]).all(1)
        scores = {name: replace(each, test=each.test[keep]) for name, each in record.adversaries.items()}
        return replace(record, test_pairs=record.test_pairs[keep], adversaries=scores)

    rows = compared(few(identity("published-1", person=9.0)), few(identity("published-1", "labels", person=0.0)))
    assert all(row["beyond"] is None and row["patients"] == 5 for row in rows)


def test_raw_scans_have_a_difference_but_no_verdict(tables):
    rows = matching(tables["difference"], {"variant": "raw"})
    assert {row["attack"] for row in rows} == {"strongest", "d_new", "redrawn", "redrawn_other_visit"}
    assert all(row["beyond"] is None and row["holm_p"] is None and row["difference"] is not None for row in rows)


def test_what_was_redrawn_is_sought_among_first_visits():
    record = inversion("published-1", person=3.0)
    own, other = searched(record, "own_scan"), searched(record, "other_visit")
    assert own.scores.shape == other.scores.shape == (24, 24)
    np.testing.assert_array_equal(own.scores, record.similarity[::2, ::2])
    np.testing.assert_array_equal(other.scores, record.similarity[1::2, ::2])
    assert own.pairs.scores[1] == record.similarity[0, 2]
    assert [len(set(pair)) for pair in own.pairs.patients[:2].tolist()] == [1, 2]
    once = replace(
        record,
        visits=np.ones(2, int),
        patients=("a", "b"),
        similarity=record.similarity[:2, :2],
        originals=record.originals[:2, :2],
        mean_image=record.mean_image[:2],
    )
    assert searched(once, "other_visit") is None and searched(once, "own_scan").scores.shape == (2, 2)


def test_patients_are_found_beyond_chance_for_all_views_and_variants_together():
    views = [
        inversion(variant, view, person=person)
        for variant, person in (("raw", 6.0), ("published-1", 0.6), ("deformation", 0.0))
        for view in ("code", "labels")
    ]
    rows = inversion_rows(views, WORDS, SEEDS)
    for control in (True, False):
        family = [row for row in rows if (row["variant"] == "raw") == control]
        assert len(family) == (4 if control else 8)
        adjusted = multipletests([row["p"] for row in family], method="holm")[1]
        assert [row["holm_p"] for row in family] == pytest.approx(adjusted)
        assert [row["found"] for row in family] == [p <= 0.025 for p in adjusted]
    alone = inversion_rows(views[2:3], WORDS, SEEDS)
    assert (
        one(alone, sought="own_scan")["holm_p"]
        < one(rows, variant="published-1", view="code", sought="own_scan")["holm_p"]
    )


def test_patients_are_found_by_a_decoder_that_redraws_them_and_by_no_other():
    rows = inversion_rows([inversion("raw", person=6.0), inversion("published-1", person=0.0)], WORDS, SEEDS)
    sure, guess = (one(rows, variant=variant, sought="own_scan") for variant in ("raw", "published-1"))
    assert (sure["rank1_count"], sure["n"], sure["gallery"], sure["chance"]) == (24, 24, 24, 1 / 24)
    assert sure["found"] and not guess["found"]
    assert sure["gain"] == pytest.approx(sure["ssim"] - sure["ssim_mean_image"]) and sure["gain_low"] > 0
    assert sure["mm"] < sure["mm_others"] and sure["mm_n"] == 6 and sure["mm_rank1_count"] == 6
    again = one(rows, variant="raw", sought="other_visit")
    assert again["scan_rank1"] == 1.0 and again["mm"] is None and sure["scan_rank1"] is None


def test_a_patient_counts_once_and_the_loss_is_against_the_same_patients():
    values = Overlap(
        ("b", "b", "a"), np.array([[1, 0.2], [1, 0.4], [1, np.nan]]), np.array([0.5, 0.7, 0.9]), ("none", "gm")
    )
    assert per_class(values) == {"gm": {"b": pytest.approx(0.3)}, "overall": {"b": pytest.approx(0.6), "a": 0.9}}


def test_losses_and_published_dice(tables):
    row = one(tables["segmentation"], variant="published-1", **{"class": "overall"})
    raw = one(tables["segmentation"], variant="raw", **{"class": "overall"})
    assert row["loss"] == pytest.approx(raw["dice"] - row["dice"]) and row["loss_low"] > 0
    assert (row["published"], raw["published"], raw["loss"]) == (0.812, 0.848, None)
    row = one(tables["transfer"], variant="published-100", cohort="ct-like", trained="retrained", **{"class": "wm"})
    assert row["published"] == 0.360
    wide = one(tables["segmentation_by_class"], variant="published-1")
    assert (wide["published_nuclei"], wide["overall"]) == (
        0.580,
        one(tables["segmentation"], variant="published-1", **{"class": "overall"})["dice"],
    )


def test_spoilt_scans_are_held_against_the_same_scans_as_they_are():
    whole = segmented("published-1", 0.8)
    few = overlap(0.6)
    few = Overlap(few.patients[:12:2], few.dice[:12:2], few.overall[:12:2], few.classes)
    rows = [
        *robustness_rows([Segmented("published-1", {"clean": whole.conditions["clean"], "noise_5": few})], WORDS, SEEDS)
    ]
    clean, spoilt = (one(rows, condition=name, **{"class": "overall"}) for name in ("clean", "noise_5"))
    assert clean["n"] == spoilt["n"] == 6
    assert clean["dice"] == pytest.approx(whole.conditions["clean"].overall[:12:2].mean())
    assert spoilt["loss"] == pytest.approx(clean["dice"] - spoilt["dice"])
    assert (clean["published"], spoilt["published"]) == (0.812, 0.669)
    assert not [*robustness_rows([Segmented("raw", {"clean": few})], WORDS, SEEDS)]


def test_age_and_sex_are_judged_by_patient_and_are_blank_where_unknown():
    (row,) = people_rows([people("raw", skill=1.0)], WORDS, SEEDS)
    assert (row["ages"], row["sexes"], row["age_usable"]) == (24, 24, True)
    nobody = np.empty(0)
    unknown = replace(people("raw", skill=1.0), ages=nobody, actual_ages=nobody, male=nobody, actual_male=nobody)
    (blank,) = people_rows([unknown], WORDS, SEEDS)
    assert set(blank) == set(row) and (blank["ages"], blank["sexes"], blank["r2"], blank["sex_auc"]) == (
        0,
        0,
        None,
        None,
    )


def test_seconds_are_medians_with_the_published_beside(tables):
    row = one(tables["runtime"], variant="deformation", step="altogether")
    assert row["seconds"] == pytest.approx(0.4 + 1.1 + 0.2) and row["voxels"] == "48 x 64 x 53"
    assert (row["published"], row["fastest"]) == (published.KIM2019_SECONDS["altogether"], pytest.approx(1.5))


def test_the_trade_off_takes_the_strongest_and_says_what_reaches_the_first_yardstick(tables):
    paper = {row["variant"]: row for row in matching(tables["trade_off"], {"against": "paper"})}
    assert [paper[name]["reached"] for name in ("raw", "published-1", "deformation")] == [None, False, True]
    rows = matching(tables["identity"], {"variant": "published-1", "view": "code", "strongest": True})
    assert paper["published-1"]["value"] == max(max(row["balanced"], 1 - row["balanced"]) for row in rows)
    assert (paper["published-1"]["published_value"], paper["published-1"]["published_dice"]) == (0.598, 0.812)
    assert paper["published-1"]["published_loss"] == pytest.approx(0.036) and paper["raw"]["goal_loss"] == 0.02
    everything = one(tables["trade_off"], against="everything", variant="entropy-1")
    assert everything["value"] >= max(row["strength"] for row in matching(tables["identity"], {"variant": "entropy-1"}))


def test_attacks_on_one_code_are_told_apart_from_those_on_many(tables):
    strong = {"auc": 0.999, "auc_low": 0.9, "auc_high": 1.0}
    rows = [row | strong if row["view"] in QUERIED else row for row in tables["identity"]]
    traded = list(trade_off_rows(tables | {"identity": rows}))
    once, everything = (one(traded, against=against, variant="deformation") for against in ("once", "everything"))
    assert once["view"] not in QUERIED and everything["view"] in QUERIED and once["value"] < everything["value"]
    single = [row for row in tables["identity"] if row["view"] not in QUERIED]
    assert not matching(list(trade_off_rows(tables | {"identity": single})), {"against": "once"})


def test_the_headline_has_every_attack_beside_its_cost(tables):
    row = one(tables["headline"], variant="published-1")
    assert row["inverted"] and row["beyond"] and row["code_rank1_count"] > row["map_rank1_count"]
    assert row["difference"] == one(tables["difference"], variant="published-1", attack="strongest")["difference"]
    hidden = one(tables["headline"], variant="deformation")
    assert not hidden["inverted"] and not hidden["beyond"] and hidden["queried"] is not None and row["queried"] is None
    assert one(tables["headline"], variant="raw")["beyond"] is None


def test_patients_found_as_luck_may_find_them_are_no_inversion(invented):
    """Three of 24 patients' scans first have a p of about 0.08: no exposure, at any level that somebody would defend."""
    n = 24
    # The last scan is nearest to everybody, its own patient too.
    scores = np.zeros((n, n)) + np.arange(n) / 100
    scores[np.arange(2), np.arange(2)] = 1.0
    (first, *_) = invented["inversions"]
    names = tuple(f"Q{i:02d}" for i in range(n))
    one = replace(
        first,
        patients=names,
        visits=np.zeros(n, dtype=int),
        similarity=scores,
        originals=np.eye(n),
        mean_image=np.zeros(n),
        displacement=np.zeros((0, 0)),
    )
    (row,) = inversion_rows([one], described(invented["variants"]), Seeds(0))
    assert row["rank1_count"] == 3 and 0.025 < row["holm_p"] < 0.5 and not row["found"]


def test_adversaries_that_passed_their_control_are_counted(tables):
    row = next(row for row in tables["trade_off"] if row["variant"] == "published-1" and row["against"] == "everything")
    judged = [
        each
        for each in tables["identity"]
        if each["variant"] == "published-1" and each["view"] in ("code", "labels") and each["counts"] is not None
    ]
    assert row["adversaries"] == len(judged) > 0
    assert row["proved"] == sum(each["counts"] for each in judged)


def test_the_rows_of_a_variant_say_of_how_many_patients_they_are(tables):
    """What is published of a run withholds rows of few by this number."""
    assert {row["patients"] for name in ("trade_off", "headline") for row in tables[name]} == {24}
