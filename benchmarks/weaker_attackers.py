"""How far do attackers get who lack the encoder or the latents? Tried on phantoms, who are never reported.

    python benchmarks/weaker_attackers.py [--run runs/weaker-attackers] [--out docs/results/phantoms] [--resume]

Two tables about a U-Net and a SegNet trained on six phantom members at 4 mm, in `weaker_attackers.json`:
`surrogate`: how the twelve patients whom the attacker does not own are drawn and found among 24 (`_phantom_attack`) by a
decoder of the attacker's own encoder, under each alignment of the target's latents; `gain` is on no alignment. Controls:
`encoder` draws with the target's encoder; `shuffled` hands out each patient's latent as another's; `untrained` feeds the
latents of an encoder that was never trained. `recovery`: whether latents that are searched by the target's confidence draw
heads nearer to its six members than to six non-members, beyond the random latents that the searches started from, and the
same for a target that was trained on the non-members instead.
"""

from pathlib import Path
from typing import Any

import torch
from _phantom_attack import attacked, gain_row, options_of, run_benchmark, scores, target_cell, write_tables

from remnant.attacks.decoder import reconstruct
from remnant.attacks.linear import LinearSettings, train_linear
from remnant.attacks.recovery import RecoverySettings, recover
from remnant.attacks.surrogate import SurrogateSettings, decoder_for, train_surrogate
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.phantoms import BrainPhantoms
from remnant.cohort.prepare.volumes import PreparationSettings
from remnant.engine.cells import Cell
from remnant.engine.loop import FitSettings
from remnant.measure.images import union_box
from remnant.measure.pull import membership_pull
from remnant.measure.ssim import ssim_matrix
from remnant.studies.subbanna2021.folds import read_fold
from remnant.targets.access import StolenLatents, latents_of, weights_of
from remnant.targets.checkpoint import load_checkpoint
from remnant.targets.segmenter import SegmenterSettings

NETWORKS = ("unet", "segnet")
SEGMENTER = SegmenterSettings(fit=FitSettings(epochs=40, learning_rate=3e-3))
DECODER = LinearSettings(pairs=300)
ALIGNMENTS = ("none", "permutation", "ridge")
ENCODERS = (1, 3)


def surrogate_cell(run: Run, network: str, encoders: int, seed: int) -> dict[str, Any]:
    """Train the surrogate, and draw from the target's latents under each alignment and from those of the controls."""
    data, access, own = attacked(run, network)
    name = f"{network}-surrogate{encoders}"
    labels = data.labels[data.where("attacker")]
    settings = SurrogateSettings(encoders=encoders, segmenter=SEGMENTER)

    def report(epoch: int, loss: float, _: float | None) -> None:
        run.log(name, "epoch", epoch=epoch + 1, loss=loss)

    classes, seeds = len(data.classes), Seeds(seed).child(name)
    surrogate = train_surrogate(own, labels, classes, network, settings, "linear", DECODER, seeds, report)
    stolen = StolenLatents(access.latents)
    found = {}
    for how in ALIGNMENTS:
        drawn = reconstruct(decoder_for(surrogate, stolen, how), stolen.latents)
        found[how] = scores(data, drawn)
        found[f"{how}-shuffled"] = scores(data, drawn.roll(1, 0))
    torch.manual_seed(seeds.child("untrained").integer)
    blank = SEGMENTER.build(network, len(data.classes))
    private = [*data.where("member"), *data.where("non_member")]
    untrained = StolenLatents(latents_of(blank, data.images[private]).latents)
    for how in ALIGNMENTS:
        found[f"{how}-untrained"] = scores(data, reconstruct(decoder_for(surrogate, untrained, how), untrained.latents))
    return found


def encoder_cell(run: Run, network: str, seed: int) -> dict[str, Any]:
    """The attacker who holds the target's encoder."""
    data, access, own = attacked(run, network)
    model = train_linear(access, own, DECODER, Seeds(seed).child(f"attack-{network}"), lambda *_: None)
    return scores(data, reconstruct(model, access.latents))


