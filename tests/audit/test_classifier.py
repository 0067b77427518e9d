"""The audit of a stranger's classifier: who is who, what it leaves, what it refuses."""

import csv
import json
import re
import shutil
import stat

import numpy as np
import pytest
import torch
from monai.networks.nets import UNet
from tests.audit.judging import CLEAR, LIMIT, SOUND, finding, told
from tests.radiographs import read_radiographs

from remnant.attacks.attack import Work
from remnant.attacks.checkpoint.feeding import Feeding
from remnant.attacks.membership.output import CORRECT, MARGIN, MARGIN_SHIFTED, OUTPUT
from remnant.attacks.membership.signals import shifts, signed_margin
from remnant.attacks.prior import Prior, save_prior
from remnant.audit.config import AuditConfig
from remnant.audit.inputs.classifier import audit_classifier, material_to_look_at
from remnant.audit.inputs.classifier_given import ClassifierInputs, read_given
from remnant.audit.inputs.classifier_tables import beside, doubted, notes_of
from remnant.audit.run.attacks import attacks_of
from remnant.audit.run.doubts import doubts_of
from remnant.audit.run.model import audit_model
from remnant.audit.verdict.judge import verdict_of
from remnant.base.errors import RemnantError
from remnant.base.findings import AuditResults
from remnant.base.purge import purge
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import patient_means
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.phantoms import ChestPhantoms, write_manifest
from remnant.measure.roles import MEMBER, NON_MEMBER, OTHER
from remnant.measure.task import TaskAccuracy
from remnant.nets.classifiers import build_classifier
from remnant.nets.pggan import Generator
from remnant.nets.segmenter import Segmenter
from remnant.targets.checkpoint import save_checkpoint
from remnant.targets.features import predict_logits
from remnant.targets.inputs import InputRange
from remnant.targets.seen import seen_outputs

