"""The audit of latents: those that hold the image identify its patient, those that hold nothing do not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import typer
from torch import nn

from remnant.attacks.attack import Reconstructions
from remnant.attacks.inversion import InversionSettings, ridge
from remnant.audit.config import AuditConfig
from remnant.audit.findings.identified import search_control
from remnant.audit.materials.material import Material, roles_of
from remnant.audit.run.model import audit_model
from remnant.audit.run.results import Clock, conclude, machine
from remnant.audit.verdict.outcome import outcome_of
from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.cli.verdict import told
from remnant.cohort.images import Images
from remnant.cohort.warp import apply_warp, draw_warp
from remnant.report.sheet import sheet_of
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.layers_run import layers_run
from remnant.targets.seen import seen_latents


class Network(nn.Module):
    """(n, 1, 16, 16) to 2 logits through 64 numbers, which `keeps` says whether they hold anything."""

    def __init__(self, keeps):
        super().__init__()
        torch.manual_seed(0)
        self.squeeze = nn.Conv2d(1, 1, 2, 2)
        self.widen = nn.Linear(64, 96)
        self.head = nn.Linear(96, 2)
        if not keeps:
            self.squeeze.weight.data.zero_()

    def forward(self, images):
        return self.head(torch.relu(self.widen(self.squeeze(images).flatten(1))))


def smooth(seed, patients):
    """People as smooth pictures, each with three blobs of his own."""
    draw = np.random.default_rng(seed)
    x, y = np.mgrid[:16, :16]
    images = []
    for _ in range(patients):
        blobs = [(draw.uniform(2, 14, 2), draw.uniform(2, 4), draw.uniform(0.5, 1)) for _ in range(3)]
        image = sum(
            height * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * wide**2)) for at, wide, height in blobs
        )
        images.append(torch.from_numpy(image[None].astype(np.float32)))
    return images


def material(keeps, attackers=12):
    pictures = smooth(1, 24 + attackers)
    members = tuple([i < 12 for i in range(24)] + [None] * attackers)
    names = tuple(f"p{i}" for i in range(24 + attackers))
    images = Images(tuple(pictures), tuple(i % 2 for i in range(len(pictures))), names)
    network = Network(keeps).eval().requires_grad_(False)
    return Material(
        Audited(network, OutputHead("classification", "softmax", 2, False)),
        images,
        roles_of(names, members),
        {"name": "n"},
    )


def audited(tmp_path, own):
    config = AuditConfig(scenario="latents")
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        parts = audit_model(run, own, config, quiet=True)
    (found,) = (one for one in parts["findings"] if one.attack == "inversion")
    return found, [control for control in parts["controls"] if control.attack == "inversion"], parts


def test_latents_that_hold_the_image_identify_its_patient(tmp_path):
    found, controls, parts = audited(tmp_path, material(keeps=True))
    assert found.n == 24 and found.null == pytest.approx(1 / 24) and found.value > 0.7
    assert [(one.kind, one.passed) for one in controls] == [("null", True), ("planted", True)]
    assert outcome_of(found, parts["controls"]) == "exposed"
    assert found.view == "latents of the layer that the recipient sees"


def test_latents_that_hold_nothing_identify_nobody_though_the_attack_could(tmp_path):
    found, controls, parts = audited(tmp_path, material(keeps=False))
    assert found.value <= 0.1 and all(one.passed for one in controls)
    assert outcome_of(found, parts["controls"]) == "not shown"


def seen_again(own, other):
    """Everybody's second image, which `other` makes of the first and a generator."""
    draw = torch.Generator().manual_seed(0)
    images = own.images
    more = Images(
        (*images.images, *(other(image, draw) for image in images.images)), images.labels * 2, images.patients * 2
    )
    return replace(own, images=more)


def another_day(image, draw):
    return apply_warp(image[None], draw_warp((16, 16), InversionSettings().warp, draw))[0]


def linked(parts):
    found = next((one for one in parts["findings"] if one.attack == "linkage"), None)
    return found, [control.passed for control in parts["controls"] if control.attack == "linkage"]


def test_a_reconstruction_is_linked_to_the_image_of_another_day(tmp_path):
    _, controls, parts = audited(tmp_path, seen_again(material(keeps=True), another_day))
    found, passed = linked(parts)
    assert found.criterion == "linkability" and found.statistic == "rank1" and found.n == 24 and found.value > 0.6
    assert found.group == "a gallery of another image of 24 patients" and found.null == pytest.approx(1 / 24)
    assert outcome_of(found, parts["controls"]) == "exposed" and passed == [True, True] == [c.passed for c in controls]
    assert parts["attacks"][-1].name == "linkage" and parts["attacks"][-1].run


