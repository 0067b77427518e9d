"""What a Privacy-Net sends of scans and what the server makes of it, and each as an attacker is handed it."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from remnant.audit.findings.worth import WorthSettings
from remnant.base.seeds import Seeds
from remnant.base.terms import CODES, MAPS, RAW
from remnant.cohort.images import Images
from remnant.defenses.privacynet.view import Seen, View
from remnant.nets.siamese import Siamese
from remnant.targets.seen_codes import SeenCodes

WORDS: dict[Seen, str] = {"code": CODES, "labels": MAPS}


@dataclass(frozen=True)
class SentBefore:
    """What was sent before and what the server made of it: of each scan, by its `keys` (n,), the code, float32 (n, 1, x, y, z),
    and the map, uint8 (n, x, y, z). `codes` are None where a scan is its own code."""

    keys: tuple[str, ...]
    codes: Tensor | None
    maps: Tensor


@dataclass(frozen=True)
class OwnLooks:
    """What an attacker saw of his own scans, by their `keys` (m,), each of them sent anew k times: codes, float32
    (k, m, 1, x, y, z), and the server's maps of these, uint8 (k, m, x, y, z)."""

    keys: tuple[str, ...]
    codes: Tensor
    maps: Tensor


@dataclass(frozen=True)
class Sent:
    """Client and server (`view`), their `seeds`, and whom the encoder was trained against, where that is known.

    `cohort`: all scans that are sent, of which codes and maps are kept in memory, since to make them takes long. `real`: further
    scans of patients who are attacked, of their own visits, where the others are simulated ones. `classes` of the segmentation;
    `worth`: on how much it is measured what that is worth, and the `second` cohorts beside it.
    """

    view: View
    seeds: Seeds
    cohort: Images
    discriminator: Siamese | None = None
    real: Images | None = None
    classes: tuple[str, ...] = ()
    second: Mapping[str, Images] = field(default_factory=dict)
    worth: WorthSettings = field(default_factory=WorthSettings)
    _codes: dict[str, Tensor] = field(default_factory=dict, repr=False)
    _maps: dict[str, Tensor] = field(default_factory=dict, repr=False)
    _looks: dict[tuple[str, int], tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False)

    @cached_property
    def _known(self) -> dict[str, Tensor]:
        whole = [self.cohort, *([self.real] if self.real else [])]
        return {scan_key(image): image for images in whole for image in images.images}

    def all_sent(self) -> SentBefore:
        """Code and map of each scan that is kept in memory, all made now."""
        scans, plain = [*self._known.values()], self.view.encoder is None and self.view.secret is None
        codes = None if plain else torch.stack([self._code(scan) for scan in scans])
        maps = torch.stack([self._recalled(self._maps, scan, self._map) for scan in scans])
        return SentBefore(tuple(self._known), codes, maps)

    def own_looks(self, own: Images, times: int) -> OwnLooks:
        """What an attacker sees of scans of his `own` that he sends so many times, all made now."""
        scans = [(scan_key(scan), scan) for scan in own.images]
        codes = [torch.stack([self._looked(scan, key, time) for key, scan in scans]) for time in range(times)]
        maps = [torch.stack([self._segmented(code) for code in each]) for each in codes]
        return OwnLooks(tuple(key for key, _ in scans), torch.stack(codes), torch.stack(maps))

    def recall(self, before: SentBefore) -> None:
        """Take what another process made of these scans for what would be made of them here."""
        if before.codes is not None:
            self._codes.update(zip(before.keys, before.codes, strict=True))
        self._maps.update(zip(before.keys, before.maps, strict=True))

    def recall_looks(self, before: OwnLooks) -> None:
        """Likewise of what an attacker sees of his own scans."""
        for time, looks in enumerate(zip(before.codes, before.maps, strict=True)):
            for key, code, labels in zip(before.keys, *looks, strict=True):
                self._looks[key, time] = code, labels

    def codes(self, scans: Tensor) -> Tensor:
        """What was sent of each of `scans` (n, 1, x, y, z), each once: codes float32 (n, 1, x, y, z)."""
        return torch.stack([self._code(scan) for scan in scans])

    def maps(self, scans: Tensor) -> Tensor:
        """What the server made of these codes, as one channel a class (n, classes, x, y, z)."""
        return self.view.one_hot(torch.stack([self._recalled(self._maps, scan, self._map) for scan in scans]))

    def answers(self, scans: Tensor) -> Tensor:
        """The server's logits (n, classes, x, y, z) of scans, as the client brings them back onto the scans."""
        logits = [self.view.straight(self.view.logits(self._code(scan)[None]), self._drawn(scan)) for scan in scans]
        return torch.cat(logits)

    def seen(self, seen: Seen, images: Images, pairs: np.ndarray | None = None) -> SeenCodes:
        """Codes of `images`, or the server's segmentations of these, to whoever may run the client, and the server, himself."""
        scans = torch.stack(images.images)
        asked = self.codes if seen == "code" else self.maps
        return SeenCodes(
            WORDS[seen],
            asked(scans),
            images.patients,
            # Without a secret and noise a scan has one code, and to make it takes long.
            self._watched(seen) if self.view.varies else asked,
            self.view.spacing_mm,
            # Codes of an encoder show no head.
            anatomical=self.view.encoder is None,
            secret=self.view.varies,
            pairs=pairs,
            discriminator=(self.discriminator, self.view.patch) if seen == "code" and self.discriminator else None,
        )

    def repeated(self, images: Images, times: int, pairs: np.ndarray) -> SeenCodes:
        """The same of `images`, each sent so many `times`."""
        scans, watched = torch.stack(images.images), self.view.watched("code", self.seeds.child("repeated"))
        codes = torch.stack([watched(scans) for _ in range(times)], 1).flatten(0, 1)
        once = self.seen("code", images, pairs)
        return replace(once, what=f"{CODES}, each scan sent {times} times", codes=codes, times=times)

    def raw(self, images: Images, pairs: np.ndarray | None = None) -> SeenCodes:
        """As if scans were sent as they are: what surely tells whose they are."""
        return raw_codes(torch.stack(images.images), images.patients, self.view.spacing_mm, pairs)

    def _watched(self, seen: Seen) -> Callable[[Tensor], Tensor]:
        """As `View.watched`; but what a scan gives when it is sent for the nth time does not depend on what else is sent, so that
        attacks share it."""
        sent: Counter[str] = Counter()

        def look(scan: Tensor) -> Tensor:
            key = scan_key(scan)
            time, sent[key] = sent[key], sent[key] + 1
            code, labels = self._looks.get((key, time)) or (self._looked(scan, key, time), None)
            if seen == "code":
                return code
            return self.view.one_hot((self._segmented(code) if labels is None else labels)[None])[0]

        return lambda scans: torch.stack([look(scan) for scan in scans])

    def _looked(self, scan: Tensor, key: str, time: int) -> Tensor:
        return self.view.code(scan[None], self.seeds.child("own", key, time))[0]

    def _code(self, scan: Tensor) -> Tensor:
        return self._recalled(self._codes, scan, lambda scan: self.view.code(scan[None], self._drawn(scan))[0])

    def _map(self, scan: Tensor) -> Tensor:
        return self._segmented(self._code(scan))

    def _segmented(self, code: Tensor) -> Tensor:
        return self.view.logits(code[None])[0].argmax(0).to(torch.uint8)

    def _recalled(self, kept: dict[str, Tensor], scan: Tensor, make: Callable[[Tensor], Tensor]) -> Tensor:
        key = scan_key(scan)
        if key not in self._known:
            return make(scan)
        if key not in kept:
            kept[key] = make(scan)
        return kept[key]

    def _drawn(self, scan: Tensor) -> Seeds:
        return self.seeds.child("sent", scan_key(scan))


def raw_codes(scans: Tensor, patients: Sequence[str], spacing_mm: float, pairs: np.ndarray | None = None) -> SeenCodes:
    """Scans (n, 1, x, y, z) that are their own codes."""
    return SeenCodes(RAW, scans, tuple(patients), _as_it_is, spacing_mm, anatomical=True, pairs=pairs)


def _as_it_is(scans: Tensor) -> Tensor:
    return scans


class ServedNetwork(nn.Module):
    """Both networks as one, from scans to the logits that the client has in the end."""

    def __init__(self, sent: Sent) -> None:
        super().__init__()
        self.encoder, self.segmenter = sent.view.encoder or nn.Identity(), sent.view.segmenter
        self._sent = sent

    def forward(self, scans: Tensor) -> Tensor:
        """(n, 1, x, y, z) in [0, 1] to (n, classes, x, y, z)."""
        return self._sent.answers(scans.cpu())


def scan_key(scan: Tensor) -> str:
    """By what a scan is known again."""
    return hashlib.sha256(np.ascontiguousarray(scan.cpu().numpy()).tobytes()).hexdigest()
