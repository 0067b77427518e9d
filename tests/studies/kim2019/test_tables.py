from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from tests.studies.kim2019.example import images, overlap, paired, roles, study, subject, with_pairs, worth

from remnant.base.results import matching
from remnant.base.seeds import Seeds
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.overlaps import Overlap, per_class
from remnant.studies import published
from remnant.studies.kim2019.difference_tables import difference_rows
from remnant.studies.kim2019.findings import unseen
from remnant.studies.kim2019.identity_tables import QUERIED, identity_rows, judged_pairs, primary_kind
from remnant.studies.kim2019.inversion_tables import as_pairs, inversion_rows, searched
from remnant.studies.kim2019.overlap_tables import robustness_rows
from remnant.studies.kim2019.summary_tables import exposures, trade_off_rows
from remnant.studies.kim2019.tables import make_tables
from remnant.studies.kim2019.variants import COLUMNS, VARIANTS, described

WORDS = described(VARIANTS)
SEEDS = Seeds(1)
# Tables of the audit, by the names of the variants; rows of the others begin with the columns of a variant.
OF_AUDIT = ("findings", "controls", "forest")


def one(rows, **where):
    found = matching(rows, where)
    assert len(found) == 1
    return found[0]


def only(variant, code, labels=None, pairs=None):
    """A variant with pairs alone."""
    given = subject(variant, code, code if labels is None else labels, 0.8)
    return replace(given, pairs=pairs or given.pairs, drawn={}, read=(), scored=())


def identified(*subjects):
    return [*identity_rows(judged_pairs(subjects, "simulated", 5, SEEDS), WORDS)]


def compared(*subjects):
    judged = judged_pairs(subjects, "simulated", 5, SEEDS)
    return difference_rows(judged, subjects, unseen(images(), roles()), "simulated", WORDS, SEEDS)


def scores(change):
    return lambda each: replace(each, scores=change(each.scores))


def some(count):
    """Pairs of so many patients alone."""

    def few(each):
        keep = np.isin(each.patients, sorted(set(each.patients.ravel()))[:count]).all(1)
        return replace(each, patients=each.patients[keep], scores=each.scores[keep])

    return few


def test_every_table_has_rows_with_the_same_columns_that_fit_into_json(tables):
    for name, rows in tables.items():
        assert rows and len({frozenset(row) for row in rows}) == 1, name
        assert name in OF_AUDIT or set(COLUMNS) < set(rows[0]), name
        numbers = [value for row in rows for value in row.values() if isinstance(value, float)]
        assert np.isfinite(numbers).all(), name
        assert all(type(value) in (str, bool, int, float, type(None)) for row in rows for value in row.values()), name


def test_variants_stand_in_the_order_of_the_list_and_say_how_they_were_trained(invented, tables):
    for name, rows in tables.items():
        if name not in OF_AUDIT:
            assert list(dict.fromkeys(row["variant"] for row in rows)) == list(invented["variants"]), name
    raw, both = WORDS["raw"], WORDS["deformation-entropy-1"]
    assert (raw["family"], raw["lambda"], raw["trained_against"]) == ("none", None, None)
    assert (both["family"], both["lambda"], both["trained_against"]) == ("both", 1.0, "entropy")
    assert WORDS["inversion-10"]["name"] == "inversion, \u03bb 10" and WORDS["deformation"]["lambda"] is None


def test_the_area_is_that_of_the_test_pairs_and_the_accuracy_that_of_the_adversarys_own_threshold():
    record = paired(person=1.5)
    same = record.patients[:, 0] == record.patients[:, 1]
    row = one(identified(only("published-1", 1.5, pairs={"code": [record]})))
    assert row["auc"] == pytest.approx(mann_whitney_auc(record.scores[same], record.scores[~same]).mean)
    assert (row["same"], row["different"], row["patients"], row["queries"]) == (24, 240, 24, 1)
    moved = replace(record, threshold=50.0)  # calls no test pair the same
    assert one(identified(only("published-1", 1.5, pairs={"code": [moved]})))["balanced"] == pytest.approx(0.5)