def test_of_latents_that_hold_nothing_nothing_is_linked(tmp_path):
    _, _, parts = audited(tmp_path, seen_again(material(keeps=False), another_day))
    found, passed = linked(parts)
    assert outcome_of(found, parts["controls"]) == "not shown" and passed == [True, True]


def test_the_layer_that_was_read_is_said_with_the_verdict(tmp_path, capsys):
    config = AuditConfig.checked(scenario="latents", target={"latents": "widen"})
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        parts = audit_model(run, material(keeps=True), config, quiet=True)
        results = conclude(config, **parts, **machine(Clock(), ""))
        results.write(run.results)
    assert sheet_of(results).model["Layer read"] == "widen"
    with pytest.raises(typer.Exit):
        told(run.path, quiet=False)
    assert "The latents are what the layer widen gives" in capsys.readouterr().err


def test_of_two_patients_nobody_can_tell_whether_the_sure_were_identified():
    images = material(keeps=True).images.take([0, 1])
    own = Reconstructions("v", images.patients, torch.stack(images.images), torch.zeros(1, 16, 16))
    found = search_control("planted", "inversion", own, images, "Their images")
    assert found.passed is None
    assert found.sentence.endswith("2 of 2 patients at rank 1, which guessing might do, too: give 3 patients or more.")
    three = material(keeps=True).images.take([0, 1, 2])
    own = Reconstructions("v", three.patients, torch.stack(three.images), torch.zeros(1, 16, 16))
    assert search_control("planted", "inversion", own, three, "Their images").passed is True


def test_where_not_even_the_image_is_like_that_of_another_day_silence_is_weakness(tmp_path):
    own = seen_again(material(keeps=True), lambda image, draw: torch.rand(image.shape, generator=draw))
    first, _, parts = audited(tmp_path, own)
    found, passed = linked(parts)
    assert outcome_of(found, parts["controls"]) == "attack too weak" and passed == [True, False]
    assert outcome_of(first, parts["controls"]) == "exposed"


def test_of_one_image_a_patient_linkage_is_said_to_be_untestable(tmp_path):
    _, _, parts = audited(tmp_path, material(keeps=True))
    assert linked(parts) == (None, [])
    last = parts["attacks"][-1]
    assert (last.name, last.run, last.why) == ("linkage", False, "every patient has one image")
    config = AuditConfig(scenario="latents")
    results = conclude(config, **parts, **machine(Clock(), ""))
    assert sheet_of(results).model["Layer read"] == "squeeze, the narrowest"
    (result,) = (one for one in sheet_of(results).results if one.criterion == "linkability")
    assert result.sentence.endswith("another image of the same patient: not run. Every patient has one image.")


def test_without_people_of_the_attackers_own_non_members_stand_in(tmp_path):
    found, _, parts = audited(tmp_path, material(keeps=True, attackers=0))
    assert found.n == 12
    assert {one.name for one in parts["attacks"] if one.run} == {"output", "label_only", "inversion"}


def test_the_attack_is_not_handed_the_images_of_those_it_attacks():
    own = material(keeps=True)
    access = seen_latents(own.target, own.candidates, None)
    pixels = {tuple(image.flatten().tolist()) for image in own.candidates.images}
    assert access.latents[0].numel() == 64
    assert not any(tuple(latent.flatten().tolist()) in pixels for latent in access.latents)


def test_the_narrowest_layer_is_before_the_head_and_a_wrong_name_is_refused():
    own = material(keeps=True)
    assert layers_run(own.target.module, own.images.images[0][None]).narrowest() == "squeeze"
    with pytest.raises(RemnantError, match="has no module 'bottleneck'; it has squeeze, widen, head"):
        seen_latents(own.target, own.candidates, "bottleneck")


def test_ridge_is_that_of_the_normal_equations():
    draw = torch.Generator().manual_seed(0)
    latents, images, asked = (torch.randn(shape, generator=draw) for shape in ((30, 4), (30, 7), (5, 4)))
    found = ridge(latents, images, asked, torch.arange(30), 1e-2)
    centre, scale = latents.mean(0), latents.std(0)
    scaled, new = ((one - centre) / scale / 2 for one in (latents, asked))
    penalty = 1e-2 * (scaled @ scaled.T).diagonal().mean()
    weights = torch.linalg.solve(scaled.T @ scaled + penalty * torch.eye(4), scaled.T @ (images - images.mean(0)))
    assert torch.allclose(found, images.mean(0) + new @ weights, atol=1e-4)
