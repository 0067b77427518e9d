"""The study's independent pieces: a segmenter for each fold and network, an attack for each of its decoders."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.decoder import DECODERS, reconstruct
from remnant.base.provenance import sha256
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.engine.cells import Cell
from remnant.engine.device import in_batches
from remnant.engine.loop import EpochReport
from remnant.measure.images import union_box
from remnant.measure.overlap import dice
from remnant.measure.similarity import MATRICES
from remnant.report.private import write_reconstructions
from remnant.studies.subbanna2021.folds import FoldData, read_fold
from remnant.studies.subbanna2021.settings import METRICS, StudySettings
from remnant.targets.access import latents_of
from remnant.targets.checkpoint import load_checkpoint, save_checkpoint
from remnant.targets.segmenter import train_segmenter

# Half an SSIM window around the heads, so that every voxel of a head is the centre of a window.
BOX_MARGIN = 5


def cells_of(settings: StudySettings) -> list[Cell]:
    """Every cell; the attacks of the longest training first, since the last to start decides when the study ends."""
    shared = {"settings": settings}
    targets, attacks = [], []
    for network in settings.networks:
        for fold in range(settings.folds):
            name = f"segmenter-{network}-fold{fold}"
            targets.append(Cell(name, segmenter_cell, {"network": network, "fold": fold, **shared}))
            for decoder in settings.decoders:
                arguments = {"network": network, "fold": fold, "decoder": decoder, **shared}
                attacks.append(Cell(f"attack-{network}-fold{fold}-{decoder}", attack_cell, arguments, (name,)))
    return targets + sorted(attacks, key=lambda cell: cell.arguments["decoder"] != "default")


def segmenter_cell(run: Run, network: str, fold: int, settings: StudySettings) -> dict[str, Any]:
    """Train the target on the members' first scans, so that their other sessions are scans it never saw."""
    name = f"segmenter-{network}-fold{fold}"
    data = read_fold(run, fold)
    members = data.where("member", 1)
    model = train_segmenter(
        network,
        data.images[members],
        data.labels[members],
        len(data.classes),
        settings.segmenter,
        Seeds(settings.seed).child(name),
        _epoch_log(run, name),
    )
    path = _target_path(run, network, fold)
    chosen = settings.segmenter
    arguments = {
        "architecture": network,
        "classes": len(data.classes),
        "widths": chosen.widths,
        "norm": chosen.norm,
    }
    save_checkpoint(path, model, {**arguments, "unpool": chosen.unpool})
    return {"checkpoint": path.name, "sha256": sha256(path)}


def attack_cell(run: Run, network: str, fold: int, decoder: str, settings: StudySettings) -> dict[str, Any]:
    """Train an inversion decoder on the attacker's scans, redraw the others', and hold them against the gallery."""
    name = f"attack-{network}-fold{fold}-{decoder}"
    data = read_fold(run, fold)
    target = load_checkpoint(_target_path(run, network, fold))
    attacked = [*data.where("member"), *data.where("non_member")]
    own = data.images[data.where("attacker")]
    access = latents_of(target, data.images[attacked])
    attack, chosen = DECODERS[decoder], getattr(settings, decoder)
    model = attack.train(access, own, chosen, Seeds(settings.seed).child(name), _epoch_log(run, name))
    drawn = reconstruct(model, access.latents)
    kept = run.private / "decoders" / f"{name}.safetensors"
    save_checkpoint(kept, model, attack.arguments(chosen, model))
    who = {key: [getattr(data, key)[i] for i in attacked] for key in ("pseudonyms", "groups", "sessions")}
    write_reconstructions(
        run.path,
        name,
        network=network,
        decoder=decoder,
        pseudonyms=who["pseudonyms"],
        groups=who["groups"],
        sessions=[str(session) for session in who["sessions"]],
        originals=data.images[attacked][:, 0].numpy(),
        reconstructions=drawn[:, 0].numpy(),
    )
    return {
        **who,
        "gallery": [[data.pseudonyms[i], data.sessions[i]] for i in range(len(data.images))],
        **_similarities(data, drawn, own),
        "dice": _overlaps(data, attacked, drawn, target),
        "classes": data.classes,
    }


def _similarities(data: FoldData, drawn: Tensor, own: Tensor) -> dict[str, Any]:
    """Matrices of the reconstructions, and rows of the attacker's mean image, against every scan of the cohort."""
    gallery = data.images[:, 0].numpy()
    box = union_box(gallery, margin=BOX_MARGIN)
    mean_image = own.mean(0).numpy()
    matrices, means = {}, {}
    for metric in METRICS:
        similarity = MATRICES[metric]
        matrices[metric] = similarity.matrix(drawn[:, 0].numpy(), gallery, box=box).tolist()
        means[metric] = similarity.matrix(mean_image, gallery, box=box)[0].tolist()
    grid = gallery.shape[1:]
    described = {metric: MATRICES[metric].describe(grid, box) for metric in METRICS}
    return {"similarity": matrices, "mean_image": means, "measures": described}


def _overlaps(data: FoldData, attacked: list[int], drawn: Tensor, target: Any) -> dict[str, list[list[float | None]]]:
    """Dice per scan and class: the target's segmentation of the original and of the reconstruction."""
    classes = len(data.classes)
    manual = data.labels[attacked].numpy()
    of_original = _segment(target, data.images[attacked])
    of_drawn = _segment(target, drawn)
    pairs = {
        "original": (of_original, manual),
        "reconstruction": (of_drawn, manual),
        "reconstruction_vs_original": (of_drawn, of_original),
    }
    return {
        image: [[None if np.isnan(value) else value for value in row] for row in dice(a, b, classes).tolist()]
        for image, (a, b) in pairs.items()
    }


def _segment(target: Any, images: Tensor) -> np.ndarray:
    return torch.cat([target.segment(batch).cpu() for batch in in_batches(images)]).numpy()


def _target_path(run: Run, network: str, fold: int) -> Path:
    return run.checkpoints / f"{network}-fold{fold}.safetensors"


def _epoch_log(run: Run, cell: str) -> EpochReport:
    def report(epoch: int, loss: float, validation: float | None) -> None:
        run.log(cell, "epoch", epoch=epoch + 1, loss=loss, validation=validation)

    return report
