"""What is tested together, and by which controls a variant is judged."""

from dataclasses import replace

import pytest
from tests.studies.kim2019.example import control, images, roles, subject

from remnant.studies.kim2019.findings import controls_of, findings_of, unseen
from remnant.studies.kim2019.variants import VARIANTS

BLIND = [control("blind", "", "patient_scores")]
OTHERS = unseen(images(), roles())


def lean(variant, code):
    """Pairs and a reconstruction alone, for the time."""
    given = subject(variant, code, 0.0, 0.8)
    return replace(given, pairs={"code": given.pairs["code"][:2]}, read=(), scored=())


def found(*subjects, own=lambda given: controls_of(given, BLIND, OTHERS, 0)):
    variants = {one.variant: VARIANTS[one.variant] for one in subjects}
    rows = findings_of(subjects, variants, images(), roles(), own(subjects), 0)
    return {(one.target, one.attack, one.view): one for one in rows}


def test_variants_are_one_family_and_raw_scans_one_of_their_own():
    raw, weak, none = lean("raw", 6.0), lean("published-1", 0.8), lean("entropy-1", 0.0)
    alone, beside = found(raw, weak), found(raw, weak, none)
    key = ("after Kim 2019, \u03bb 1", "verification", "codes")
    assert alone[key].p == beside[key].p and alone[key].adjusted_p < beside[key].adjusted_p
    # The level that each may use is dealt out among all of them.
    assert alone[key].bound_low > beside[key].bound_low
    mine = ("raw scan", "verification", "codes")
    assert alone[mine] == beside[mine]


@pytest.mark.parametrize("passed", [True, False])
def test_a_variant_is_judged_by_its_own_controls(passed):
    def own(subjects):
        null = control("null", "verification", "pair_scores", passed=passed)
        return {one.variant: [null] if one.variant == "published-1" else [] for one in subjects}

    rows = found(lean("raw", 6.0), lean("published-1", 6.0), lean("entropy-1", 6.0), own=own)
    outcomes = {target: one.outcome for (target, attack, _), one in rows.items() if attack == "verification"}
    assert outcomes == {
        "raw scan": "exposed",
        "after Kim 2019, \u03bb 1": "exposed" if passed else "not testable",
        "entropy, \u03bb 1": "exposed",
    }


def test_what_is_planted_in_scans_themselves_counts_for_every_variant_whose_ages_are_read():
    planted, null = (control(kind, "code_attributes", "attributes") for kind in ("planted", "null"))
    raw = replace(lean("raw", 6.0), read=subject("raw", 6.0, 0.0, 0.8).read, controls=[null, planted])
    read, unread = replace(raw, variant="published-1", controls=[null]), replace(lean("entropy-1", 0.0), controls=[])
    told = controls_of([raw, read, unread], BLIND, OTHERS, 0)
    kinds = {name: [one.kind for one in own if one.attack == "code_attributes"] for name, own in told.items()}
    assert kinds == {"raw": ["null", "planted"], "published-1": ["null", "planted"], "entropy-1": []}


def test_controls_are_of_the_variants_own_codes_and_of_raw_scans():
    raw, hidden = lean("raw", 6.0), lean("published-1", 0.0)
    scored = replace(
        hidden, scored=subject("published-1", 0.0, 0.0, 0.8).scored, controls=[control("null", "age", "attributes")]
    )
    told = controls_of([raw, scored], BLIND, OTHERS, 0)
    kinds = {(one.kind, one.attack) for one in told["published-1"]}
    assert kinds == {
        *((kind, attack) for kind in ("null", "planted") for attack in ("verification", "code_inversion", "linkage")),
        ("null", "age"),
        ("blind", ""),
    }
    planted = {
        name: next(one for one in own if (one.kind, one.attack) == ("planted", "verification"))
        for name, own in told.items()
    }
    assert planted["raw"].passed and planted["published-1"].value == planted["raw"].value
    # Who never asked the model about members has no groups that could differ.
    assert "blind" not in {one.kind for one in told["raw"]}
