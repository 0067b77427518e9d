"""A real nnU-Net in small, trained by nnunetv2 itself, from its folder to the verdict."""

import json

import nibabel as nib
import numpy as np
import pytest
import torch
from benchmarks._nnunet import planned, trained

from remnant.audit.inputs.trained import read_trained
from remnant.base.findings import AuditResults
from remnant.cohort.images import Images

# In no hash by chance, of which results have many.
SET, CASES, FOLDS = "Dataset901_Phantoms", [f"scan{number:03d}" for number in range(13)], 3


def write_raw(folder, seeds):
    """Balls of two shells in noise; scan000 and scan001 are one person's."""
    (folder / "imagesTr").mkdir(parents=True)
    (folder / "labelsTr").mkdir()
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 16)] * 3, indexing="ij"))
    for case in CASES:
        radius = ((grid - seeds.uniform(-0.3, 0.3, 3)[:, None, None, None]) ** 2).sum(0)
        label = (radius < seeds.uniform(0.2, 0.5)).astype(np.uint8) + (radius < 0.1)
        image = (100 + 40.0 * label + seeds.normal(0, 15, label.shape)).astype(np.float32)
        nib.save(nib.Nifti1Image(image, np.eye(4)), folder / "imagesTr" / f"{case}_0000.nii.gz")
        nib.save(nib.Nifti1Image(label.astype(np.uint8), np.eye(4)), folder / "labelsTr" / f"{case}.nii.gz")
    about = {"channel_names": {"0": "MR"}, "labels": {"background": 0, "shell": 1, "core": 2}}
    about |= {"numTraining": len(CASES), "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(about))
    people = ["A", "A", *CASES[2:]]
    rows = [f"{case},{person}" for case, person in zip(CASES, people, strict=True)]
    (folder / "patients.csv").write_text("\n".join(["case,subject_id", *rows]))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp("nnunet")
    write_raw(path / "nnUNet_raw" / SET, np.random.default_rng(0))
    splits = [
        {"train": [case for i, case in enumerate(CASES) if i % FOLDS != fold], "val": CASES[fold::FOLDS]}
        for fold in range(FOLDS)
    ]
    planned(path, SET, splits)
    for fold in range(FOLDS):
        trained(path, SET, fold, epochs=1, steps=3)
    return path


def folder_of(root):
    return root / "nnUNet_results" / SET / "nnUNetTrainerShort__nnUNetPlans__3d_fullres"


@pytest.mark.slow
def test_answers_are_those_of_nnunet_itself(root):
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    raw, folder = root / "nnUNet_raw" / SET, folder_of(root)
    found = read_trained(folder, raw, None)
    assert found.held_out == tuple(number % FOLDS for number in range(len(CASES)))
    assert found.images.patients[:3] == ("A", "A", "scan002")
    plans, about = json.loads((folder / "plans.json").read_text()), json.loads((folder / "dataset.json").read_text())
    manager = PlansManager(plans)
    configuration = manager.get_configuration("3d_fullres")
    for fold in (0, 2):
        network = nnUNetTrainer.build_network_architecture(manager, configuration, 1, 3, False)
        path = folder / f"fold_{fold}" / "checkpoint_final.pth"
        weights = torch.load(path, weights_only=False)["network_weights"]  # it was made above
        network.load_state_dict(weights)
        predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False)
        predictor.manual_initialization(network, manager, configuration, [weights], about, "nnUNetTrainer", None)
        image, properties = SimpleITKIO().read_images([str(raw / "imagesTr" / "scan005_0000.nii.gz")])
        _, shares = predictor.predict_single_npy_array(image, properties, None, None, True)
        place = CASES.index("scan005")
        (_, logits), *_ = found.models[fold].answers(found.images.take([place]))
        assert torch.softmax(logits, 0).numpy() == pytest.approx(np.asarray(shares), abs=2e-3)
        truth = nib.load(raw / "labelsTr" / "scan005.nii.gz").get_fdata().transpose(2, 1, 0)
        assert (found.images.labels[place].numpy() == truth).all()


@pytest.mark.slow
def test_a_copy_trained_on_learns_and_the_model_stays_as_it_was(root):
    from remnant.targets.objective import training_loss

    found = read_trained(folder_of(root), root / "nnUNet_raw" / SET, None)
    model = found.models[0]
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    copied = model.copied()
    images: Images = found.images.take([0])
    optimiser = torch.optim.Adam([one.requires_grad_() for one in copied.module.parameters()], lr=1e-2)
    losses = []
    for _ in range(12):
        optimiser.zero_grad()
        loss = training_loss(copied, images.images[0], images.labels[0])
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert all(torch.equal(value, before[name]) for name, value in model.module.state_dict().items())
    (_, own), (_, new) = next(model.answers(images)), next(copied.answers(images))
    assert not torch.allclose(own, new)


@pytest.mark.slow
def test_the_folder_is_audited_by_one_command(root, remnant, tmp_path):
    code, said, _ = remnant("audit", folder_of(root), "--data", root / "nnUNet_raw" / SET, "--out", tmp_path / "run")
    assert code == 3, said
    found = AuditResults.read(tmp_path / "run" / "results.json")
    assert found.cohort["patients"] == 11 and found.cohort["folds"] == FOLDS
    assert found.cohort["split over folds"] == 1
    assert "1 patient has cases in several folds" in found.notices[0]
    assert {one.attack for one in found.findings} == {
        "output",
        "parts",
        "label_only",
        "gradient",
        "references",
        "fold rank",
    }
    assert {one.kind for one in found.controls} == {"blind", "fit", "planted"}
    assert len(found.checkpoints) == FOLDS
    text = (tmp_path / "run" / "results.json").read_text() + (tmp_path / "run" / "report.html").read_text()
    assert not any(case in text for case in CASES)
