"""The tables of the paper: what was drawn, who is in it, how it spreads."""

import numpy as np
import pytest
import torch
from tests.studies.lee2025.example import SIDE, drawn, group, groups, model, tables

from remnant.attacks.attack import Candidates
from remnant.attacks.checkpoint.likely import LikelyScores, Ranking
from remnant.attacks.checkpoint.ranked import Ranked
from remnant.attacks.demographics import Reader
from remnant.audit.cells.kept import keep_similarities
from remnant.audit.findings.gains import Similarities
from remnant.base.results import matching
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import AGE, SEX
from remnant.measure.frechet import frechet_distance
from remnant.studies.lee2025 import cells
from remnant.studies.lee2025.distribution_tables import ReaderFeatures, distribution_tables
from remnant.studies.lee2025.drawn import (
    as_bytes,
    as_pictures,
    drawn_of,
    keep_controls,
    keep_drawn,
    kept_controls,
    kept_drawn,
)
from remnant.studies.lee2025.groups import roles_in
from remnant.studies.lee2025.likely_tables import likely_row, match
from remnant.studies.lee2025.tables import patient_rows, prior_rows


def one(rows, **where):
    found = matching(list(rows), where)
    assert len(found) == 1
    return found[0]


def test_every_row_of_a_table_has_the_same_columns_and_fits_into_json(tables):
    for name, rows in tables.items():
        if name in ("ceiling", "identifiability"):
            continue
        assert len({frozenset(row) for row in rows}) == 1, name
        numbers = [value for row in rows for value in row.values() if isinstance(value, float)]
        assert np.isfinite(numbers).all(), name
        assert all(type(value) in (str, bool, int, float, type(None)) for row in rows for value in row.values()), name


def test_what_was_drawn_is_held_against_the_nearest_of_either_group(tmp_path):
    draw = np.random.default_rng(0)
    parts = {name: group(draw, 3, name[0]) for name in ("members", "non_members")}
    patients = (*parts["non_members"].patients, *parts["members"].patients)
    cosine = np.array([[0.9, 0, 0, 0.1, 0.8, 0.2], [0, 0, 0.3, 0.2, 0.1, 0.1]])
    ssim = np.arange(12.0).reshape(2, 6) / 12
    near = {name: Similarities(name, patients, values, {}) for name, values in (("features", cosine), ("ssim", ssim))}
    images = torch.rand(2, 1, SIDE, SIDE)
    claim = Candidates("", images, {"prior": torch.zeros(3, 1, SIDE, SIDE)})
    ranked = Ranked(
        LikelyScores(np.array([1.0, 2]), np.array([3.0, 4]), {}),
        Ranking(np.array([1, 0]), np.array([True, False]), 1.0, 3.5),
    )
    run = Run.start(tmp_path / "run", "lee2025", {}, resume=False)
    keep_drawn(run, "cnn", "gmi", drawn_of(claim, ranked, near, roles_in(parts)))
    found = kept_drawn(run, "cnn", "gmi")
    # The place among the members' images, and the SSIM with the very same image.
    assert found.nearest.tolist() == [1, 0] and found.cosine.tolist() == [0.8, 0.2]
    assert found.ssim.tolist() == [ssim[0, 4], ssim[1, 3]] and found.ssim_other.tolist() == [ssim[0, 0], ssim[1, 2]]
    assert (as_pictures(found.images) - images).abs().max() <= 0.5 / 255 + 1e-6 and found.prior.shape == (3, SIDE, SIDE)
    assert (found.order.tolist(), found.likely.tolist()) == ([1, 0], [True, False])
    assert (found.excitation_cutoff, found.distance_cutoff, found.distance.tolist()) == (1.0, 3.5, [3, 4])


