"""A run of `remnant protect train`, opened: its networks, and what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from remnant.audit.config import About
from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.provenance import sha256
from remnant.base.results import Value
from remnant.base.run import Run
from remnant.cohort.case import Case
from remnant.cohort.images import Images
from remnant.cohort.prepare.template import Template
from remnant.defenses.privacynet.deploy import MARGIN
from remnant.defenses.privacynet.networks import ENCODER, SEGMENTER, Client, load_client, load_discriminator
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.defenses.privacynet.train import PATIENTS, STUDY
from remnant.defenses.privacynet.view import View
from remnant.measure.correlation import ncc_matrix
from remnant.nets.siamese import Siamese


@dataclass(frozen=True)
class TrainedNet:
    """The `run` of training, what a `client` loads of it, and both networks as they are used (`view`)."""

    run: Run
    client: Client
    view: View

    @property
    def discriminator(self) -> Siamese | None:
        """Whom the encoder was trained against, where it was."""
        return load_discriminator(self.run.path)

    @property
    def template(self) -> Template | None:
        """What scans are aligned to; None where they are only centred."""
        return None if self.client.template is None else Template(self.client.template.numpy(), self.client.grid)

    @cached_property
    def checkpoints(self) -> dict[str, str]:
        """SHA-256 of the networks' files by name."""
        return {name: sha256(self.run.checkpoints / name) for name in (ENCODER, SEGMENTER)}

    def said(self, about: About) -> dict[str, Value]:
        """What is known of the networks, for the decision sheet."""
        net = PrivacyNetSettings.checked(**read_json(self.run.path / "config.json"))
        return {
            "name": about.model or self.run.path.resolve().name,
            "version": about.version or None,
            "architecture": f"Privacy-Net, {net.method}",
            # Of the encoder, by which a client knows whose codes are meant.
            "sha256": self.checkpoints[ENCODER],
            "adversary": net.adversary,
            "lambda": net.lambda_,
            "voxels_mm": self.view.spacing_mm,
        }

    def check_likeness(self, cases: Sequence[Case], scans: Images) -> None:
        """Raise `RemnantError` for a scan that is less like the template than any that the networks were trained on."""
        if self.client.template is None:
            return
        least = self.client.likeness
        found = ncc_matrix(scans.images[:, 0].numpy(), self.client.template.numpy()[None])[:, 0]
        worst = int(found.argmin())
        if found[worst] < least - MARGIN:
            raise RemnantError(
                f"{cases[worst].image} does not look like the scans of the training (correlation with their mean "
                f"{found[worst]:.2f}, theirs at least {least:.2f}); check its contrast and orientation, or leave it out."
            )


def open_trained(folder: Path) -> TrainedNet:
    """The run in `folder`; raises `RemnantError` where it is none, where its patients are no longer known, and for networks that
    were not trained together."""
    # First whether it is such a run: in anything else files of networks would be sought in vain.
    if not (folder / "run.json").is_file():
        raise RemnantError(f"{folder} is no run of `remnant protect train`; give the folder that its --out named.")
    run = Run.open(folder)
    if read_json(run.path / "run.json").get("study") != STUDY or not (run.private / PATIENTS).exists():
        raise RemnantError(
            f"{folder} does not say who trained its networks, so that nobody can be attacked as unseen; "
            "give a run of `remnant protect train` that was not purged."
        )
    return TrainedNet(run, load_client(folder), View.load(folder))
