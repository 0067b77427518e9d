"""Membership by confidence alone, without labels: training makes a network sure of itself about those whom it saw."""

import numpy as np

from remnant import Attack, PatientScores


def by_confidence(access, own, settings, work):
    """Minus the entropy of the answer in nats, mean over a patient's images (Salem et al. 2019, adversary 3)."""
    images, entropies = access.candidates, {}
    for place, logits in access.ask(images):
        shares = logits.softmax(0) if access.head.kind == "softmax" else logits.sigmoid()
        entropy = -float((shares * shares.clamp(min=1e-12).log()).sum(0).mean())
        entropies.setdefault(images.patients[place], []).append(entropy)
    patients = tuple(dict.fromkeys(images.patients))
    return [
        PatientScores(
            "minus the entropy of the answer", patients, -np.array([np.mean(entropies[who]) for who in patients])
        )
    ]


CONFIDENCE = Attack(
    "confidence",
    "a threshold on how sure the model is of its answer",
    access="outputs",
    claim="patient_scores",
    run=by_confidence,
    source="Salem et al. 2019, arXiv 1806.01246",
)
