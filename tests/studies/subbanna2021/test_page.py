from pathlib import Path

import pytest

from remnant.cohort.case import CLASSES, Case, Cohort, LabelScheme
from remnant.studies.subbanna2021 import page
from remnant.studies.subbanna2021.findings import conclusion
from remnant.studies.subbanna2021.settings import preset

SCHEME = LabelScheme("lpba3", CLASSES["lpba3"], {})
COHORT = Cohort("c", Path("c"), tuple(Case(f"p{i}", "1", Path("i")) for i in range(9)), {"lpba3": SCHEME})
CELLS = {"segmenter-unet-fold0": {"sha256": "00"}, "attack-unet-fold0-default": {"measures": {"ssim": "SSIM so"}}}
LEAK = {
    "network": "unet",
    "decoder": "default",
    "metric": "ssim",
    "n": 9,
    "trainings": 4,
    "difference": 0.02,
    "p": 0.02,
}


def identification(decoder, group, count, low):
    return {
        "network": "unet",
        "metric": "ssim",
        "decoder": decoder,
        "group": group,
        "n": 9,
        "gallery": 9,
        "rank1": count / 9,
        "rank1_low": low,
        "rank1_high": 1.0,
        "rank1_count": count,
        "holm_p": 0.001 if low > 1 / 9 else 0.5,
        "chance": 1 / 9,
    }


def tables(
    *,
    own=(-0.01, 0.05),
    margin=(-0.01, 0.05),
    p=0.02,
    leak=True,
    leak_of="default",
    groups=("member", "non_member"),
    sessions=True,
    count=8,
    published=3,
    verdicts=(),
    losses=(1.0, 0.5),
):
    similarity = {
        "network": "unet",
        "decoder": "default",
        "metric": "ssim",
        "own": 0.8,
        "others": 0.7,
        "mean_image": 0.6,
    }
    other = {"network": "unet", "decoder": "default", "metric": "ssim", "direction": "second->first", "n": 5}
    return {
        "identification": [
            identification(decoder, group, found - (group != "member"), found / 18)
            for decoder, found in (("default", count), ("published", published))
            for group in groups
        ],
        "comparison": [],
        "gallery_size": [],
        "response": [],
        "recovered": [],
        "membership": [],
        "membership_verdicts": list(verdicts),
        "training": [{"cell": "attack-unet-fold0-default", "loss": loss} for loss in losses],
        "leak": [
            LEAK
            | {"decoder": leak_of, "statistic": statistic, "low": low, "high": high, "holm_p": p, "detectable": 0.04}
            for statistic, (low, high) in {"own": own, "margin": margin}.items()
            if leak
        ],
        "similarity": [similarity | {"group": group} for group in groups],
        "other_session": [other | {"group": "member", "rank1_count": 4}] if sessions else [],
    }


def words(tables, **changes):
    return page.words(tables, CELLS, preset("smoke").changed(networks=["unet"], **changes), COHORT)


@pytest.mark.parametrize(
    ("own", "margin", "told"),
    [
        ((0.01, 0.05), (-0.01, 0.05), "more faithfully"),
        ((-0.05, -0.01), (-0.01, 0.05), "less faithfully"),
        ((-0.01, 0.05), (-0.01, 0.05), "was shown"),
        ((0.0, 0.05), (0.0, 0.05), "was shown"),
        ((0.01, 0.05), (0.02, 0.06), "non-members. SSIM, own original"),
        ((-0.01, 0.05), (0.02, 0.06), "non-members. SSIM, margin"),
        ((-0.05, -0.01), (0.02, 0.06), "own originals is lower"),
    ],
)
def test_the_leak_in_words_follows_its_intervals(own, margin, told):
    found = " ".join(words(tables(own=own, margin=margin))["findings"])
    assert told in found and "alike" not in found
    assert ("faithfully than" in found) == ("faithfully" in told)
    assert ("no difference between members and the same" in found) == (told == "was shown")
    assert ("stand out" in found) == (margin[0] > 0)
    assert ("Training left a trace" in found) == (max(own[0], margin[0]) > 0)
    shown = [pair for pair in (own, margin) if pair[0] > 0] or [pair for pair in (own, margin) if pair[1] < 0] or [own]
    for low, high in shown:
        assert f"(95% CI {low:+.3f} to {high:+.3f}, 9 patients, 4 trainings, p = 0.020)" in found
    assert "in these very trainings; p holds for all attacks, networks and measures together" in found
    assert ("9 patients would have shown a difference of 0.040" in found) == (told == "was shown")


@pytest.mark.parametrize(("count", "explained"), [(8, True), (0, False)])
def test_how_patients_are_identified_is_explained_only_where_they_are(count, explained):
    found = " ".join(words(tables(count=count, published=0))["findings"])
    assert "no difference between members" in found and ("encoder can be inverted" in found) == explained


def test_sentences_on_the_leak_are_short():
    for own, margin in (((0.01, 0.05), (0.02, 0.06)), ((-0.05, -0.01), (-0.01, 0.05)), ((-0.01, 0.05), (-0.01, 0.05))):
        for finding in words(tables(own=own, margin=margin))["findings"]:
            if finding.startswith("3D U-Net: ") and "trainings" in finding:
                assert all(len(sentence.split()) <= 30 for sentence in finding.split(". "))


