"""What else is asked of patients than who trained the model: who was added to it, and whose other images it knows."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.audit.example import Classifier, Segmenter, images_of, material, trained
from tests.audit.shadowing import FOUR, audited, own
from tests.audit.trainings import STEP, written

from remnant.attacks.attack import Work
from remnant.attacks.membership.persons import OTHER_SCANS, PERSONS
from remnant.attacks.membership.references import DICE, LOSS, MARGIN
from remnant.attacks.membership.versions import CHANGE, VERSIONS
from remnant.audit.cells import blind, planted_leak
from remnant.audit.cells.model_cells import access_of, sides
from remnant.audit.cells.shadows import with_shadows
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import digests_of
from remnant.audit.owner.items import table_of
from remnant.audit.owner.parted import BEFORE, UNTRAINED, parted, places_trained
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.roles import MEMBER, NON_MEMBER, OTHER
from remnant.targets.audited import Audited


def versions(kind=Classifier, before=6, leaks=True):
    """A model that learned 12 members by heart, whose version before learned the first so many of them."""
    found = material(kind, leaks=leaks)
    network = trained(kind, images_of(kind, 0).take(range(max(1, before))), 1, 150 if before else 0)
    earlier = Audited(network, found.target.head)
    who = frozenset(f"p{i}" for i in range(before))
    return replace(found, target=replace(found.target, before=earlier), before=who)


def scored(attack, found, tmp_path):
    """Scores by view, and of whom."""
    _, asked = sides(found, attack)
    assert attack.applies(found.target, asked, None) == ""
    claims = attack.run(access_of(attack, found.target, asked), None, attack.settings(), Work(Seeds(0), tmp_path))
    return {claim.view: claim.scores for claim in claims}, claims[0].patients


def auc(found, scores, patients):
    roles = np.array([found.roles[patient] for patient in patients])
    return mann_whitney_auc(scores[roles == MEMBER], scores[roles == NON_MEMBER]).mean


@pytest.mark.parametrize(("kind", "signal"), [(Classifier, MARGIN), (Segmenter, LOSS)])
def test_who_was_added_is_fit_better_than_by_the_version_before(kind, signal, tmp_path):
    found = versions(kind)
    scores, patients = scored(VERSIONS, found, tmp_path)
    assert CHANGE.format(signal) in scores and (kind is Classifier or CHANGE.format(DICE) in scores)
    # Who trained both is not asked about.
    assert patients == tuple(f"p{i}" for i in range(6, 24))
    assert auc(found, scores[CHANGE.format(signal)], patients) > 0.95
    # He would look like nobody who was added.
    everybody, whose = scored(VERSIONS, replace(found, before=frozenset()), tmp_path)
    assert whose == tuple(f"p{i}" for i in range(24))
    assert auc(found, everybody[CHANGE.format(signal)], whose) < auc(found, scores[CHANGE.format(signal)], patients)


def test_the_change_by_hand(tmp_path):
    found = versions()
    scores, patients = scored(VERSIONS, found, tmp_path)
    for patient, score in zip(patients, scores[CHANGE.format(MARGIN)], strict=True):
        place = found.images.patients.index(patient)
        image, label = found.images.images[place][None], found.images.labels[place]
        now, before = (one(image)[0] for one in (found.target.module, found.target.before.module))
        assert score == pytest.approx(
            float(now[label] - now[1 - label]) - float(before[label] - before[1 - label]), rel=1e-4
        )


def test_a_version_that_learned_nobody_more_tells_nothing(tmp_path):
    found = versions(before=0)
    same = replace(found, target=replace(found.target, before=replace(found.target)))
    scores, _ = scored(VERSIONS, same, tmp_path)
    assert not scores[CHANGE.format(MARGIN)].any()
    assert VERSIONS.applies(replace(found.target, before=None), found.candidates, None).startswith("no version before")


def test_an_audit_says_what_it_asked_and_asks_no_network_of_the_same_training(tmp_path):
    config = AuditConfig.checked(target={"planted_steps": 60})
    parts = audited(tmp_path / "run", versions(), config)
    mine = [one for one in parts["findings"] if one.attack == "versions"]
    assert {one.group for one in mine} == {"members added since the version before against non-members"}
    assert {one.n for one in mine} == {18} and {one.outcome for one in mine} == {None}
    assert next(one for one in mine if one.statistic == "auc").adjusted_p <= 0.01
    assert [one.passed for one in parts["controls"] if (one.kind, one.attack) == ("planted", "versions")] == [True]
    others = [one for one in parts["findings"] if one.attack == "output"]
    assert {one.n for one in others} == {24} and {one.group for one in others} == {"members against non-members"}


@pytest.fixture
def bare(monkeypatch):
    monkeypatch.setattr(blind, "blind_cell", lambda run, **_: {"controls": []})
    monkeypatch.setattr(planted_leak, "planted_cell", lambda run, **_: {"controls": []})


def test_networks_of_the_same_training_are_asked_who_trained_them_alone(tmp_path, bare):
    found = own()
    found = replace(
        found,
        target=replace(found.target, before=versions(before=0).target.before),
        further=again(found.images, range(24), 0.05),
    )
    parts = audited(tmp_path / "run", found, FOUR)
    asked = {control.attack for control in parts["controls"] if control.kind == "recipe"}
    ran = {one.attack for one in parts["findings"]}
    assert {"versions", "persons"} <= ran and not {"versions", "persons"} & asked and "output" in asked


def again(images, places, noise, seed=5):
    """Further images of the patients at these places, who look like themselves but for noise of so many standard deviations."""
    draw = torch.Generator().manual_seed(seed)
    taken = images.take(list(places))
    spread = torch.stack(list(taken.images)).std()
    return replace(
        taken,
        images=tuple(image + noise * spread * torch.randn(image.shape, generator=draw) for image in taken.images),
    )


@pytest.mark.parametrize(("kind", "view"), [(Classifier, "signed margin"), (Segmenter, "Dice")])
def test_a_person_is_told_by_images_that_did_not_train_as_far_as_they_are_like_those_that_did(kind, view, tmp_path):
    found = material(kind, leaks=True)
    areas = []
    for noise in (0.0, 0.5, 50.0):
        scores, patients = scored(PERSONS, replace(found, further=again(found.images, range(24), noise)), tmp_path)
        assert next(iter(scores)) == OTHER_SCANS.format(view) and len(scores) == 2
        areas.append(auc(found, scores[OTHER_SCANS.format(view)], patients))
    assert areas[0] > 0.9 and areas[1] > 0.8 and 0.2 < areas[2] < 0.8


def test_without_other_images_it_does_not_apply():
    found = material(Classifier, leaks=True)
    own_images, asked = sides(found, PERSONS)
    assert own_images is None and len(asked) == 0
    assert (
        PERSONS.applies(found.target, asked, None)
        == "no images of members were handed over that did not train the model"
    )


def test_who_is_set_aside_is_asked_nothing():
    """Of a person who becomes a canary no further image is asked about, and who has further images alone stays."""
    found = own(patients=64)
    images = replace(found.images, patients=(*found.images.patients[:-1], "p62"))
    found = replace(found, images=images, further=again(own(patients=64).images, range(64), 0.05))
    aside = with_shadows(found, FOUR)
    gone = {*found.roles} - {*aside.roles}
    assert aside.canaries and gone and not gone & {*aside.further.patients} and "p63" in aside.further.patients
    assert {*aside.further.patients} == {*aside.roles}


def marked(*roles):
    """Images whose value is their place: two of the member a and the non-member c, one of the member b and the attacker's d."""
    images = tuple(torch.full((1, 2, 2), float(i)) for i in range(6))
    table = Images(images, tuple(range(6)), ("a", "a", "b", "c", "c", "d"), roles=roles)
    return table, {"a": MEMBER, "b": MEMBER, "c": NON_MEMBER, "d": OTHER}


