from pathlib import Path

import pytest

from remnant.base.findings import Finding
from remnant.cohort.case import CLASSES, Case, Cohort, LabelScheme
from remnant.report.figures import FIGURES
from remnant.studies.subbanna2021 import page
from remnant.studies.subbanna2021.page import sections
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
        "chance": 1 / 9,
    }


def found(outcome="exposed", target="U-Net, fold 0", **other):
    told = {
        "attack": "default",
        "view": "latents, ours",
        "claim": "reconstructions",
        "criterion": "singling out",
        "n": 9,
    }
    told |= {"statistic": "rank1", "group": "a gallery of 9 patients", "value": 0.5, "low": 0.3, "null": 1 / 9}
    return Finding(target=target, outcome=outcome, p=0.001, adjusted_p=0.001, **told | other)


MEMBERS = {
    "target": "U-Net",
    "attack": "output",
    "view": "Dice",
    "claim": "patient_scores",
    "statistic": "auc",
    "null": 0.5,
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
):
    other = {"network": "unet", "decoder": "default", "metric": "ssim", "direction": "second->first", "n": 5}
    return {
        "identification": [
            identification(decoder, group, found - (group != "member"), found / 18)
            for decoder, found in (("default", count), ("published", published))
            for group in groups
        ],
        "findings": [{"name": "a"}],
        "controls": [],
        "forest": [],
        "comparison": [],
        "gallery_size": [],
        "response": [],
        "recovered": [],
        "leak": [
            LEAK
            | {"decoder": leak_of, "statistic": statistic, "low": low, "high": high, "holm_p": p, "detectable": 0.04}
            for statistic, (low, high) in {"own": own, "margin": margin}.items()
            if leak
        ],
        "similarity": [],
        "other_session": [other | {"group": "member", "rank1_count": 4}] if sessions else [],
    }


def words(tables, judged=(), preset_name="smoke", **changes):
    chosen = preset(preset_name).changed(networks=["unet"], **changes)
    return page.words(tables, list(judged) or [found()], CELLS, chosen, COHORT)


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
        assert f"(95% CI {low:+.3f} to {high:+.3f}, 9 patients, 4 trainings, p = 0.020" in found
    assert "in these very trainings; p holds for all attacks, networks and measures together" in found
    assert ("; 0.040 would have been seen)" in found) == (told == "was shown")


@pytest.mark.parametrize(("outcome", "explained"), [("exposed", True), ("not shown", False)])
def test_how_patients_are_identified_is_explained_only_where_they_are(outcome, explained):
    said = " ".join(words(tables(), [found(outcome)])["findings"])
    assert "no difference between members" in said and ("encoder can be inverted" in said) == explained


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
def test_second_scans_have_a_chapter_where_there_are_any(sessions):
    said = words(tables(sessions=sessions))
    assert any(s.table and s.table.name == "other_session" for s in said["sections"]) == sessions


@pytest.mark.parametrize(
    ("outcome", "told"), [("exposed", "Guard latents like the scans"), ("not shown", "not a clearance of the model")]
)
def test_failure_of_the_attack_clears_nobody(outcome, told):
    said = words(tables(), [found(outcome)])["findings"]
    assert told in said[0] and "identified (rank 1) 0.50" in said[1]


def test_of_each_target_the_strongest_of_each_claim_is_told():
    folds = [found(target=f"U-Net, fold {fold}", value=0.9 - fold / 10) for fold in range(3)]
    said = words(tables(), [*folds, found("not shown", **MEMBERS)])["findings"]
    assert sum("identified (rank 1)" in one for one in said) == 1 and "0.90" in said[1]
    assert sum("AUC 0.50" in one for one in said) == 1


@pytest.mark.parametrize(("published", "attack"), [(3, "default"), (9, "published")])
def test_both_decoders_are_reported_and_the_verdict_rests_on_the_stronger(published, attack):
    said = words(tables(published=published))
    assert f"{published} against 8 of 9" in " ".join(said["findings"])
    assert (
        f"the {attack} attack finds" in said["headline"] and f"for {max(published, 8)} of 9 members" in said["headline"]
    )


@pytest.mark.parametrize(("outcome", "first"), [("not shown", False), ("exposed", True)])
def test_membership_by_the_output_stands_in_the_headline_whatever_the_decoders_find(outcome, first):
    told = words(tables(), [found(outcome), found(**MEMBERS)])
    assert "AUC 0.50" in told["headline"] and told["headline"].startswith("From the latents") == first
    assert "AUC" not in words(tables(), [found(outcome), found("not shown", **MEMBERS)])["headline"]


def test_measures_and_views_come_with_their_settings():
    said = words(tables())
    assert said["measures"]["ssim"] == "SSIM so"
    assert "9 patients with 9 scans: 3 folds of at most 3 members, at least 3 patients" in said["attacked"][1]
    private = [figure for section in said["sections"] for figure in section.figures if figure.private]
    assert [figure.kind for figure in private] == ["reconstructions"]


def test_a_verdict_is_of_a_full_run_alone():
    assert words(tables(), preset_name="cpu")["no_conclusion"] == []
    (reason,) = words(tables())["no_conclusion"]
    assert "'smoke'" in reason


def test_one_network_exposed_proves_nothing_of_the_silence_of_the_other():
    silent = found("power unknown", target="SegNet, fold 0")
    said = words(tables(), [found(), found("not shown", target="U-Net, fold 1"), silent], "cpu")
    assert said["no_conclusion"] == [] and said["left_open"][0].startswith("No conclusion about SegNet:")
    assert len(words(tables(), [silent], "cpu")["no_conclusion"]) == 1


def test_chapters_are_of_what_was_run():
    made = tables()
    made["recovered"] = [{"drawn": drawn, "p": 0.5} for drawn in ("searched", "random", "beyond_random")]
    made |= {name: [{}] for name in ("response", "gallery_size", "leak")}
    changes = {"experiments": ["default", "stripped"], "skull": True, "deformation": True, "metrics": ["ssim", "ncc"]}
    chosen = preset("smoke").changed(networks=["unet", "segnet"], **changes)
    many, few = sections(made, chosen, "default"), sections(tables(leak=False, sessions=False), preset("cpu"), "linear")
    assert len(many) == 13 and len(few) == 7
    named = {figure.name: figure for section in many for figure in section.figures}
    assert {"metrics-unet", "metrics-segnet", "deformation-unet", "gallery-segnet", "response"} <= {*named}
    assert named["metrics-segnet"].where == {"group": "member", "network": "segnet"}
    assert named["deformation-unet"].private and named["gallery-unet"].where["group"] == "non_member"
    assert not any(
        value.startswith("$") for one in named.values() for value in one.where.values() if isinstance(value, str)
    )
    said = {section.title: " ".join(section.text) for section in many}
    assert "brains of the same scans alone" in said["What do face and skull give away?"]
    assert "brain alone" in said["What changes when the target or the attacker does?"]
    assert all(figure.kind in FIGURES for figure in named.values())