def test_a_value_of_many_codes_is_of_the_patients_who_sent_them(few_draws, invented):
    def twelve(each):
        few = some(12)(each)
        return replace(few, scores=few.scores + 9 * (few.patients[:, 0] == few.patients[:, 1]))

    *others, bent = invented["subjects"]
    _, tables = make_tables(**invented | {"subjects": [*others, with_pairs(bent, "repeated", twelve)]})
    row = one(tables["trade_off"], against="everything", variant="deformation")
    assert (row["view"], row["patients"], row["counts"]) == ("code_registered_mean", 12, True)
    assert one(tables["trade_off"], against="once", variant="deformation")["patients"] == 24
    row = one(tables["headline"], variant="deformation")
    assert (row["patients"], row["code_patients"], row["queried_patients"]) == (24, 24, 12)
    queried = matching(tables["identity"], {"view": "code_registered_mean"})
    assert {row["queries"] for row in queried} == {5} and {row["adversary"] for row in queried} >= {"registered"}


def test_the_control_is_the_same_adversary_on_raw_scans():
    def dull(each):
        return replace(each, scores=np.arange(len(each.scores)) % 7.0) if each.adversary == "d_adv" else each

    raw, weak = only("raw", 6.0), only("published-1", 0.0)
    rows = identified(with_pairs(raw, "code", dull), weak)
    found = one(rows, variant="published-1", view="code", adversary="d_adv")
    assert found["counts"] is False
    found = one(rows, variant="published-1", view="code", adversary="d_new_resnet_small_0")
    assert found["counts"] is True
    assert found["control"] == one(rows, variant="raw", view="code", adversary="d_new_resnet_small_0")["balanced"]
    alone = one(identified(weak), view="code", adversary="d_adv")
    assert (alone["control"], alone["counts"]) == (None, None)


def test_the_strongest_of_an_attack_is_so_whichever_way_it_errs():
    def wrong(each):
        return replace(paired(adversary=each.adversary, person=6.0), scores=-paired(person=6.0).scores)

    given = only("published-1", 0.2)
    code = [wrong(one) if one.adversary == "d_new_densenet_small_1" else one for one in given.pairs["code"]]
    row = one(identified(replace(given, pairs={"code": code})), attack="d_new", strongest=True)
    assert row["adversary"] == "d_new_densenet_small_1" and row["auc"] < 0.05


def test_published_accuracies_stand_by_the_strongest_on_the_code_alone(tables):
    rows = [row for row in tables["identity"] if row["published"] is not None]
    assert all(row["view"] == "code" and row["strongest"] for row in rows)
    assert one(rows, variant="published-100", attack="d_new")["published"] == 0.513
    shown = [row for row in tables["identity"] if row["published_precision"] is not None]
    assert [(row["variant"], row["attack"], row["published_precision"]) for row in shown] == [("raw", "d_new", 0.85)]


def test_retrieval_stands_by_the_adversary_and_view_that_it_is_of(tables):
    found = [row for row in tables["identity"] if row["precision"] is not None]
    assert {(row["view"], row["adversary"]) for row in found} == {("code", "d_new_resnet_small_0")}
    assert {row["precision_chance"] for row in found} == {0.1} and len(found) == 5


def test_pseudonyms_do_not_change_a_number():
    def called(each):
        names = {name: f"X{99 - i:02d}" for i, name in enumerate(dict.fromkeys(each.patients.ravel()))}
        return replace(each, patients=np.array([[names[name] for name in pair] for pair in each.patients]))

    given = only("published-1", 1.0)
    assert identified(given) == identified(with_pairs(given, "code", called))


def test_the_primary_kind_is_that_of_the_most_patients():
    real = replace(paired(person=6.0, patients=5), where="real visits")
    given = only("raw", 6.0, pairs={"code": [real, paired(person=6.0)]})
    rows = identified(given)
    assert [row["kind"] for row in rows] == ["real", "simulated"] and primary_kind(rows) == "simulated"
    assert primary_kind([]) is None


