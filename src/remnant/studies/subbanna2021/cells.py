"""The study's independent pieces: a segmenter for each fold and network, an attack for each of its decoders."""

from dataclasses import replace
from typing import Any

from remnant.attacks.alignment import align
from remnant.attacks.attack import Reconstructions, Work
from remnant.attacks.decoder import claimed, decoder_attack, kept_decoder
from remnant.audit.cells.kept import keep_reconstructions
from remnant.audit.findings.identified import null_controls
from remnant.base.provenance import sha256
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images, stacked
from remnant.engine.loop import epoch_log
from remnant.nets.segmenter import Segmenter
from remnant.studies.subbanna2021.experiments import (
    EXPERIMENTS,
    TARGETS,
    attack_cell_name,
    called,
    checkpoint_name,
    target_cell_name,
)
from remnant.studies.subbanna2021.folds import (
    SUBJECTS,
    attacked_in,
    decoder_folder,
    load_target,
    part_of,
    read_fold,
    seen_by,
)
from remnant.studies.subbanna2021.scores import overlaps, similarities
from remnant.studies.subbanna2021.settings import StudySettings
from remnant.targets.access import latents_of
from remnant.targets.checkpoint import save_checkpoint
from remnant.targets.seen import SeenLatents
from remnant.targets.segmenter import SegmenterSettings, train_segmenter


def segmenter_cell(run: Run, network: str, fold: int, target: str, settings: StudySettings) -> dict[str, Any]:
    """Train a segmenter on the first scans of its group, so that their other sessions are scans it never saw."""
    name = target_cell_name(network, fold, target)
    kind = TARGETS[target]
    chosen: SegmenterSettings = getattr(settings, kind.settings)
    data = seen_by(read_fold(run, fold), kind)
    own = data.where(kind.group, visit=1)[: settings.few_of(target)]
    seeds = Seeds(settings.seed).child(name)
    images, labels, classes = data.images[own], data.labels[own], len(data.classes)
    model = train_segmenter(network, images, labels, classes, chosen, seeds, epoch_log(run, name))
    # A segmenter trained on the attacker's patients is the attacker's, not the owner's to publish.
    folder = run.checkpoints if kind.group == "member" else run.private / SUBJECTS
    path = folder / checkpoint_name(network, fold, target)
    save_checkpoint(path, model, chosen.arguments(network, classes))
    return {"checkpoint": path.name, "sha256": sha256(path)} if kind.group == "member" else {}


def attack_cell(run: Run, network: str, fold: int, experiment: str, settings: StudySettings) -> dict[str, Any]:
    """Run an inversion attack on the latents of one target, keep what it claims, and hold that against the gallery."""
    chosen = EXPERIMENTS[experiment]
    data = seen_by(read_fold(run, fold), TARGETS[chosen.target])
    target = load_target(run, network, fold, chosen.target)
    attacked = attacked_in(data, settings.few_of(chosen.target))
    asked = data.take(attacked)
    claim = _claim(run, network, fold, experiment, data, asked, settings)
    part = part_of(run, network, fold, chosen.target)
    keep_reconstructions(part, experiment, [claim])
    draw = Seeds(settings.seed).child("audit", "exchanged").numpy()
    skull = settings.skull and not TARGETS[chosen.target].stripped
    return {
        "pseudonyms": asked.patients,
        "groups": asked.roles,
        "sessions": asked.visits,
        "network": network,
        "fold": fold,
        "experiment": experiment,
        "gallery": list(zip(data.patients, data.visits, strict=True)),
        **similarities(data, claim.images, target, settings.metrics, skull=skull),
        "dice": overlaps(data, attacked, claim.images, target),
        "classes": data.classes,
        "controls": [one.model_dump(mode="json") for one in null_controls(experiment, claim, asked, draw)],
    }


def _claim(
    run: Run, network: str, fold: int, experiment: str, data: Images, asked: Images, settings: StudySettings
) -> Reconstructions:
    """What the attack of an experiment draws of the scans that are `asked` about, by the latents that it is handed."""
    name, chosen = attack_cell_name(network, fold, experiment), EXPERIMENTS[experiment]
    own = data.take(data.where("attacker"))
    access = seen(load_target(run, network, fold, chosen.target), asked)
    if chosen.encoder:
        ours = seen(load_target(run, network, fold, chosen.encoder), own)
        taken = align(access.latents, ours.latents, chosen.alignment)
        access = replace(ours, latents=taken(access.latents), patients=access.patients)
    # Several experiments with one decoder are several claims.
    folder, view = decoder_folder(run, network, fold, experiment), f"latents, {called(experiment)}"
    if chosen.trained_by:
        return replace(claimed(kept_decoder(folder), access, own, chosen.decoder), view=view)
    work = Work(Seeds(settings.seed).child(name), folder, hear=epoch_log(run, name))
    (claim,) = decoder_attack(chosen.decoder).run(access, own, getattr(settings, chosen.decoder), work)
    return replace(claim, view=view)


def seen(target: Segmenter, images: Images) -> SeenLatents:
    """The access of Subbanna 2021: images go through the encoder, and only latents leave."""
    found = latents_of(target, stacked(images.images))
    return SeenLatents(found.latents, images.patients, tuple(images.images[0].shape), found.encoder, "encoder")