def test_a_trace_by_another_measure_than_ssim_is_one():
    made = tables()
    made["leak"].append(made["leak"][1] | {"metric": "dice", "low": 0.02, "high": 0.04, "difference": 0.031})
    found = " ".join(words(made)["findings"])
    assert (
        "stand out" in found
        and "Dice, margin: +0.031 (95% CI +0.020 to +0.040, 9 patients, 4 trainings, p = 0.020)" in found
    )
    assert "SSIM alone would not have shown it" in found


def test_a_monte_carlo_floor_is_told_as_a_bound():
    made = tables(margin=(0.02, 0.06))
    made["leak"] = [row | {"holm_p_bound": True} for row in made["leak"]]
    assert "4 trainings, p ≤ 0.020)" in " ".join(words(made)["findings"])


def test_an_interval_above_zero_with_a_p_that_so_many_looks_can_give_is_no_trace():
    found = " ".join(words(tables(margin=(0.001, 0.05), p=0.06))["findings"])
    assert "no difference between members" in found and "left a trace" not in found


def test_the_positive_control_is_told_as_one():
    found = words(tables(margin=(0.02, 0.06), leak_of="overfit"))["findings"]
    assert any(
        text.startswith("3D U-Net, trained too long on at most 12 patients: members stand out") for text in found
    )


def test_too_few_patients_for_an_interval():
    assert "too few patients to compare" in " ".join(words(tables(own=(None, None), margin=(None, None)))["findings"])


def test_the_headline_has_its_interval_its_control_and_chance():
    headline = words(tables())["headline"]
    assert "for 8 of 9 members (89%, 95% interval 44% to 100%) and 7 of 9 non-members" in headline
    assert "chance is 1 in 9 (11.1%)" in headline


def test_the_tiles_are_of_the_strongest_decoder():
    first = words(tables())["highlights"][0]
    assert (first.value, first.label) == ("8/9", "U-Net: members found")
    assert first.note == "89% [44%, 100%] · chance 11.1%"


def test_the_attack_that_the_verdict_rests_on_stands_in_the_chapters_of_the_paper():
    """Else these show the paper's decoder at chance alone, below a verdict that another has found everybody."""
    found = tables(count=9)
    for name in ("identification", "leak"):
        found[name] = [
            row | {"decoder": {"default": "linear"}.get(row["decoder"], row["decoder"])} for row in found[name]
        ]
    said = words(found, experiments=["published", "linear"])
    assert "the linear attack finds" in said["headline"]
    views = [
        view for one in said["sections"][:4] for view in [one.table, *one.figures] if view and "decoder" in view.where
    ]
    assert len(views) >= 5 and all("linear" in view.where["decoder"] for view in views)


def test_two_groups_speak_of_no_non_member_and_show_no_leak():
    said = words(tables(leak=False, groups=("member",)), design="two_groups")
    assert "non-member" not in said["headline"] + " ".join(said["findings"] + said["attacked"])
    assert all(section.table is None or section.table.name != "leak" for section in said["sections"])
    assert any(section.table and section.table.name == "leak" for section in words(tables())["sections"])


@pytest.mark.parametrize("sessions", [True, False])
def test_second_scans_are_spoken_of_where_there_are_any(sessions):
    said = words(tables(sessions=sessions))
    assert ("second scan" in " ".join(said["findings"])) == sessions
    assert any(s.table and s.table.name == "other_session" for s in said["sections"]) == sessions


@pytest.mark.parametrize(("count", "told"), [(8, "Guard latents like the scans"), (0, "not a clearance of the model")])
def test_failure_of_the_attack_clears_nobody(count, told):
    findings = words(tables(count=count, published=0))["findings"]
    assert told in findings[0]


@pytest.mark.parametrize(("published", "attack"), [(3, "default"), (9, "published")])
def test_both_decoders_are_reported_and_the_verdict_rests_on_the_stronger(published, attack):
    said = words(tables(published=published))
    assert f"{published} against 8 of 9" in " ".join(said["findings"])
    assert (
        f"the {attack} attack finds" in said["headline"] and f"for {max(published, 8)} of 9 members" in said["headline"]
    )


SHOWN = {"target": "unet", "control": False, "outcome": "shown", "signal": "dice", "auc": 0.89, "sentence": "It knows."}


@pytest.mark.parametrize(("count", "first"), [(0, "U-Net: It knows. From the latents"), (8, "From the latents")])
def test_membership_by_the_output_stands_in_the_headline_whatever_the_decoders_find(count, first):
    said = words(tables(count=count, published=0, verdicts=[SHOWN]))
    assert said["headline"].startswith(first) and "It knows." in said["headline"]
    assert "U-Net: It knows." in said["findings"]


def test_the_chapter_on_membership_stands_where_it_was_measured():
    made = tables()
    assert all(section.table is None or section.table.name != "membership" for section in words(made)["sections"])
    made["membership"] = [{"target": "unet", "signal": "dice"}]
    assert any(section.table and section.table.name == "membership" for section in words(made)["sections"])


