"""People whose scans are sent as codes: codes that are the scans themselves, and codes that hold nothing."""

from dataclasses import replace

import numpy as np
import torch
from scipy import ndimage
from torch import nn

from remnant.attacks.adversaries import AdversarySettings
from remnant.attacks.code_attributes import CODE_ATTRIBUTES, CodeAttributeSettings
from remnant.attacks.code_inversion import CODE_INVERSION, CodeInversionSettings
from remnant.attacks.reidentify import ReidentifierSettings
from remnant.attacks.verification import VERIFICATION, VerificationSettings
from remnant.audit.findings.worth import WorthSettings
from remnant.audit.materials.material import Material
from remnant.audit.materials.sent import Sent, ServedNetwork
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.defenses.privacynet.view import View
from remnant.engine.loop import FitSettings
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead

SIDE = 16
ONCE = FitSettings(epochs=2, learning_rate=1e-3)
QUICK = {
    VERIFICATION.name: VerificationSettings(
        adversaries=AdversarySettings(
            trunks=("resnet_small",), seeds=1, reidentifier=ReidentifierSettings(pairs=4, batch=2, fit=ONCE)
        ),
        negatives=4,
    ),
    CODE_INVERSION.name: CodeInversionSettings(widths=(4, 8), fit=FitSettings(epochs=2, learning_rate=5e-3), replays=1),
    CODE_ATTRIBUTES.name: CodeAttributeSettings(fit=FitSettings(epochs=25, learning_rate=3e-3), mirrored=False),
}


class Blank(nn.Module):
    """Codes that are all alike."""

    def forward(self, scans):
        return torch.full_like(scans, 0.5)


class Bright(nn.Module):
    """A segmenter: class 1 where a code is bright."""

    def __init__(self):
        super().__init__()
        self.out = nn.Conv3d(1, 2, 1).requires_grad_(False)
        self.out.weight.copy_(torch.tensor([-20.0, 20.0]).reshape(2, 1, 1, 1, 1))
        self.out.bias.copy_(torch.tensor([8.0, -8.0]))

    def forward(self, codes):
        return self.out(codes)


def people(patients, seed=0, visits=2):
    """Scans of so many people, each a pattern of his own with a little noise on each visit; men are brighter on top."""
    draw = np.random.default_rng(seed)
    images, ages, sexes = [], [], []
    common = ndimage.gaussian_filter(draw.normal(size=(SIDE,) * 3), 3)
    for number in range(patients):
        own = ndimage.gaussian_filter(draw.normal(size=(SIDE,) * 3), 2)
        head = 0.4 + 0.1 * common / common.std() + 0.1 * own / own.std()
        head[:, :, SIDE // 2 :] += 0.2 * (number % 2)
        for _ in range(visits):
            scan = np.clip(head + draw.normal(scale=0.02, size=head.shape), 0, 1)
            images.append(torch.from_numpy(scan[None].astype(np.float32)))
            ages.append(30.0 + 40 * draw.random())
            sexes.append(float(number % 2))
    ages = np.repeat(ages[::visits], visits)
    names = tuple(f"p{number}" for number in range(patients) for _ in range(visits))
    labels = tuple((image[0] > 0.4).long() for image in images)
    return Images(tuple(images), labels, names, {"age": ages, "sex": np.array(sexes)})


def material(leaks=True, members=10, others=14, details=True, secret=None, encoder=None, real=None):
    """Everything an audit of codes works on; `leaks`: the codes are the scans themselves, else they are all alike."""
    images = people(members + others)
    if not details:
        images = replace(images, details={})
    encoder = encoder or (nn.Identity() if leaks else Blank())
    view = View(encoder.eval(), Bright().eval(), secret, SIDE, 4.0)
    sent = Sent(
        view,
        Seeds(0).child("sent"),
        images,
        real=real,
        classes=("none", "head"),
        worth=WorthSettings(degraded=2),
    )
    served = ServedNetwork(sent).eval()
    roles = {f"p{i}": MEMBER if i < members else NON_MEMBER for i in range(members + others)}
    target = Audited(served, OutputHead("segmentation", "softmax", 2, False), lambda batch: served(batch), batch=2)
    return Material(target, images, roles, {"name": "n"}, sent=sent, settings=QUICK)