def test_the_search_by_class_is_kept_as_a_control_of_the_others(tmp_path):
    run = Run.start(tmp_path / "run", "lee2025", {}, resume=False)
    found, prior = torch.rand(2, 1, 4, 4), torch.rand(3, 1, 4, 4)
    assert kept_controls(run, "cnn") == {}
    keep_controls(run, "cnn", Candidates("", found, {"prior": prior}))
    known = kept_controls(run, "cnn")
    assert list(known) == ["prior", "gmi"] and known["gmi"].dtype == torch.float32
    assert (known["gmi"] - found).abs().max() < 1e-3 > (known["prior"] - prior).abs().max()


def test_what_all_attacks_share_is_held_against_the_patients_once(tmp_path, monkeypatch):
    run, asked = Run.start(tmp_path / "run", "lee2025", {}, resume=False), []
    assert cells._near(run) == {}
    near = {name: np.full((2, 3), value) for value, name in enumerate(("gmi", "prior"))}
    keep_similarities(run, "gmi", [Similarities("ssim", ("a", "b", "c"), near["gmi"], {"prior": near["prior"]})])
    assert {name: found.mean() for name, found in cells._near(run)["ssim"].items()} == {"gmi": 0, "prior": 1}

    class Reader:
        def features(self, images):
            asked.append(images)
            return images.flatten(1)

    monkeypatch.setattr(cells, "load_demographics", lambda path: Reader())
    strange, people = cells._strange(tmp_path), torch.rand(4, 1, 2, 2)
    for images in (people, torch.rand(3, 1, 2, 2), people.clone()):
        assert torch.equal(strange(images), images.flatten(1))
    assert len(asked) == 2


def test_likely_samples_are_held_against_the_nearest_training_image():
    draw = np.random.default_rng(3)
    members, reader = group(draw, 40, "m", 44), Reader.of(model(draw), Seeds(0))
    found, kept = drawn(draw, members)
    row = likely_row("cnn", "private", "published", found, kept, members, reader)
    chosen = np.flatnonzero(found.likely)
    nearest = found.nearest[chosen]
    assert (row["likely"], row["candidates"], row["members"], row["chance"]) == (len(chosen), 60, 40, 3.75)
    assert (row["ssim_low"], row["ssim_high"]) == (found.ssim[chosen].min(), found.ssim[chosen].max())
    assert row["cosine_high"] == found.cosine[chosen].max()
    assert row["ssim_non_member_low"] == found.ssim_other[chosen].min()
    assert row["neighbours"] == len({members.patients[place] for place in nearest})
    ages, male = reader.model.predict(as_pictures(found.images[chosen]))
    errors = np.abs(ages - members.details[AGE][nearest])
    assert (row["age_error_low"], row["age_error_high"]) == (pytest.approx(errors.min()), pytest.approx(errors.max()))
    right = (male >= 0.5) == (members.details[SEX][nearest] == 1)
    assert (row["sex_right"], row["sex_known"]) == (right.sum(), len(chosen))
    own = np.abs(reader.model.predict(members.images[nearest])[0] - members.details[AGE][nearest])
    assert row["nearest_age_error_high"] == pytest.approx(own.max())
    assert (row["published_likely"], row["published_sex"], row["published_nearest_sex"]) == (2, "0 of 2", "2 of 2")
    assert likely_row("cnn", "private", "gmi", found, kept, members, reader)["published_sex"] is None


def test_where_none_is_likely_nothing_is_read():
    draw = np.random.default_rng(3)
    members, reader = group(draw, 12, "m"), Reader.of(model(draw), Seeds(0))
    found, _ = drawn(draw, members)
    found.likely[:] = False
    none = match(found, members, reader)
    assert len(none.chosen) == len(none.age_errors("likely_samples")) == len(none.sexes_right("likely_samples")) == 0


def test_a_model_without_skill_shows_nothing_that_it_reads():
    found = tables(("cnn",), error=60.0, attacks=("published",))
    (skill,) = matching(found["demographics"], {"set": "validation_patients"})
    assert skill["age_usable"] is False and skill["mae"] > 20 and skill["published_mae"] == 5.12
    assert {row["set"] for row in found["ages"]} == {"validation_patients"}
    for row in found["likely"]:
        assert all(row[name] is None for name in ("age_error_low", "nearest_age_error_low", "age_low"))
    for row in matching(found["demographics"], {"set": "likely_samples"}):
        assert row["mae"] is None and row["age_usable"] is False