def test_measures_and_views_come_with_their_settings():
    said = words(tables())
    assert said["measures"]["ssim"] == "SSIM so"
    assert "9 patients with 9 scans: 3 folds of at most 3 members, at least 3 patients" in said["attacked"][1]
    private = [figure for section in said["sections"] for figure in section.figures if figure.private]
    assert [figure.kind for figure in private] == ["reconstructions"]


def concluded(made, preset_name="cpu", **changes):
    chosen = preset(preset_name).changed(networks=["unet"], **changes)
    return page.words(made, CELLS, chosen, COHORT)["no_conclusion"]


def test_patients_found_beyond_chance_are_a_verdict_in_a_full_run_alone():
    assert concluded(tables()) == []
    assert len(concluded(tables(), "smoke")) == 1 and "'smoke'" in concluded(tables(), "smoke")[0]


def test_nobody_found_is_no_verdict_without_patients_learning_and_a_control():
    reasons = concluded(tables(count=0, published=0, losses=(1.0, 1.0)))
    assert [
        told for told in ("9 members", "loss did not fall", "no positive control") if told in " ".join(reasons)
    ] == [
        "9 members",
        "loss did not fall",
        "no positive control",
    ]
    assert len(reasons) == 3


def test_the_positive_control_alone_exposes_nobody_and_opens_no_gate_for_the_silence_of_others():
    made = tables(count=0, published=0)
    made["identification"].append(identification("overfit", "member", 9, 0.6))
    experiments = ["default", "published", "overfit"]
    said = page.words(made, CELLS, preset("cpu").changed(networks=["unet"], experiments=experiments), COHORT)
    assert "not a clearance of the model" in said["findings"][0]
    # The control was seen, and still there are too few patients for the silence of the others.
    assert len(said["no_conclusion"]) == 1 and "9 members" in said["no_conclusion"][0]


@pytest.mark.parametrize("few", [0, 1, 2, 3])
def test_the_fewest_patients_of_any_attack_decide_whether_they_are_enough(few):
    made = tables(count=0, published=0)
    for place, row in enumerate(made["identification"]):
        row["n"] = 9 if place == few else 24
    assert sum(" only 9 " in reason for reason in concluded(made)) == 1


def both(found, losses=(1.0, 0.5)):
    """Two networks, each with its control: the U-Net's patients are found, and so many of the SegNet's."""
    made = tables(published=3)
    for network, count in (("unet", 8), ("segnet", found)):
        rows = [identification("default", group, count, count / 18) for group in ("member", "non_member")]
        rows.append(identification("overfit", "member", 9, 0.6))
        made["identification"] += [row | {"network": network, "n": row["n"] + 6} for row in rows]
        made["training"] += [{"cell": f"attack-{network}-fold0-default", "loss": loss} for loss in losses]
    made["identification"] = [row for row in made["identification"] if row["n"] > 9]
    return made


def left_open(made):
    chosen = preset("cpu").changed(experiments=["default", "overfit"], contrast_networks=["unet", "segnet"])
    told = conclusion(made, chosen)
    assert told.no_conclusion == []
    return told.left_open


def test_one_network_exposed_proves_nothing_of_the_silence_of_the_other():
    assert left_open(both(8)) == [] and left_open(both(0)) == []
    few = both(0)
    for row in few["identification"]:
        row["n"] = 9
    assert left_open(few)[0].startswith("No conclusion about SegNet:") and "9 members" in left_open(few)[1]
    # The control of one network is no control of the other.
    missed = both(0)
    missed["identification"] = [
        row | {"rank1_low": 0.0} if (row["network"], row["decoder"]) == ("segnet", "overfit") else row
        for row in missed["identification"]
    ]
    assert "positive control" in left_open(missed)[1]
    alone = both(0)
    alone["training"] = [row for row in alone["training"] if "segnet" not in row["cell"]]
    assert "No training left its losses" in left_open(alone)[1]
    # What the U-Net's own attack, control and patients lack is nothing to the SegNet.
    still = both(0)
    still["training"] = [row | {"loss": 1.0} if "unet" in row["cell"] else row for row in still["training"]]
    still["identification"] = [
        row | {"n": 9} | ({"rank1_low": 0.0} if row["decoder"] == "overfit" else {})
        if row["network"] == "unet"
        else row
        for row in still["identification"]
    ]
    assert left_open(still) == []


def test_more_patients_found_than_chance_are_no_exposure_unless_the_interval_says_so():
    made = tables(count=2, published=0)
    for row in made["identification"]:
        row["rank1_low"] = 0.03
    assert all(row["rank1"] > row["chance"] for row in made["identification"][:1])
    said = page.words(made, CELLS, preset("cpu").changed(networks=["unet"]), COHORT)
    assert "not a clearance of the model" in said["findings"][0] and said["no_conclusion"]


def test_an_interval_above_chance_that_so_many_looks_can_give_is_no_exposure():
    made = tables(count=8, published=0)
    for row in made["identification"]:
        row["holm_p"] = 0.03
    assert "not a clearance of the model" in words(made)["findings"][0]