def recovery_cell(run: Run, network: str, group: str, seed: int) -> dict[str, Any]:
    """Search latents of the target that was trained on `group`; its pull towards that group, and the control's."""
    data = read_fold(run, 0)
    target = load_checkpoint(run.checkpoints / f"{network}{'' if group == 'member' else '-' + group}.safetensors")
    own, seeds = data.images[data.where("attacker")], Seeds(seed).child(f"recovery-{network}-{group}")
    decoder = train_linear(latents_of(target, own), own, DECODER, seeds.child("decoder"), lambda *_: None)
    found = recover(weights_of(target), own, decoder, RecoverySettings(), seeds)
    private = [*data.where("member"), *data.where("non_member")]
    gallery, box = data.images[private][:, 0].numpy(), union_box(data.images[:, 0].numpy(), margin=5)
    drawn, control = (ssim_matrix(images[:, 0].numpy(), gallery, box=box) for images in (found.images, found.control))
    trained_on = [data.groups[i] == group for i in private]

    def pull(name: str, *matrices: Any) -> dict[str, Any]:
        result = membership_pull(matrices[0], trained_on, seeds.child(name).numpy(), *matrices[1:])
        return {key: round(value, 5) for key, value in vars(result).items()}

    return {
        "entropy": round(float(found.entropy.mean()), 4),
        "control_entropy": round(float(found.control_entropy.mean()), 4),
        "searched": pull("searched", drawn),
        "random": pull("random", control),
        "beyond_random": pull("beyond", drawn, control),
    }


def tables(cells: dict[str, dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """A row a network, attacker and alignment; a row a network, group and comparison."""
    surrogate, recovery = [], []
    for network in NETWORKS:
        reference = cells[f"{network}-surrogate{ENCODERS[0]}"]["none"]
        key = {"network": network, "attacker": "encoder", "latents": "none"}
        surrogate.append(gain_row(key, cells[f"{network}-encoder"], reference))
        for encoders in ENCODERS:
            for latents, found in cells[f"{network}-surrogate{encoders}"].items():
                if latents != "seconds":
                    key = {"network": network, "attacker": f"surrogate{encoders}", "latents": latents}
                    surrogate.append(gain_row(key, found, reference))
        for group in ("member", "non_member"):
            cell = cells[f"{network}-recovery-{group}"]
            for name in ("searched", "random", "beyond_random"):
                entropies = {key: cell[key] for key in ("entropy", "control_entropy")}
                recovery.append({"network": network, "trained_on": group, "pull": name, **cell[name], **entropies})
    return {"surrogate": surrogate, "recovery": recovery}


def cells_of(network: str, seed: int) -> list[Cell]:
    """Targets of members and of non-members, and the attacks on them."""
    both = {"network": network, "seed": seed}
    train = {**both, "settings": SEGMENTER}
    cells = [
        Cell(network, target_cell, train),
        Cell(f"{network}-non_member", target_cell, {**train, "group": "non_member"}),
        Cell(f"{network}-encoder", encoder_cell, both, (network,)),
        Cell(f"{network}-recovery-member", recovery_cell, {**both, "group": "member"}, (network,)),
        Cell(
            f"{network}-recovery-non_member",
            recovery_cell,
            {**both, "group": "non_member"},
            (f"{network}-non_member",),
        ),
    ]
    for encoders in ENCODERS:
        arguments = {**both, "encoders": encoders}
        cells.append(Cell(f"{network}-surrogate{encoders}", surrogate_cell, arguments, (network,)))
    return cells


def main() -> None:
    options = options_of(__doc__.splitlines()[0], Path("runs/weaker-attackers"))
    cells = [cell for network in NETWORKS for cell in cells_of(network, options.seed)]
    phantoms = BrainPhantoms(patients=24, side=48, seed=options.seed)
    preparation = PreparationSettings(spacing_mm=4.0, bias_field="none")
    done = run_benchmark("weaker_attackers", options, phantoms, preparation, cells)
    settings = {"segmenter": SEGMENTER, "decoder": DECODER, "recovery": RecoverySettings()}
    write_tables(
        "weaker_attackers", options, {name: chosen.resolved() for name, chosen in settings.items()}, tables(done)
    )


if __name__ == "__main__":
    main()
