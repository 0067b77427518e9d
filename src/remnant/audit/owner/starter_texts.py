"""What stands in the audit.toml and the target.py that an audit begins with."""

from typing import Any

# What a place that is still to be filled in raises.
BUILD, DATA = "build() is still to be written", "data() is still to be written"
# Of every key: what is said of it, and an example where its default cannot be written in TOML.
SAID: dict[str, str] = {
    "scenario": "What the recipient sees: checkpoint (the model's file), latents, or outputs (its answers alone).",
    "seed": "The root of every random number.",
    "minutes": "Attacks that do not fit into so many minutes are left out, and then nothing is within the appetite.",
    "base_rate": "Of all who may be asked about, the share who trained the model: what a recipient's guess is worth.",
    "target.build": "A function of target.py, or LIBRARY:NAME of torchvision, timm, monai, transformers or torchxrayvision.",
    "target.arguments": "What build is called with.",
    "target.checkpoint": "The weights, where build() does not load them: .pt, .pth, .ckpt or .safetensors.",
    "target.version_before": "The weights of an earlier version that the recipient has too; who was added since is asked, too.",
    "target.window": "Voxels of a sliding window, for scans that do not pass through the network whole.",
    "target.latents": "The module whose output the recipient sees, in the scenario latents; by default the narrowest.",
    "target.batch": "Images that pass together; fewer are tried where memory runs out.",
    "target.planted_steps": "At most so many steps train a copy on, to plant what every attack must find.",
    "target.seconds": "How long build() may take, and each item of data().",
    "shadows.doses": "Whether more training leaves more: half of it and three times, which take as long as 14 networks.",
    "shadows.early": "Train no more than 8 of them where by these the verdict can no longer change.",
    "shadows.shared": "A folder in which audits of this training share what its networks answer, such as of the next release.",
    "shadows.precision": "bfloat16 trains them by autocast, where an accelerator or a CPU with matrix units is faster so.",
    "shadows.count": "0 for none. From 8 on there is an interval that takes in how trainings of one recipe vary.",
    "appetite.release": "Where the model goes: public, controlled (access on application) or trusted (under contract).",
    "appetite.identification": "Patients whose reconstruction is identified at rank 1. {share}.",
    "appetite.membership_advantage": "TPR - FPR of a membership attack. {advantage}.",
    "appetite.membership_tpr": "Its TPR beyond 10%, at 10% FPR. {advantage}.",
    "prior.mean": "By which the images of data() are normalised, a number or one a channel; then what they are divided by.",
    "appetite.attribute": "Patients whose age or sex is read beyond chance; of a checkpoint, beyond non-members. {share}.",
    "appetite.minimum_cell": "The fewest patients that a published number may speak of.",
    "about.criterion_set_on": "The day on which the risk appetite was set.",
    "about.new_test_when": "What makes another audit due, such as new weights or a new recipient.",
}
EXAMPLES: dict[str, Any] = {
    "minutes": 30,
    "base_rate": 0.01,
    "target.checkpoint": "model.pt",
    "target.version_before": "model-before.pt",
    "target.window": [96, 96, 96],
    "shadows.shared": "../shadows",
    "target.latents": "encoder",
    "prior.file": "prior.safetensors",
}
ABOVE = {
    "target": "The network.",
    "shadows": "With train() in target.py: so many networks are trained by it, on random halves of all patients.",
    "prior": "A generator of public images, by remnant prior train, to draw images from the weights of a 2D classifier.",
    "appetite": "The risk appetite: how much exposure you accept beyond chance, set before the audit. false: not asked.",
    "about": "For the decision sheet, as it is; what is empty stays a line to fill in by hand.",
}
HEAD = """\
# What is audited, and how much exposure its owner accepts. Paths are relative to this file.
# A line behind a # that sets something is a default or an example; take the # away to change it.
"""
LOSS = '''
# The loss of the training, where it was not cross-entropy; the attacks take its value and its gradient.
# def loss(model, item):
#     """One image, as a batch of one on the model's device, with its label: one number as a tensor."""
#     answer = model(item["image"])
#     return torch.nn.functional.cross_entropy(answer, torch.as_tensor(item["label"], device=answer.device)[None])
'''
TRAIN = '''
# The training of this model, with which an audit tells most. It is called several times, each time with some of the patients.
# def train(model, items, seed):
#     """Train `model`, as build() gives it, in place, or return the trained one; items are those of data() without member."""
#     torch.manual_seed(seed)
#     optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
#     device = next(model.parameters()).device
#     batches = torch.utils.data.DataLoader([(item["image"], item["label"]) for item in items], batch_size=8, shuffle=True)
#     for epoch in range(100):
#         for images, labels in batches:
#             optimiser.zero_grad()
#             torch.nn.functional.cross_entropy(model(images.to(device)), labels.to(device)).backward()
#             optimiser.step()
'''
TARGET = '''\
"""{title}. `remnant audit` alone runs this file, in a process of its own."""

import csv
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent

{build}
def data():
    """An item an image, of those who trained the model and of others like them who did not."""
    # TODO{last}: yield your images as the network takes them, prepared as in training. Below is an example with a table.
    raise NotImplementedError("{data}: yield an item for each image")
    with (HERE / "patients.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            yield {{
                "image": torch.from_numpy(np.load(HERE / row["image"])),  # {shape}
                "label": int(row["label"]),  # a class, 0 or 1 for each output, or a label map
                "patient": row["patient"],  # a name that is one person's, in all of his images
                "member": row["member"] == "1",  # True: trained the model; False: did not; None: the attacker's own
                # "age": 61, "sex": "F", "site": "north", where they are known: the groups are held against each other by them
            }}
{loss}{train}'''
BUILD_FUNCTION = '''
def build():
    """The network without its weights; `checkpoint` in audit.toml names their file."""
    # TODO 1 of 2: return it{weights}.{known}
    raise NotImplementedError("{build}: return your torch.nn.Module")

'''
