"""The blind baseline of a source: held out and dealt anew as the study dealt its patients, and so at chance."""

from functools import partial

import numpy as np
import pytest
import torch
from tests.studies.lee2025.test_sources import SETTINGS, cohort, images

from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import SEX, Images, people_in
from remnant.cohort.membership import split_for_target
from remnant.measure.blind import blind_test
from remnant.studies.lee2025 import blind
from remnant.studies.lee2025.blind import blind_baseline, matched_by
from remnant.studies.lee2025.kept import read_groups
from remnant.studies.lee2025.sources import deal, write_sources


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    run = Run.start(tmp_path_factory.mktemp("blind") / "run", "lee2025", {}, resume=False)
    private, public = cohort(patients=60), cohort("public", patients=60, seed=2)
    settings = SETTINGS.changed(targets=("cnn", "within_cnn", "cnn_planted"))
    write_sources(run, images(private), images(public), deal(private, public, settings))
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


def test_groups_that_were_dealt_in_pairs_come_out_near_one_half(monkeypatch):
    """Their images show who has the finding, and which sex, as those of a chest do."""
    monkeypatch.setattr(blind, "blind_test", partial(blind_test, resamples=1))
    found = {"private": [], "planted": []}
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
            areas.append(blind_baseline(source, groups, Seeds(seed)).auc.mean)
    # Not quite at 0.5, since the coins are thrown until the groups are alike on the whole, too.
    assert np.mean(found["private"]) > 0.42 > 0.37 > np.mean(found["planted"])
