"""Time an adversarial step of Privacy-Net as Remnant takes it against plain PyTorch, in one run.

    python benchmarks/adversarial_step.py [--preset cpu] [--threads 2] [--out docs/results/speed/adversarial_step.json]

`remnant` is `train_adversarially` itself: channels last, and under bfloat16 autocast where the processor has AMX. `plain`
trains the same networks from the same weights on the same patches, with the same losses and optimisers, in contiguous float32.
They take turns, a round of so many steps each; `ratio` is the quotient of their median seconds a step. `first` holds the
mean terms of each one's first round, which show that both compute the same.
"""

import argparse
import copy
import shlex
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from _phantom_scans import phantom_scans

from remnant.base import provenance
from remnant.base.files import write_json
from remnant.base.seeds import Seeds
from remnant.cohort.case import CLASSES
from remnant.cohort.images import Images
from remnant.defenses.privacynet.drawing import pair_drawing
from remnant.defenses.privacynet.losses import SEGMENTATION, published_term, same_patient_loss
from remnant.defenses.privacynet.networks import Networks
from remnant.defenses.privacynet.settings import PrivacyNetSettings, Schedule, privacynet_preset
from remnant.defenses.privacynet.training import train_adversarially
from remnant.engine.adversarial import REPORT_EVERY
from remnant.engine.device import fabric

SCHEME = "tissue5"
SEEDS = Seeds(0).child("adversarial_step")
ENCODER_TERMS = ("segmentation", "hiding")


def sessions(patients: int, side: int) -> Images:
    """Two sessions each of so many phantoms."""
    images, labels = phantom_scans(patients, side, 0, SCHEME, sessions=2)
    whose = tuple(str(patient) for patient in range(patients) for _ in range(2))
    return Images(images, labels, whose, classes=CLASSES[SCHEME])


def remnant_round(networks: Networks, scans: Images, settings: PrivacyNetSettings) -> tuple[float, dict[str, float]]:
    """Seconds of a round, and the means of its terms."""
    told: dict[str, Any] = {}

    def report(step: int, terms: dict[str, float]) -> None:
        told.update(at=time.perf_counter(), terms=terms)

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        train_adversarially(networks, scans, settings, SEEDS, Path(folder) / "state.pt", report)
    return told["at"] - started, told["terms"]


def plain_round(networks: Networks, scans: Images, settings: PrivacyNetSettings) -> tuple[float, dict[str, float]]:
    """The same as a tutorial would write it."""
    started = time.perf_counter()
    encoder, segmenter, discriminator = (
        network.to(fabric().device).train()
        for network in (networks.encoder, networks.segmenter, networks.discriminator)
    )
    rate, segmentation_loss = settings.adversarial.learning_rate, SEGMENTATION[settings.segmentation]
    hiding = torch.optim.Adam([*encoder.parameters(), *segmenter.parameters()], rate)
    seeking = torch.optim.Adam(discriminator.parameters(), rate)
    draw = pair_drawing(scans, settings, SEEDS.child("adversarial"))
    terms: dict[str, float] = {}
    for step in range(settings.adversarial.steps):
        batch = draw(step)
        images = batch.scans.contiguous()
        codes = encoder(images)
        loss = same_patient_loss(discriminator(*codes.detach().chunk(2)), batch.same)
        seeking.zero_grad()
        loss.backward()
        seeking.step()
        values = {
            "segmentation": segmentation_loss(segmenter(codes), batch.labels),
            "hiding": published_term(discriminator(*codes.chunk(2)), batch.same),
        }
        hiding.zero_grad()
        (values["segmentation"] + settings.lambda_ * values["hiding"]).backward()
        hiding.step()
        for term, value in {"same patient": loss, **values}.items():
            terms[term] = terms.get(term, 0.0) + value.item() / settings.adversarial.steps
    return time.perf_counter() - started, terms


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=("cpu", "paper"), default="cpu", help="the sizes of networks and patches")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", type=int, default=64, help="of the phantoms, in voxels")
    parser.add_argument("--steps", type=int, default=REPORT_EVERY, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("docs/results/speed/adversarial_step.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = privacynet_preset(options.preset)
    rate = settings.adversarial.learning_rate
    settings = settings.changed(adversarial=Schedule(steps=options.steps, learning_rate=rate))
    scans = sessions(settings.batch, options.side)
    networks = {"remnant": Networks.untrained(settings, scans.classes, SEEDS)}
    networks["plain"] = copy.deepcopy(networks["remnant"])
    rounds = {"remnant": remnant_round, "plain": plain_round}
    first: dict[str, dict[str, float]] = {}
    seconds: dict[str, list[float]] = {way: [] for way in rounds}
    # The first round wakes the libraries and is not counted.
    for number in range(options.rounds + 1):
        for way, work in rounds.items():
            taken, terms = work(networks[way], scans, settings)
            if number:
                seconds[way].append(taken / options.steps)
            else:
                first[way] = {term: terms[term] for term in ("same patient", *ENCODER_TERMS)}
    median = {way: statistics.median(values) for way, values in seconds.items()}
    ratio = median["plain"] / median["remnant"]
    print(f"{median['remnant']:.3f} s a step, plain PyTorch {median['plain']:.3f} s, {ratio:.2f} times as long")
    write_json(
        options.out,
        {
            "command": shlex.join(["python", "benchmarks/adversarial_step.py", *sys.argv[1:]]),
            "hardware": provenance.hardware() | {"threads": options.threads},
            "versions": provenance.versions(),
            "precision": fabric().strategy.precision.precision,
            "preset": options.preset,
            "patch": settings.patch,
            "pairs": settings.batch,
            "steps_a_round": options.steps,
            "ratio": ratio,
            "median_seconds": median,
            "seconds": seconds,
            "first": first,
        },
    )
    print(f"Wrote {options.out}")


if __name__ == "__main__":
    main()