CONFIG = AuditConfig.checked(target={"planted_steps": 1})


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A ViT's state_dict, as somebody would find it: two classes, images of 32 pixels and three channels."""
    torch.manual_seed(0)
    model = build_classifier("vit", classes=2, image_size=32, patch=8, blocks=2, width=32, heads=1, mlp=32)
    path = tmp_path_factory.mktemp("stranger") / "model.pt"
    torch.save(model.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def owners(tmp_path_factory):
    """Twelve phantom patients with a column split: half of them train, two val, the others test."""
    folder = tmp_path_factory.mktemp("owners") / "cohort"
    write_manifest(ChestPhantoms(patients=12, sessions=1, side=32, seed=3), folder, quiet=True)
    table = folder / "manifest.csv"
    with table.open(newline="") as file:
        rows = list(csv.reader(file))
    splits = ["split", *["train"] * 6, *["val"] * 2, *["test"] * 4]
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([*row, split] for row, split in zip(rows, splits, strict=True))
    return folder


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """Ten of the attacker's own, who are called as the owner's patients are."""
    folder = tmp_path_factory.mktemp("public") / "cohort"
    write_manifest(ChestPhantoms(patients=10, sessions=1, side=32, seed=4), folder, quiet=True)
    return folder


def asked(stranger, owners, **more):
    return ClassifierInputs(stranger, owners, **{"findings": ("Cardiomegaly",)} | more)


def looked_at(*given, **more):
    return material_to_look_at(asked(*given, **more), CONFIG, cache=None, quiet=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, stranger, owners):
    out = tmp_path_factory.mktemp("audit") / "run"
    audit_classifier(
        asked(stranger, owners), CONFIG, out, command="remnant attack", cache=out.with_name("cache"), quiet=True
    )
    return out


def test_an_audit_writes_results(finished):
    results = AuditResults.read(finished / "results.json")
    assert (results.command, results.cohort["patients"], results.cohort["images"]) == ("remnant attack", 10, 10)
    assert (results.cohort["members"], results.cohort["non_members"]) == (6, 4)
    assert set(results.checkpoints) == {"model.pt"} and stat.S_IMODE(finished.stat().st_mode) == 0o700
    run = {one.name for one in results.scenario.attacks if one.run}
    assert {"output", "gradient"} <= run and not run & {"gmi", "published", "references"}
    # Of the split val, who took part in the training by deciding when it stops, nobody is compared.
    assert any("2 patients of the validation are left out" in text for text in results.notices)
    assert "All 12 patients are phantoms" in results.notices[0]
    assert any("column split" in text for text in results.not_tested)
    assert [section.table.name for section in results.sections] == ["epsilon", "input", "file"]
    assert (
        results.verdict.ruling == "cannot tell"
        and "is not shown: 3 of 6 answers are right" in results.verdict.reasons[0]
    )
    for path in finished.rglob("*"):
        if path.is_file() and finished / "private" not in path.parents:
            assert not re.search(rb"chest000\d\d", path.read_bytes()), path


def test_the_same_again_is_the_same_run_and_another_checkpoint_another(finished, stranger, owners, tmp_path):
    before = AuditResults.read(finished / "results.json")
    again = {"resume": True, "quiet": True, "cache": finished.with_name("cache")}
    audit_classifier(asked(stranger, owners), CONFIG, finished, **again)
    assert AuditResults.read(finished / "results.json").findings == before.findings
    state = torch.load(stranger)
    torch.save(state | {"heads.head.bias": torch.ones(2)}, tmp_path / "model.pt")
    with pytest.raises(RemnantError, match="started with other settings \\(checkpoint"):
        audit_classifier(asked(tmp_path / "model.pt", owners), CONFIG, finished, **again)
    with pytest.raises(RemnantError, match="started with other settings \\(findings"):
        audit_classifier(asked(stranger, owners, findings=("No Finding",)), CONFIG, finished, **again)
    changed = shutil.copytree(owners, tmp_path / "cohort")
    table = changed / "manifest.csv"
    table.write_text(table.read_text().replace(",M,", ",F,"))
    shutil.copytree(finished, tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps(config | {"against": str(changed)}))
    with pytest.raises(RemnantError, match="other entries in the table"):
        audit_classifier(asked(stranger, changed), CONFIG, tmp_path / "run", **again)


def test_the_config_holds_hashes_of_what_was_audited(finished, stranger):
    config = json.loads((finished / "config.json").read_text())
    assert len(config["checkpoint"]) == 64 and str(stranger) not in json.dumps(config)


def test_prepared_images_are_purged_with_the_run(stranger, owners, tmp_path):
    out, cache = tmp_path / "run", tmp_path / "cache"
    audit_classifier(asked(stranger, owners), CONFIG, out, cache=cache, quiet=True)
    assert list(cache.rglob("radiograph-*.npz"))
    purge(Run(out))
    assert not list(cache.rglob("radiograph-*.npz"))


def test_who_is_who(stranger, owners, public):
    found = looked_at(stranger, owners, public=public)
    assert [len(found.group(role)) for role in (MEMBER, NON_MEMBER, OTHER)] == [6, 4, 10]
    assert found.images.images[0].shape == (3, 32, 32) and len(found.images) == 20
    assert found.stronger.endswith("attacks may see more.")
    # Both cohorts call their patients alike, and nobody is taken for another.
    assert len(set(found.images.patients)) == 20
    ages, sexes = (found.own.details[name] for name in ("age", "sex"))
    assert np.isfinite(ages).all() and set(sexes) <= {0.0, 1.0}
    # Whether a stranger has the finding is nobody's guess.
    labels = found.images.labels
    assert set(labels[:10]) <= {0, 1} and all(torch.isnan(label).all() for label in labels[10:])
    assert np.isnan(found.images.details["class: Cardiomegaly"][10:]).all()
    assert found.images.details["class: Cardiomegaly"][:10].tolist() == list(labels[:10])


def test_its_output_says_what_it_said_to_who_asks_by_hand(stranger, owners, tmp_path):
    found = looked_at(stranger, owners, normalisation=((0.2,), (0.5,)))
    radiographs = read_radiographs(owners, 32, cache=tmp_path / "cache", quiet=True)
    every = read_cohort(owners).cases
    chosen = [i for split in ("train", "test") for i, case in enumerate(every) if case.split == split]
    cases = [every[i] for i in chosen]
    labels = np.array(["Cardiomegaly" in case.findings for case in cases], dtype=float)
    patients = [f"against {case.patient}" for case in cases]
    images = radiographs.images[chosen]
    places = [
        signed_margin(predict_logits(found.target.module, change(images), InputRange(32, 3, (0.2,), (0.5,))), labels)
        for change in shifts(2)
    ]
    by_hand = {MARGIN: places[0], MARGIN_SHIFTED: np.mean(places, axis=0), CORRECT: (places[0] > 0).astype(float)}
    claims = OUTPUT.run(seen_outputs(found.target, found.candidates), None, OUTPUT.settings(), Work(Seeds(0), tmp_path))
    told = {claim.view: dict(zip(claim.patients, claim.scores, strict=True)) for claim in claims}
    assert told.keys() == by_hand.keys()
    for view, values in by_hand.items():
        names, means = patient_means(values, patients)
        assert [told[view][name] for name in names] == pytest.approx(means, abs=1e-5)


def test_without_answers_its_certainty_is_asked_and_clears_nobody(stranger, owners, tmp_path):
    table = shutil.copytree(owners, tmp_path / "cohort") / "manifest.csv"
    table.write_text(table.read_text().replace("No Finding", "").replace("Cardiomegaly", ""))
    found = looked_at(stranger, table.parent, findings=())
    assert found.images.labels is None and "Without the true answers" in found.doubts[-1]
    with Run.start(tmp_path / "run", "audit", {}, resume=False) as run:
        parts = audit_model(run, found, CONFIG, quiet=True)
    run = {one.name for one in parts["attacks"] if one.run}
    assert "output" in run and "gradient" not in run
    assert {one.view for one in parts["findings"] if one.attack == "output"} == {
        "certainty",
        "certainty, mean over shifted images",
    }
    assert parts["unplanted"] == "no labels were handed over" and set(found.doubts) <= set(parts["reasons"])


def test_the_page_says_whose_model_it_is_and_that_listed_patients_are_phantoms(owners, tmp_path):
    arguments = {"name": "vit", "image_size": 32, "patch": 8, "blocks": 2, "width": 32, "heads": 1, "mlp": 32}
    save_checkpoint(tmp_path / "ours.safetensors", build_classifier(**arguments), arguments)
    notes = looked_at(tmp_path / "ours.safetensors", owners / "manifest.csv").notes
    assert "All 12 patients are phantoms" in notes[0] and "The model was trained by Remnant itself." in notes


def manifest(owners, tmp_path, change):
    folder = shutil.copytree(owners, tmp_path / "cohort")
    path = folder / "manifest.csv"
    path.write_text(change(path.read_text()))
    return folder


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda text: text.replace("split", "part"),
            r"it has no column split, or an empty one, to say train for those who trained the target and test for those who did "
            r"not train it; add it to manifest.csv, or, of another name, give the table itself, by --against FILE --columns "
            r"split=NAME\.$",
        ),
        (
            lambda text: text.replace("test", "other"),
            r"must say test for those who did not train it \(the validation took part .*\), and says other,",
        ),
        (
            lambda text: text.replace(",chest00012,", ",chest00001,"),
            "1 patient has images on both sides of the column split",
        ),
    ],
)
def test_cohorts_that_do_not_say_who_trained_the_target(stranger, owners, tmp_path, change, sentence):
    with pytest.raises(RemnantError, match=sentence):
        audit_classifier(asked(stranger, manifest(owners, tmp_path, change)), CONFIG, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_one_image_on_both_sides_is_named_by_its_files(stranger, owners, tmp_path):
    folder = shutil.copytree(owners, tmp_path / "cohort")
    first, *_, last = sorted(folder.glob("images/*.png"))
    shutil.copy(first, last)
    with pytest.raises(RemnantError, match=rf"such as {first.name} and {last.name}; drop one of the two"):
        looked_at(stranger, folder)


def test_what_takes_minutes_is_said_beforehand(stranger, owners, capsys):
    material_to_look_at(asked(stranger, owners), CONFIG, cache=None)
    said = capsys.readouterr().err
    assert "Seeking how the model takes images, which may take minutes; giving --mean and --std would spare it." in said
    assert said.count("Preparing radiographs") <= 1
    material_to_look_at(asked(stranger, owners, normalisation=((0.5,), (0.5,))), CONFIG, cache=None)
    assert "Seeking" not in capsys.readouterr().err


def test_the_attackers_own_images_are_nobodys_who_is_attacked(stranger, owners):
    with pytest.raises(RemnantError, match=r"10 images are in .* \(--public\) and among those of --against"):
        looked_at(stranger, owners, public=owners)


def test_what_is_no_target_and_no_prior(stranger, prior_file, owners, tmp_path):
    def refused(told, checkpoint=stranger, **more):
        with pytest.raises(RemnantError, match=told):
            audit_classifier(asked(checkpoint, owners, **more), CONFIG, tmp_path / "run", quiet=True)

    arguments = {"architecture": "unet", "classes": 2, "widths": (4, 4, 4, 4)}
    save_checkpoint(tmp_path / "unet.safetensors", Segmenter(**arguments), arguments)
    refused("this audit is of classifiers of radiographs", tmp_path / "unet.safetensors")
    torch.save({"a.weight": torch.ones(3, 3)}, tmp_path / "own.pt")
    refused(r"is unknown; .* `remnant audit --init DIR --from FILE` begins", tmp_path / "own.pt")
    torch.save(UNet(2, 1, 3, (8, 16), (2,)).state_dict(), tmp_path / "flat.pt")
    refused(r"2D .*UNet, a segmenter; .* `remnant audit --init DIR --from FILE` begins", tmp_path / "flat.pt")
    (tmp_path / "cut.pt").write_bytes(stranger.read_bytes()[:500])
    refused(r"cut\.pt", tmp_path / "cut.pt")
    save_prior(tmp_path / "small.safetensors", Prior(Generator(8, (4, 4), 8).eval()))
    refused("draws images of 8 pixels, too few", prior=tmp_path / "small.safetensors")
    refused("is not a whole safetensors file", prior=stranger)
    refused(r"takes images of 32 pixels a side\. Got size 48", size=48)
    refused("No image has the finding 'Edema'; the table has", findings=("Edema",))
    refused("must have 1 or 3 numbers", normalisation=((0.5, 0.5), (1.0,)))
    ageless = manifest(owners, tmp_path, lambda text: re.sub(r",[\d.]+,([FM]),", r",,\1,", text))
    refused("has an age and a sex", public=ageless)
    state = torch.load(stranger)
    for change, wrong in (
        (lambda t: t * 0, "Every weight .* is zero"),
        (lambda t: t * float("nan"), "holds NaN or infinity"),
    ):
        broken = {name: change(t) if t.is_floating_point() else t for name, t in state.items()}
        torch.save(broken, tmp_path / "broken.pt")
        refused(wrong, tmp_path / "broken.pt")
    torch.manual_seed(0)
    state = build_classifier("resnet18", channels=1, classes=1, width=16).state_dict()
    torch.save({n: -t - 1 if n.endswith("running_var") else t for n, t in state.items()}, tmp_path / "cnn.pt")
    refused("a variance below zero", tmp_path / "cnn.pt")
    assert not (tmp_path / "run").exists()


def test_a_prior_draws_for_the_network_as_it_takes_images(stranger, prior_file, owners):
    found = looked_at(stranger, owners, prior=prior_file, normalisation=((0.5,), (0.5,)))
    assert found.prior.input_range == InputRange(32, 3, (0.5,), (0.5,)) and len(found.prior.digest) == 64
    assert set(found.checkpoints) == {"model.pt", "prior.safetensors"}
    assert found.prior.grey(found.images).shape == (10, 1, 32, 32)


def test_findings_that_are_no_class_are_left_out(stranger, owners, tmp_path):
    few = manifest(
        owners, tmp_path, lambda text: re.sub(r"(chest00001,.*,)(No Finding|Cardiomegaly),", r"\1Edema,", text)
    )
    given = read_given(asked(stranger, owners, findings=("Cardiomegaly", "No Finding")), 0)
    assert "Classes that exclude each other" in given.answers.words and len(given.answers.labels) == 10
    given = read_given(asked(stranger, few, findings=("Cardiomegaly", "No Finding")), 0)
    assert len(given.answers.labels) == 9
    assert any("1 image is left out, which" in note for note in notes_of(given, [], None))
    table = few / "manifest.csv"
    table.write_text(table.read_text().replace("Edema", ""))
    given = read_given(asked(stranger, few), 0)
    assert any("1 of 10 images has no finding in the table; they" in note for note in notes_of(given, [], None))


FED = Feeding(InputRange(64, 1), "greys in [0, 1]", "greys as the file has them", 0.1, 0.1, None)


def test_how_images_were_given_says_what_the_distance_of_the_first_layer_is(stranger, owners):
    section = beside(read_given(asked(stranger, owners), 0), FED).sections[0]
    assert section.table.columns["{first:.2g}"] == "Of the first layer"
    assert "The first layer alone tells of the images" in section.text[1]


ABLE, AT_CHANCE, OTHER_CLASSES = TaskAccuracy(19, 20, 0.5), TaskAccuracy(11, 20, 0.5), TaskAccuracy(1, 20, 0.5)


@pytest.mark.parametrize(
    ("doubt", "unordered", "task", "says"),
    [
        (None, None, ABLE, []),
        (None, None, None, ["Without the true answers"]),
        ("It fits nothing.", None, ABLE, ["It fits nothing."]),
        ("It fits nothing.", None, None, ["It fits nothing.", "Without the true answers"]),
        (None, "Name them by --finding.", ABLE, ["Name them by --finding."]),
        (None, None, AT_CHANCE, ["is not shown: 11 of 20 answers are right"]),
        (None, None, OTHER_CLASSES, ["to mean other classes than was taken: 1 of 20 answers is right"]),
        # Of too few answers nothing is known, however right they are.
        (None, None, TaskAccuracy(3, 3, 0.56), ["is not shown: 3 of 3 answers are right"]),
    ],
)
def test_silence_counts_only_where_the_target_was_given_images_as_in_training(doubt, unordered, task, says):
    fed = Feeding(FED.input_range, FED.words, FED.view, 0.1, 0.1, doubt, unordered=unordered)
    doubts = doubted(fed, task)
    assert len(doubts) == len(says) and all(part in text for part, text in zip(says, doubts, strict=True))
    silent = verdict_of([LIMIT], [told(finding(**CLEAR))], SOUND, doubts)
    assert silent.ruling == ("cannot tell" if doubts else "within") and set(doubts) <= set(silent.reasons)
    # What distinguishes members is no noise, however odd the images.
    assert verdict_of([LIMIT], [told(finding())], SOUND, doubts).ruling == "outside"


def test_what_is_in_doubt_is_told_before_an_audit_and_on_the_sheet(stranger, owners):
    found = looked_at(stranger, owners)
    assert found.doubts and set(found.doubts) <= set(found.notes)
    assert set(found.doubts) <= set(doubts_of(found, CONFIG))


def test_the_command_answers_by_its_exit_code(remnant, stranger, owners, tmp_path):
    config, out = tmp_path / "other.toml", tmp_path / "run"
    config.write_text('[target]\nplanted_steps = 1\n[appetite]\nattribute = false\n[about]\nmodel = "Ours"\n')
    given = ("attack", "checkpoint", stranger, "--against", owners, "--finding", "Cardiomegaly", "--out", out)
    code, said, printed = remnant(*given, "--config", config, "--seed", 7)
    assert code == 3 and printed == str(out / "report.html") and "Cannot tell" in " ".join(said)
    results = AuditResults.read(out / "results.json")
    assert results.seed == 7 and results.about["model"] == "Ours" and results.title == "Audit of Ours"
    assert {one.name: one.asked for one in results.limits}["attribute"] is False
    assert results.command.startswith("remnant attack checkpoint") and "--seed 7" in results.command
    code, said, _ = remnant(*given)
    assert code == 2 and "add --resume" in said[-1]
    code, _, printed = remnant(*given, "--config", config, "--seed", 7, "--resume", "--quiet")
    assert code == 3 and printed == str(out / "report.html")


def test_the_command_looks_without_an_audit_and_keeps_nothing(remnant, stranger, owners, tmp_path):
    given = (
        "attack",
        "checkpoint",
        stranger,
        "--against",
        owners,
        "--finding",
        "Cardiomegaly",
        "--out",
        tmp_path / "run",
    )
    code, _, printed = remnant(*given, "--check", "--quiet")
    assert code == 3 and "3 of 6 answers are right" in printed and "would clear nobody" in printed
    assert "What it answers: Class 1 is 'Cardiomegaly', class 0 every other image" in printed
    assert "If its answers were exchanged among these images at random" in printed
    assert (
        "The model is given images of 32 pixels a side, greys in [" in printed
        and "(inferred; --mean and --std" in printed
    )
    assert "age and sex in the table of the cohort" in printed or "attribute disclosure" not in printed
    code, _, printed = remnant(*given, "--estimate", "--quiet")
    assert code == 0 and "planted" in printed and "gmi" in printed and "no prior was given" in printed
    assert not (tmp_path / "run").exists() and not list((tmp_path / "cache").rglob("*.npz"))


@pytest.mark.parametrize(
    "listed, says", [(True, "columns called by `--columns age=NAME,sex=NAME`"), (False, "in the table of the cohort")]
)
def test_who_gives_no_ages_is_told_how_this_audit_takes_them(stranger, owners, tmp_path, listed, says):
    folder = tmp_path / "ageless"
    shutil.copytree(owners, folder)
    table = folder / "manifest.csv"
    with table.open(newline="") as file:
        rows = [{**row, "age": "", "sex": ""} for row in csv.DictReader(file)]
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    found = looked_at(stranger, table if listed else folder)
    (why,) = (why for attack, why in attacks_of(found, CONFIG) if attack.name == "attributes")
    assert why.startswith("neither ages nor sexes that differ are known: give age and sex in") and says in why
    assert "nnU-Net" not in why


def test_settings_of_a_folder_are_refused(remnant, stranger, owners, tmp_path):
    config = tmp_path / "audit.toml"
    given = ("attack", "checkpoint", stranger, "--against", owners, "--out", tmp_path / "run", "--config", config)
    for text, named in (
        ('[target]\nbuild = "mine"\n', "target.build"),
        ('[prior]\nfile = "prior.safetensors"\n', "prior.file"),
        ("[shadows]\ncount = 4\n", "shadows.count"),
    ):
        config.write_text(text)
        code, said, _ = remnant(*given)
        assert code == 2 and f"{named} of the configuration is for `remnant audit` of a folder" in said[-1]
    config.write_text('scenario = "codes"\n')
    code, said, _ = remnant(*given)
    assert code == 2 and "scenario codes is not audited" in said[-1]
    code, said, _ = remnant("attack", "checkpoint", stranger, "--out", tmp_path / "run")
    assert code == 2 and "--against" in " ".join(said)
    assert not (tmp_path / "run").exists()
