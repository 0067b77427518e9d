"""Where the study keeps trained networks, and what is claimed of each."""

from pathlib import Path

from remnant.base.run import Run
from remnant.nets.segmenter import Segmenter
from remnant.studies.subbanna2021.experiments import EXPERIMENTS, TARGETS, checkpoint_name, trained_name
from remnant.targets.checkpoint import load_checkpoint

# In RUN/private: the attacker's own networks, claims and decoders, a folder a trained target.
SUBJECTS = "subjects"


def load_target(run: Run, network: str, fold: int, target: str) -> Segmenter:
    """The segmenter that `segmenter_cell` trained."""
    folder = run.checkpoints if TARGETS[target].group == "member" else run.private / SUBJECTS
    return load_checkpoint(folder / checkpoint_name(network, fold, target))


def part_of(run: Run, network: str, fold: int, target: str) -> Run:
    """The run for one trained target: what is claimed of it lies in a folder of its own."""
    return run.part(f"{SUBJECTS}/{trained_name(network, fold, target)}")


def decoder_folder(run: Run, network: str, fold: int, experiment: str) -> Path:
    """Where the decoder of an experiment lies, which it may share with the one that trained it."""
    chosen = EXPERIMENTS[experiment]
    return part_of(run, network, fold, chosen.target).private / "work" / (chosen.trained_by or experiment)