def test_a_code_that_tells_more_than_its_map_is_beyond_and_one_that_does_not_is_not():
    rows = compared(only("published-1", 3.0, 0.2), only("entropy-1", 0.3, 2.5))
    more, less = (one(rows, variant=variant, attack="strongest") for variant in ("published-1", "entropy-1"))
    assert more["beyond"] and more["low"] > 0 and more["difference"] == pytest.approx(more["value"] - more["against"])
    # The segmentation tells more, which is no leak of the code.
    assert less["beyond"] is False and less["high"] < 0 and less["shown"] == "lower"


def test_an_adversary_that_errs_surely_is_turned_before_code_and_map_are_compared():
    given = with_pairs(only("published-1", 3.0, 0.2), "code", scores(lambda values: -values))
    row = one(compared(given), attack="strongest")
    assert row["value"] > 0.9 and row["beyond"]


def test_few_patients_get_a_difference_but_no_verdict():
    given = only("published-1", 9.0, 0.0)
    rows = compared(with_pairs(with_pairs(given, "code", some(5)), "labels", some(5)))
    assert all(row["beyond"] is None and row["n"] == 5 for row in rows)


def test_raw_scans_are_compared_in_a_family_of_their_own(tables):
    rows = matching(tables["difference"], {"variant": "raw"})
    assert {row["attack"] for row in rows} == {"strongest", "d_new", "redrawn", "redrawn_other_visit"}
    for control in (True, False):
        own = [row for row in tables["difference"] if (row["variant"] == "raw") == control]
        adjusted = multipletests([row["p"] for row in own], method="holm")[1]
        assert [row["holm_p"] for row in own] == pytest.approx(adjusted)


def test_what_was_redrawn_is_sought_among_first_visits_and_among_second_ones():
    claim, others = subject("published-1", 3.0, 0.0, 0.8).drawn["code"][0], unseen(images(), roles())
    own, other = searched(claim, others, "own_scan"), searched(claim, others, "other_visit")
    assert own.scores.shape == other.scores.shape == (24, 24) and not np.allclose(own.scores, other.scores)
    pairs = as_pairs(own, "code")
    assert pairs.scores[1] == own.scores[0, 1] and [len(set(pair)) for pair in pairs.patients[:2].tolist()] == [1, 2]
    once = others.take(range(0, 48, 2))
    assert searched(claim, once, "other_visit") is None and searched(claim, once, "own_scan").scores.shape == (24, 24)


def test_patients_are_found_by_a_decoder_that_redraws_them_and_by_no_other():
    given = [subject("raw", 30.0, 0.0, 0.8), subject("published-1", 0.0, 0.0, 0.8)]
    rows = [*inversion_rows(given, unseen(images(), roles()), WORDS, SEEDS)]
    sure, guess = (one(rows, variant=name, view="code", sought="own_scan") for name in ("raw", "published-1"))
    assert (sure["rank1_count"], sure["n"], sure["gallery"], sure["chance"]) == (24, 24, 24, 1 / 24)
    assert sure["p"] < 1e-9 and guess["p"] > 0.01
    assert sure["ssim_low"] > sure["ssim_mean_image"] and guess["ssim"] < sure["ssim"]
    again = one(rows, variant="raw", view="code", sought="other_visit")
    assert again["rank1_count"] == 24 and again["ssim"] is None and again["auc"] == 1


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


def spoilt(variant, conditions):
    return replace(only(variant, 0.0), worth=replace(worth(0.8), conditions=conditions))


