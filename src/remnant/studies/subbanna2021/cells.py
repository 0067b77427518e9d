"""The study's independent pieces: a segmenter for each fold and network, an attack for each of its decoders."""

from typing import Any

from remnant.attacks.alignment import align
from remnant.attacks.decoder import DECODERS, load_decoder, reconstruct
from remnant.base.provenance import sha256
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.engine.loop import epoch_log
from remnant.nets.segmenter import Segmenter
from remnant.report.private import write_reconstructions
from remnant.studies.subbanna2021.experiments import (
    EXPERIMENTS,
    TARGETS,
    attack_cell_name,
    checkpoint_name,
    target_cell_name,
)
from remnant.studies.subbanna2021.folds import read_fold
from remnant.studies.subbanna2021.scores import overlaps, similarities
from remnant.studies.subbanna2021.settings import StudySettings
from remnant.targets.access import Latents, latents_of
from remnant.targets.checkpoint import load_checkpoint, save_checkpoint
from remnant.targets.segmenter import SegmenterSettings, train_segmenter


def segmenter_cell(run: Run, network: str, fold: int, target: str, settings: StudySettings) -> dict[str, Any]:
    """Train a segmenter on the first scans of its group, so that their other sessions are scans it never saw."""
    name = target_cell_name(network, fold, target)
    kind = TARGETS[target]
    chosen: SegmenterSettings = getattr(settings, kind.settings)
    data = read_fold(run, fold).seen_by(kind)
    own = data.where(kind.group, 1)[: settings.few if kind.few else None]
    seeds = Seeds(settings.seed).child(name)
    images, labels, classes = data.images[own], data.labels[own], len(data.classes)
    model = train_segmenter(network, images, labels, classes, chosen, seeds, epoch_log(run, name))
    # A segmenter trained on the attacker's patients is the attacker's, not the owner's to publish.
    folder = run.checkpoints if kind.group == "member" else run.private / "decoders"
    path = folder / checkpoint_name(network, fold, target)
    save_checkpoint(path, model, chosen.arguments(network, classes))
    return {"checkpoint": path.name, "sha256": sha256(path)} if kind.group == "member" else {}


def attack_cell(run: Run, network: str, fold: int, experiment: str, settings: StudySettings) -> dict[str, Any]:
    """Train an inversion decoder on the attacker's scans, redraw the others', and hold them against the gallery."""
    name, chosen = attack_cell_name(network, fold, experiment), EXPERIMENTS[experiment]
    data = read_fold(run, fold).seen_by(TARGETS[chosen.target])
    target = load_target(run, network, fold, chosen.target)
    attacked = data.attacked(settings.few if TARGETS[chosen.target].few else None)
    own = data.images[data.where("attacker")]
    access = latents_of(target, data.images[attacked])
    if chosen.encoder:
        ours = latents_of(load_target(run, network, fold, chosen.encoder), own)
        taken = align(access.latents, ours.latents, chosen.alignment)
        access = Latents(ours.encoder, taken(access.latents))
    decoders = run.private / "decoders"
    if chosen.trained_by:
        model = load_decoder(decoders / f"{attack_cell_name(network, fold, chosen.trained_by)}.safetensors")
    else:
        decoder, recipe = DECODERS[chosen.decoder], getattr(settings, chosen.decoder)
        model = decoder.train(access, own, recipe, Seeds(settings.seed).child(name), epoch_log(run, name))
        save_checkpoint(decoders / f"{name}.safetensors", model, decoder.arguments(recipe, model))
    drawn = reconstruct(model, access.latents)
    skull = settings.skull and not TARGETS[chosen.target].stripped
    who = {key: [getattr(data, key)[i] for i in attacked] for key in ("pseudonyms", "groups", "sessions")}
    write_reconstructions(
        run.path,
        name,
        network=network,
        decoder=experiment,
        pseudonyms=who["pseudonyms"],
        groups=who["groups"],
        sessions=[str(session) for session in who["sessions"]],
        originals=data.images[attacked][:, 0].numpy(),
        reconstructions=drawn[:, 0].numpy(),
    )
    return {
        **who,
        "network": network,
        "experiment": experiment,
        "gallery": [[data.pseudonyms[i], data.sessions[i]] for i in range(len(data.images))],
        **similarities(data, drawn, target, settings.metrics, skull=skull),
        "dice": overlaps(data, attacked, drawn, target),
        "classes": data.classes,
    }


def load_target(run: Run, network: str, fold: int, target: str) -> Segmenter:
    """The segmenter that `segmenter_cell` trained."""
    folder = run.checkpoints if TARGETS[target].group == "member" else run.private / "decoders"
    return load_checkpoint(folder / checkpoint_name(network, fold, target))
