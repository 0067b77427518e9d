"""Latents that nobody handed over: searched by the target's confidence, drawn, and held against members and others.

An experiment of its own beside the study's: what it draws claims to show nobody in particular, so that there is no own
original. Asked is whether it lies nearer to members than to non-members, and nearer than random latents do.
"""

from typing import Any

from remnant.attacks.decoder import kept_decoder
from remnant.attacks.recovery import recover
from remnant.audit.cells.kept import keep_similarities
from remnant.audit.findings.gains import Similarities, gain_control
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.images import union_box
from remnant.measure.pull import membership_pull
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.measure.ssim import ssim_matrix
from remnant.studies.subbanna2021.folds import decoder_folder, load_target, part_of, read_fold
from remnant.studies.subbanna2021.scores import BOX_MARGIN
from remnant.studies.subbanna2021.settings import StudySettings
from remnant.targets.access import weights_of

# What findings call the attack.
RECOVERED = "recovered latents"
# What is drawn of: the latents found, the random ones that each search began with, and what the first has beyond these.
DRAWN = ("searched", "random", "beyond_random")


def recovered_cell_name(network: str, fold: int) -> str:
    """The cell that searches the latents of one target."""
    return f"recovered-{network}-fold{fold}"


def recovered_cell(run: Run, network: str, fold: int, decoder: str, settings: StudySettings) -> dict[str, Any]:
    """Search the latents of one target, draw them by the inversion decoder of the experiment `decoder`, and keep how near they
    come to members and non-members."""
    data, seeds = read_fold(run, fold), Seeds(settings.seed).child(recovered_cell_name(network, fold))
    target = load_target(run, network, fold, "standard")
    inversion = kept_decoder(decoder_folder(run, network, fold, decoder))
    own = data.images[data.where("attacker")]
    found = recover(weights_of(target), own, inversion, settings.recovery, seeds)
    others = [*data.where("member", visit=1), *data.where("non_member", visit=1)]
    gallery = data.images[others][:, 0].numpy()
    box = union_box(gallery, margin=BOX_MARGIN)
    drawn, control = (ssim_matrix(images[:, 0].numpy(), gallery, box=box) for images in (found.images, found.control))
    member = [data.roles[i] == "member" for i in others]
    names = tuple(data.patients[i] for i in others)
    roles = {name: MEMBER if one else NON_MEMBER for name, one in zip(names, member, strict=True)}
    near = Similarities("ssim", names, drawn, {"random": control})
    keep_similarities(part_of(run, network, fold, "standard"), RECOVERED, [near])
    themselves = ssim_matrix(gallery[member][: len(drawn)], gallery, box=box)
    known = {
        "null": Similarities("ssim", names, control[::2], {"random": control[1::2]}),
        "planted": Similarities("ssim", names, themselves, {"random": control}),
    }
    controls = [gain_control(kind, RECOVERED, one, roles, seeds.child(kind)) for kind, one in known.items()]
    pulls = {
        "searched": membership_pull(drawn, member, seeds.child("searched").numpy()),
        "random": membership_pull(control, member, seeds.child("random").numpy()),
        "beyond_random": membership_pull(drawn, member, seeds.child("beyond").numpy(), control),
    }
    entropies = {"searched": found.entropy, "random": found.control_entropy}
    return {
        "network": network,
        "fold": fold,
        "near": roles,
        "controls": [one.model_dump(mode="json") for one in controls],
        "recovered": [
            {
                "network": network,
                "fold": fold,
                "drawn": kind,
                "n": pulls[kind].members + pulls[kind].non_members,
                "images": pulls[kind].drawn,
                "difference": pulls[kind].difference,
                "p": pulls[kind].p,
                "detectable": pulls[kind].detectable,
                "entropy": float(entropies[kind].mean()) if kind in entropies else None,
            }
            for kind in DRAWN
        ],
    }


def recovered_rows(cells: dict[str, dict[str, Any]]) -> list[Row]:
    """The rows of every such cell."""
    return [row for cell in cells.values() for row in cell.get("recovered", [])]
