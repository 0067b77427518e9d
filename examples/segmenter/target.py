"""A small segmenter of phantom brains, of people who never lived: `python target.py` trains it, `remnant audit .` audits it.

The cohort is drawn by `remnant phantom brains --patients 32 --side 32 --out runs/demo-cohort`. Twelve patients train the network
for far too long, twelve others do not, and eight belong to the attacker.
"""

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import torch
from monai.losses import DiceCELoss
from monai.networks.nets import UNet

HERE = Path(__file__).resolve().parent
COHORT = HERE.parents[1] / "runs" / "demo-cohort"
MEMBERS, NON_MEMBERS = 12, 12
STEPS = 300
TISSUES = ("none", "gm", "wm", "nuclei", "csf_int", "csf_ext")


def build() -> UNet:
    return UNet(3, 1, len(TISSUES), channels=(8, 16, 32), strides=(2, 2), num_res_units=1)


def data() -> list[dict]:
    """A scan of each patient with its tissues: image (1, *grid) in [0, 1], label (*grid)."""
    people = pd.read_csv(COHORT / "participants.tsv", sep="\t").sort_values("participant_id")
    tissues = pd.read_csv(COHORT / "dseg.tsv", sep="\t").set_index("index")["tissue5"]
    items = []
    for place, person in enumerate(people.itertuples()):
        scan = next((COHORT / person.participant_id).rglob("*_T1w.nii.gz"))
        image = nibabel.load(scan).get_fdata(dtype=np.float32)
        values = np.asarray(nibabel.load(str(scan).replace("_T1w", "_dseg")).dataobj).astype(int)
        label = np.vectorize(lambda value: TISSUES.index(tissues[value]))(values)
        role = True if place < MEMBERS else False if place < MEMBERS + NON_MEMBERS else None
        items.append(
            {
                "image": torch.tensor(image / np.percentile(image, 99)).clamp(0, 1)[None],
                "label": torch.tensor(label),
                "patient": person.participant_id,
                "age": person.age,
                "sex": person.sex,
                "member": role,
            }
        )
    return items


def train(model: torch.nn.Module, items: list[dict], seed: int) -> None:
    """The recipe, of the checkpoint and of shadow models alike."""
    draws = torch.Generator().manual_seed(seed)
    loss = DiceCELoss(to_onehot_y=True, softmax=True)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    model.train()
    for _ in range(STEPS):
        batch = [items[i] for i in torch.randint(len(items), (2,), generator=draws)]
        optimizer.zero_grad()
        answers = model(torch.stack([item["image"] for item in batch]))
        loss(answers, torch.stack([item["label"] for item in batch])[:, None]).backward()
        optimizer.step()


if __name__ == "__main__":
    torch.manual_seed(0)
    network = build()
    print(f"Training a segmenter for {STEPS} steps, which takes a minute or two.", flush=True)
    train(network, [item for item in data() if item["member"]], seed=0)
    torch.save(network.state_dict(), HERE / "model.pt")
