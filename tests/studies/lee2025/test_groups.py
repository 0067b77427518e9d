"""Who is in which group, kept; and who of them was dealt with whom, so that a blind classifier is held to that."""

import stat

import numpy as np
import pytest
import torch
from tests.studies.lee2025.test_sources import SETTINGS, cohort, write

from remnant.audit.cells import blind
from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import AGE, SEX, Images, people_in
from remnant.cohort.membership import split_for_target
from remnant.measure.blind import blind_test
from remnant.studies.lee2025.cells import blind_cell
from remnant.studies.lee2025.groups import groups_file, matched_by, read_groups, write_groups
from remnant.studies.lee2025.sources import deal


def test_groups_come_back(tmp_path):
    run = Run.start(tmp_path / "run", "lee2025", {}, resume=False)
    pictures = np.random.default_rng(0).random((3, 1, 8, 8), dtype=np.float32)
    people = {AGE: np.array([61.0, 62, np.nan]), SEX: np.array([0, 0, np.nan])}
    group = Images(torch.from_numpy(pictures), torch.tensor([0, 1, -1]), ("P-1", "P-1", "P-2"), people)
    write_groups(run, "private", {"members": group, "non_members": group.take([])})
    found = read_groups(run, "private")
    assert list(found) == ["members", "non_members"]
    assert (found["members"].images.numpy() == pictures).all() and found["members"].patients == ("P-1", "P-1", "P-2")
    assert found["members"].labels.tolist() == [0, 1, -1]
    assert all(np.array_equal(found["members"].details[name], people[name], equal_nan=True) for name in people)
    assert found["non_members"].patients == () and len(found["non_members"]) == 0
    assert stat.S_IMODE((run.private / "groups").stat().st_mode) == 0o700


def test_a_missing_and_a_damaged_file_have_their_sentence(tmp_path):
    run = Run.start(tmp_path / "run", "lee2025", {}, resume=False)
    with pytest.raises(RemnantError, match="is missing; start again"):
        read_groups(run, "private")
    groups_file(run, "private").parent.mkdir()
    groups_file(run, "private").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(RemnantError, match="is damaged"):
        read_groups(run, "private")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    run = Run.start(tmp_path_factory.mktemp("blind") / "run", "lee2025", {}, resume=False)
    private, public = cohort(patients=60), cohort("public", patients=60, seed=2)
    settings = SETTINGS.changed(targets=("cnn", "within_cnn", "cnn_planted"))
    write(run, private, public, deal(private, public, settings))
    return {source: read_groups(run, source) for source in ("private", "public", "planted")}


def traits(group):
    """Label, sex and number of images of each patient."""
    return {
        patient: (int(group.labels[i]), group.details[SEX][i], group.patients.count(patient))
        for i, patient in enumerate(group.patients)
    }


@pytest.mark.parametrize("source", ["private", "public"])
def test_partners_are_found_again(sources, source):
    matched = matched_by(source, sources[source])
    members, others = (traits(sources[source][name]) for name in ("members", "non_members"))
    partner = {matched[patient]: patient for patient in others}
    assert sorted(partner) == sorted(matched[patient] for patient in members) == list(range(len(members)))
    alike = [members[patient] == others[partner[matched[patient]]] for patient in members]
    # Where a kind has an odd number of patients, two of two kinds are partners.
    assert np.mean(alike) > 0.6


def test_planted_patients_are_matched_by_label(sources):
    planted = sources["planted"]
    label = {patient: int(group.labels[i]) for group in planted.values() for i, patient in enumerate(group.patients)}
    assert all(label[patient] == number for patient, number in matched_by("planted", planted).items())


def test_groups_that_were_dealt_in_pairs_come_out_near_one_half(monkeypatch, tmp_path):
    """Their images show who has the finding, and which sex, as those of a chest do."""
    monkeypatch.setattr(blind, "blind_test", lambda *given, **known: blind_test(*given, resamples=1, **known))
    found = {"private": [], "planted": []}
    run = Run.start(tmp_path / "run", "lee2025", {}, resume=False)
    for seed in range(40):
        random = np.random.default_rng(seed)
        people = cohort(patients=48, share=0.4, seed=seed)
        labels = {case.case_id: int(case.findings[0] != "No Finding") for case in people.cases}
        split = split_for_target(people.cases, labels, seeds=Seeds(seed), validation=0.1)
        groups = {}
        for name in ("members", "non_members"):
            cases = people.of(getattr(split, name)).cases
            own = np.array([labels[case.case_id] for case in cases])
            shown = random.random((len(cases), 1, 8, 8), dtype=np.float32) * 0.3
            shown[:, :, :4] += 0.3 * own[:, None, None, None]
            shown[:, :, :, :4] += np.array([0.3 * (case.sex == "F") for case in cases])[:, None, None, None]
            groups[name] = Images(
                torch.from_numpy(shown),
                torch.from_numpy(own),
                tuple(case.patient for case in cases),
                people_in(cases),
            )
        for source, areas in found.items():
            write_groups(run, source, groups)
            (control,) = blind_cell(run, source, SETTINGS.changed(seed=seed))["controls"]
            areas.append(control["value"])
    # Not quite at 0.5, since the coins are thrown until the groups are alike on the whole, too.
    assert np.mean(found["private"]) > 0.42 > 0.37 > np.mean(found["planted"])