def test_images_that_did_not_train_are_parted_from_those_that_did():
    table, roles = marked("", UNTRAINED, BEFORE, "", "", "")
    kept, further, before = parted(table, roles)
    assert kept.labels == (0, 2, 3, 4, 5) and kept.roles == () and places_trained(table) == [0, 2, 3, 4, 5]
    assert further.labels == (1, 3, 4) and further.patients == ("a", "c", "c") and further.roles == ()
    assert before == {"b"}
    table, roles = marked("", "", BEFORE, "", "", "")
    kept, further, before = parted(table, roles)
    assert kept.labels == table.labels and further is None and before == {"b"} and kept.roles == ()
    table, roles = marked()
    assert parted(table, roles) == (table, None, frozenset())
    table, roles = marked(UNTRAINED, UNTRAINED, UNTRAINED, "", "", "")
    with pytest.raises(RemnantError, match="No image of a member trained the model"):
        parted(table, roles)


def item(**more):
    return "item 0 of data()", {"image": torch.zeros(1, 2, 2), "label": 0, "patient": "a", "member": True} | more


def test_items_say_which_image_trained_and_who_trained_the_version_before():
    items = [
        item(),
        item(trained=False),
        item(trained=True),
        item(version_before=True),
        item(member=False, trained=False),
    ]
    table, members = table_of(iter(items), "data()")
    assert table.roles == ("", UNTRAINED, "", BEFORE, "") and members == (True, True, True, True, False)
    assert table_of(iter([item(), item(member=False)]), "data()")[0].roles == ()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"trained": "yes"}, "has trained 'yes'; give True or False, or leave it out"),
        ({"version_before": 2}, "has version_before '2'; give True or False"),
        ({"member": False, "trained": True}, "is of no member and is said to have trained; give member=True"),
        ({"member": None, "version_before": True}, "is said to have trained the version before"),
    ],
)
def test_what_an_item_says_wrongly_is_told(more, said):
    with pytest.raises(RemnantError, match=said):
        table_of(iter([item(**more)]), "data()")


