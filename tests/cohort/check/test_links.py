from dataclasses import replace

import numpy as np
import pytest

from remnant.base.seeds import Seeds
from remnant.cohort.check.fingerprints import FINGERPRINTS
from remnant.cohort.check.links import ALL, Fingerprints, link, link_all
from remnant.cohort.check.subject import Scan, open_subject
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.prepare.align import align
from remnant.cohort.prepare.template import build_template
from remnant.cohort.prepare.volumes import PreparationSettings, prepare

PATIENTS = 12
PLANTED = ("array shape", "header origin", "intensity step", "border")


@pytest.fixture(scope="module")
def planted(draw_head):
    """One anatomy for all, so that nothing but the files can tell twelve patients apart, with two scans each."""
    habits = np.random.default_rng(5)
    scans = {}
    for patient in range(PATIENTS):
        margin = habits.integers(0, 5, 6)
        place, step = habits.uniform(-60, 60, 3), habits.uniform(0.8, 1.6)
        for session in range(2):
            head = draw_head(3, shape=(24, 28, 24), spacing=(8.0, 8.0, 8.0))
            noise = np.random.default_rng((patient, session)).normal(0, 3, head.image.shape)
            # Stripped, so that the border is exactly 0; the step is the file's, the gain the session's.
            gain = np.random.default_rng((session, patient)).uniform(0.8, 1.25)
            image = np.where(head.image > 0, (gain * head.image + noise).clip(2), 0)
            image = (np.round(image / step) * step).astype(np.float32)
            box = [slice(line.min(), line.max() + 1) for line in np.nonzero(image)]
            pads = [tuple(margin[2 * axis : 2 * axis + 2]) for axis in range(3)]
            affine = head.affine.copy()
            affine[:3, 3] = place
            scans[f"p{patient:02d}", f"s{session}"] = replace(
                head, image=np.pad(image[tuple(box)], pads), labels=np.pad(head.labels[tuple(box)], pads), affine=affine
            )
    return scans


def links_of(directory):
    check = Fingerprints()
    subject = open_subject(directory)
    for scan in subject.scans():
        check.look(scan)
    return {one.name: one for one in check.links()}, check.findings(subject)


def prepared_links(heads, prepared):
    """What is left to the matcher once scans are prepared: the same fingerprints, of the arrays that a study learns from."""
    cases = sorted(zip(heads.cases, prepared.images[:, 0].numpy(), strict=True), key=lambda one: one[0].order)
    scans = [Scan(case.patient, case.session, case.image, image, heads.grid.affine) for case, image in cases]
    prints = {name: np.array([function(scan) for scan in scans]) for name, function in FINGERPRINTS.items()}
    told = {name: values for name, values in prints.items() if values.shape[1]}
    return link_all(told, [scan.patient for scan in scans], Seeds(0))


def test_files_betray_their_patients_and_prepared_scans_do_not(tmp_path, planted, write_manifest):
    directory = write_manifest(tmp_path / "data", planted)
    before, findings = links_of(directory)
    # The control: each planted fingerprint alone finds most patients.
    for name in (*PLANTED, ALL):
        assert before[name].rank1.n == PATIENTS
        assert before[name].rank1.low > before[name].chance, name
    assert {name for name in PLANTED if any(f"the {name} alone" in one.text for one in findings)} == set(PLANTED)

    # At the scans' own spacing and without a bias field, so that only the preparation itself can remove a step.
    settings = PreparationSettings(spacing_mm=8.0, bias_field="none")
    heads = prepare(read_cohort(directory), settings, cache=tmp_path / "cache", quiet=True)
    for template in (None, build_template(heads.select(["p00", "p01"]), quiet=True)):
        after = {one.name: one for one in prepared_links(heads, align(heads, template, quiet=True))}
        assert set(after) >= {*PLANTED, ALL}
        for one in after.values():
            assert one.rank1.n == PATIENTS
            assert one.rank1.low <= one.chance, one
            assert one.auc.low <= 0.5, one


def test_a_clean_cohort_has_no_finding(tmp_path, clean, write_manifest):
    links, findings = links_of(write_manifest(tmp_path / "data", clean(8, 2)))
    assert findings == []
    assert links["array shape"].distinct == 1 and links["array shape"].unique == 0


def test_one_scan_a_patient_counts_what_is_unique(tmp_path, planted, write_manifest):
    links, findings = links_of(
        write_manifest(tmp_path / "data", {key: scan for key, scan in planted.items() if key[1] == "s0"})
    )
    assert links["header origin"].unique == 1.0 and links["header origin"].rank1.n == 0
    assert any("header origin is unique to 100%" in one.text for one in findings)
    assert links["spacing and axes"].distinct == 1


def test_a_tie_identifies_nobody_and_equality_up_to_rounding_is_a_tie():
    prints = np.array([[1.0], [1.0 + 1e-9], [1.0], [1.0]])
    one = link("x", prints, ["a", "a", "b", "b"], Seeds(0))
    assert one.rank1.mean == 0 and one.distinct == 1 and one.auc.mean == 0.5


def test_rank_and_chance_by_hand():
    # a's second is nearest to a's first, b's second to a's first as well; c has one scan and is in the gallery.
    prints = np.array([[0.0], [0.1], [5.0], [1.0], [9.0]])
    one = link("x", prints, ["a", "a", "b", "b", "c"], Seeds(0))
    assert (one.rank1.mean, one.rank1.n, one.scans) == (0.5, 2, 5)
    assert one.chance == pytest.approx(1 / 3)
    # 1 or more of 2 at a third each.
    assert one.p == pytest.approx(1 - (2 / 3) ** 2)


def test_every_fingerprint_is_of_one_length(planted):
    assert set(PLANTED) <= set(FINGERPRINTS)
