"""Members against non-members of a source by their images, ages, sexes and answers alone, before any target is asked."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from remnant.attacks.membership.blind import blind_features
from remnant.base.seeds import Seeds
from remnant.cohort.images import AGE, SEX, Images
from remnant.measure.blind import blind_test
from remnant.measure.membership_inference import MembershipTest
from remnant.measure.roles import MEMBER, NON_MEMBER

ROLES = {"members": MEMBER, "non_members": NON_MEMBER}
PAIRED = {"private", "public"}  # sources whose groups `cohort.membership` dealt in pairs


def together(groups: Mapping[str, Images]) -> tuple[torch.Tensor, tuple[str, ...], np.ndarray]:
    """Members and then non-members as one: images (n, 1, N, N), the patient and the role of each."""
    images = torch.cat([groups[name].images for name in ROLES])
    patients = tuple(patient for name in ROLES for patient in groups[name].patients)
    roles = np.concatenate([np.full(len(groups[name].patients), role) for name, role in ROLES.items()])
    return images, patients, roles


def blind_baseline(source: str, groups: Mapping[str, Images], seeds: Seeds) -> MembershipTest:
    """The blind baseline of a source, whose patients are held out and dealt anew as the study dealt them."""
    images, patients, roles = together(groups)
    both = [groups[name] for name in ROLES]
    labels = np.concatenate([np.asarray(group.labels) for group in both]).astype(float)
    labels = labels.reshape(len(labels), -1)
    details = {
        **{name: np.concatenate([group.details[name] for group in both]) for name in (AGE, SEX)},
        **{f"label {place}": np.where(column < 0, np.nan, column) for place, column in enumerate(labels.T)},
    }
    names, features = blind_features(images, patients, details)
    role = dict(zip(patients, roles.tolist(), strict=True))
    matched = matched_by(source, groups)
    return blind_test(
        features,
        np.array([role[name] for name in names]),
        seeds.numpy(),
        matched=np.array([matched[name] for name in names]),
    )


def matched_by(source: str, groups: Mapping[str, Images]) -> dict[str, int]:
    """By patient a number that he shares with those of whom some were dealt to either group: partners, or one label.

    Partners are neighbours in the order of label, sex, number of images and age, one of them a member, so that the k-th member
    of that order is the partner of the k-th non-member; ties are broken in any way, since they are alike. The planted target's
    groups have as many of either label.
    """
    matched: dict[str, int] = {}
    for name in ROLES:
        group = groups[name]
        rows = pd.DataFrame(
            {
                "patient": group.patients,
                "label": np.asarray(group.labels).reshape(len(group), -1).mean(1),
                # Those of unknown sex first.
                SEX: np.nan_to_num(group.details[SEX], nan=-1),
                AGE: group.details[AGE],
                "one": 1,
            }
        )
        own = rows.groupby("patient").agg({"label": "mean", SEX: "max", "one": "sum", AGE: "mean"})
        own["label"] = own["label"].round()
        if source in PAIRED:
            own["one"] *= -1  # several images first
            order = own.sort_values(["label", SEX, "one", AGE], na_position="last").index
            matched |= {patient: place for place, patient in enumerate(order)}
        else:
            matched |= own["label"].astype(int).to_dict()
    return matched