TWO = "own if i % 2 else"
SAID = '{**vars(own), "trained": i in (1, 5), "version_before": i == 1} if i in (1, 3, 7) else own if i % 2 else'


def test_a_folder_hands_over_its_version_before_and_images_that_did_not_train(tmp_path):
    own_folder = written(
        tmp_path,
        STEP.replace(
            "with torch", "assert [item['patient'] for item in items] and 'trained' not in items[0]\n    with torch"
        ),
        '[target]\nversion_before = "before.safetensors"\n',
        **{TWO: SAID, 'f"p{i}"': 'f"p{2 if i == 3 else i}"'},
    )
    with torch.no_grad():
        network = own_folder.built(Seeds(0))
        for weight in network.parameters():
            weight += 1
    save_file(network.state_dict(), tmp_path / "before.safetensors")
    found = own_folder.material()
    assert found.before == {"p1"} and torch.equal(found.target.before.module[1].weight, network[1].weight)
    assert len(found.images) == 13 and "before.safetensors" in found.checkpoints
    assert found.further.patients == ("p2", *(f"p{i}" for i in range(6, 12)))
    assert len(found.training.items) == len(found.training.patients) == 13 and found.training.patients.count("p2") == 1
    digests = digests_of(found)
    for other in (replace(found, before=frozenset()), replace(found, further=None)):
        assert digests_of(other)["data"] != digests["data"]
    alone = replace(found, target=replace(found.target, before=None))
    assert digests_of(alone)["weights"] != digests["weights"]


def test_a_version_before_of_another_network_is_told(tmp_path):
    folder = written(tmp_path, STEP, '[target]\nversion_before = "before.safetensors"\n')
    assert any("before.safetensors does not exist" in fault for fault in folder.checked()[0])
    save_file({"weight": torch.zeros(2)}, tmp_path / "before.safetensors")
    assert any("before.safetensors is not of this network" in fault for fault in folder.checked()[0])