def test_spoilt_scans_are_held_against_the_same_scans_as_they_are():
    whole = worth(0.8).conditions["clean"]
    few = overlap(0.6)
    few = Overlap(few.patients[:12:2], few.dice[:12:2], few.overall[:12:2], few.classes)
    rows = [*robustness_rows([spoilt("published-1", {"clean": whole, "noise_5": few})], WORDS, SEEDS)]
    clean, worse = (one(rows, condition=name, **{"class": "overall"}) for name in ("clean", "noise_5"))
    assert clean["n"] == worse["n"] == 6
    assert clean["dice"] == pytest.approx(whole.overall[:12:2].mean())
    assert worse["loss"] == pytest.approx(clean["dice"] - worse["dice"])
    assert (clean["published"], worse["published"]) == (0.812, 0.669)
    assert not [*robustness_rows([spoilt("raw", {"clean": few})], WORDS, SEEDS)]


def test_age_and_sex_are_those_of_the_variant(tables):
    rows = matching(tables["attributes"], {"attribute": "sex", "view": "codes"})
    assert [row["n"] for row in rows] == [24] * 5
    by_name = {row["variant"]: row["accuracy_balanced"] for row in rows}
    assert by_name["raw"] == 1 and by_name["deformation"] < 0.7


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
    own = matching(tables["identity"], {"variant": "entropy-1"})
    assert everything["value"] >= max(max(row["auc"], 1 - row["auc"]) for row in own)


def test_attacks_on_one_code_are_told_apart_from_those_on_many(tables):
    strong, many = {"auc": 0.999, "auc_low": 0.9, "auc_high": 1.0}, [*QUERIED.values()]
    rows = [row | strong if row["view"] in many else row for row in tables["identity"]]
    traded = list(trade_off_rows(tables | {"identity": rows}, set()))
    once, everything = (one(traded, against=against, variant="deformation") for against in ("once", "everything"))
    assert once["view"] not in many and everything["view"] in many and once["value"] < everything["value"]
    single = [row for row in tables["identity"] if row["view"] not in many]
    assert not matching(list(trade_off_rows(tables | {"identity": single}, set())), {"against": "once"})


def test_a_value_counts_where_its_view_exposes_patients_or_the_adversary_passed_its_control(tables):
    weak = [row | {"counts": False} for row in tables["identity"]]
    given = tables | {"identity": weak, "inversion": []}
    for exposed, counts in ((set(), False), ({("deformation", "pair_scores", "code")}, True)):
        rows = [*trade_off_rows(given, exposed)]
        assert one(rows, against="paper", variant="deformation")["counts"] is counts
        assert one(rows, against="paper", variant="published-1")["counts"] is False
        # Without adversaries that proved themselves nobody knows whether the yardstick is reached.
        assert one(rows, against="paper", variant="deformation")["reached"] is None


def test_what_pairs_of_another_kind_expose_is_not_said_of_those_that_the_study_rests_on(made):
    findings, _ = made
    assert ("published-1", "pair_scores", "code") in exposures(findings, WORDS)
    real = [one.model_copy(update={"where": "real visits"}) for one in findings]
    assert exposures(real, WORDS) == set()
    many = [one.model_copy(update={"outcome": "exposed"}) for one in findings if "registered" in one.view]
    assert exposures(many, WORDS) == {("deformation", "pair_scores", "code_registered_mean")}


def test_the_headline_has_every_attack_beside_its_cost(tables):
    row = one(tables["headline"], variant="published-1")
    assert row["inverted"] and row["beyond"] and row["code_rank1_count"] > row["map_rank1_count"]
    assert row["difference"] == one(tables["difference"], variant="published-1", attack="strongest")["difference"]
    hidden = one(tables["headline"], variant="deformation")
    assert hidden["inverted"] is False and not hidden["beyond"]
    assert hidden["queried"] is not None and row["queried"] is None


def test_the_rows_of_a_variant_say_of_how_many_patients_they_are(tables):
    """What is published of a run withholds rows of few by this number."""
    assert {row["patients"] for name in ("trade_off", "headline") for row in tables[name]} == {24}


def test_tables_of_the_same_cells_are_the_same(few_draws):
    ways = {"raw": (6.0, 3.0, 0.85), "deformation": (0.0, 0.0, 0.84)}
    assert make_tables(**study(ways))[1] == make_tables(**study(ways))[1]
