"""A convolutional classifier with BatchNorm that trains in a moment, and radiographs of a sort for it."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from remnant.cohort.images import Images


class TinyCNN(nn.Module):
    """What `build_classifier` builds under the name "tiny" in tests; all it is called with is kept in `built`."""

    def __init__(self, name="tiny", channels=3, classes=1, dropout=None):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, 16, 3, stride=2, bias=False), nn.BatchNorm2d(16)
        self.conv2, self.bn2 = nn.Conv2d(16, 32, 3, stride=2, bias=False), nn.BatchNorm2d(32)
        head = nn.Linear(32 * 9, classes)
        self.fc = head if dropout is None else nn.Sequential(nn.Dropout(dropout), head)
        self.seen = []

    def forward(self, image):
        if self.training:
            self.seen.append(len(image))
        hidden = functional.relu(self.bn1(self.conv1(image)))
        return self.fc(functional.relu(self.bn2(self.conv2(hidden))).flatten(1))


def noise(n, first=0, share=0.25, signal=0.0, seed=0):
    """`n` images of noise (n, 1, 16, 16), a `share` labelled 1 and brighter by `signal` in a corner, patients from `first` on."""
    numbers = np.random.default_rng([seed, first])
    labels = (np.arange(n) < round(share * n)).astype(int)
    images = numbers.random((n, 1, 16, 16), dtype=np.float32) * 0.6
    images[labels == 1, :, :8, :8] += np.float32(signal)
    return Images(torch.from_numpy(images), torch.from_numpy(labels), tuple(f"p{first + i}" for i in range(n)))