def test_distances_are_of_the_readers_features_and_the_prior_is_beside():
    draw = np.random.default_rng(3)
    parts, features = groups(draw)["private"], ReaderFeatures(model(draw))
    made, _ = drawn(draw, parts["members"])
    found = distribution_tables("cnn", made, parts, features, Seeds(0))
    row = one(found["distribution"], set="tuned_generator")
    assert row["frechet_prior"] == pytest.approx(frechet_distance(features(made.images), features(made.prior)))
    real = features(as_bytes(parts["members"].images))
    assert row["frechet"] == pytest.approx(frechet_distance(features(made.images), real))
    assert (row["published_frechet"], row["published_entropy"]) == (178.96, 6.486)
    assert row["frechet_floor_low"] <= row["frechet_floor"] <= row["frechet_floor_high"]
    assert one(found["distribution"], set="training_images")["frechet"] is None
    assert sum(row["count"] for row in matching(found["entropy"], {"set": "tuned_generator"})) == 60


def test_a_known_site_holds_fewer_people_who_fit(tables):
    unknown, known = matching(tables["anonymity"], {"target": "cnn"})
    assert (unknown["site"], known["site"]) == ("unknown", "known")
    assert known["size"] < unknown["size"]
    assert known["low"] <= known["size"] <= known["high"] <= known["people"] == 200_000


def test_a_tuning_tells_where_its_loss_began_and_ended(tables):
    rows = tables["tuning"]
    assert len(rows) == 4 and all((row["steps"], row["levelled_off"]) == (200, True) for row in rows)
    for row in rows:
        total = {"target": row["target"], "method": row["method"], "part": row["part"], "term": "total"}
        values = [one["value"] for one in matching(tables["stage1"], total)]
        assert row["first"] == pytest.approx(np.median(values[:10]), rel=1e-4)
        assert row["last"] == pytest.approx(np.median(values[-10:]), rel=1e-4) and row["first"] > 1.4 * row["last"]


def test_groups_are_counted_by_patient():
    row = one(patient_rows(groups(np.random.default_rng(0), patients=12)), source="private", group="members")
    assert (row["patients"], row["images"]) == (12, 16)


def test_the_prior_is_held_against_the_radiographs_of_every_source():
    draw = np.random.default_rng(0)
    sources = groups(draw)
    rows = list(prior_rows(draw.integers(0, 255, (60, SIDE, SIDE)).astype(np.uint8), sources))
    assert [row["source"] for row in rows] == ["private", "public"]
    # Invented images are noise of another contrast than the invented radiographs.
    assert all(row["drawn"] == 60 and row["real"] == 132 and not row["alike"] for row in rows)


def test_the_rows_of_a_target_say_of_how_many_patients_they_are(tables):
    """What is published of a run withholds rows of few by these numbers."""
    assert {row["members"] for row in matching(tables["likely"], {"target": "cnn_planted"})} == {8}
    (images,) = {row["n"] for row in matching(tables["kurtosis"], {"target": "cnn_planted", "set": "training_images"})}
    assert images == 8
    assert all(row["n"] for row in tables["mitigations"])


def test_a_mitigation_is_held_against_overfitting_on_the_same_patients(tables):
    (row,) = tables["mitigations"]
    assert (row["target"], row["beside"], row["comparable"], row["shown"]) == ("cnn", "cnn_overfit", True, "lower")
    where = {"attack": "output", "view": row["view"], "statistic": "AUC"}
    aucs = {one["target"]: one["value"] for one in matching(tables["findings"], where)}
    assert (row["value"], row["against"]) == (pytest.approx(aucs["cnn"]), pytest.approx(aucs["cnn_overfit"]))
    assert row["difference"] == pytest.approx(row["value"] - row["against"]) and row["n"] == 80
