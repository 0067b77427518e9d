"""What the report says beside its findings: threat model, what was attacked, sections with tables and figures."""

from collections.abc import Mapping
from typing import Any

from remnant.base.findings import Finding
from remnant.base.results import Row, Section
from remnant.base.texts import counted
from remnant.cohort.case import Cohort
from remnant.studies.chapters import described_chapters
from remnant.studies.judged import conclusion_of, controls_section, findings_section
from remnant.studies.subbanna2021.experiments import CHAPTERS, EXPERIMENTS, PAPER, target_of
from remnant.studies.subbanna2021.findings import NAMES, Tables, findings, headline, highlights, strongest
from remnant.studies.subbanna2021.settings import StudySettings

TITLE = "Can a brain scan be redrawn from a segmentation network's latent space?"
FIRST = 2  # chapters before what was judged
JUDGED = (
    "Each network of each fold is one target: the images that an attack reconstructs search the images of all who were attacked, "
    "by correlation. Where patients were scanned twice, a reconstruction also searches for the other scan (linkage).",
    "Membership by the model's own output is of all folds together, since a patient is a member of one fold's network and a "
    "non-member of another's. The test deals patients anew as a whole.",
)


def words(
    tables: Tables, found: list[Finding], cells: dict[str, dict[str, Any]], settings: StudySettings, cohort: Cohort
) -> dict[str, Any]:
    """The fields of `Results` that are prose or say what is shown; `found`: what was judged, the strongest first."""
    decoder = strongest(tables, settings)
    said = [cell["measures"] for cell in cells.values() if "measures" in cell]
    # A box belongs to a fold, whose template places the heads.
    measures = {
        metric: "; ".join(dict.fromkeys(words[metric] for words in said if metric in words))
        for metric in dict.fromkeys(metric for words in said for metric in words)
    }
    return {
        **conclusion_of(found, settings.preset, target_of)._asdict(),
        "headline": headline(tables, found, decoder),
        "highlights": highlights(tables, decoder),
        "findings": findings(tables, found, settings, decoder),
        "threat_model": [
            "The attacker has the encoder of the network and can run it on images of its own.",
            "The attacker owns scans of other patients, prepared in the same way; how many stands under 'attacked'.",
            "The attacker is handed the latents of patients whose scans it never sees: the output of the encoder's last "
            "pooling, as it would be shared or sent to a server. Nothing else of these patients is known to it.",
        ],
        "attacked": _attacked(settings, cohort),
        "not_tested": [
            "An attacker who holds the weights alone, without any latents.",
            "Whether a person, rather than a measure of similarity, recognises the patient.",
            *([] if settings.deformation else ["The deformation field between reconstruction and original."]),
            *([] if settings.skull else ["Images with the skull."]),
            "Other scanners, other anatomies.",
            "Mitigations: differential privacy, regularisation, obfuscating encoders.",
        ],
        "measures": {
            **measures,
            "interval": "Means: bootstrap over patients (BCa), 95%. Proportions: Clopper-Pearson, 95%.",
            "ncc and the paper's MCC": "The paper's 'MCC' is described as a correlation of grey levels, so that its numbers "
            "stand beside our NCC.",
        },
        "sections": sections(tables, settings, decoder),
    }


def _attacked(settings: StudySettings, cohort: Cohort) -> list[str]:
    networks = " and ".join(NAMES[network] for network in settings.networks)
    return [
        f"{networks}: four levels of {settings.segmenter.widths[0]} to {settings.segmenter.widths[-1]} filters, trained to "
        f"segment {', '.join(cohort.scheme(settings.preparation.scheme).classes[1:])}.",
        f"{counted(len(cohort.patients), 'patient')} with {counted(len(cohort.cases), 'scan')}: "
        f"{_dealt(settings, len(cohort.patients))}",
        "Attacks: " + "; ".join(EXPERIMENTS[name].words for name in settings.experiments) + ".",
    ]


def _dealt(settings: StudySettings, patients: int) -> str:
    if settings.design == "swap":
        left = patients - 3 * settings.group
        alone = (
            f", and {counted(left, 'patient who stands', 'patients who stand')} in the gallery alone" if left else ""
        )
        return (
            f"{settings.group} members and as many non-members, who change places in a second fold, {settings.group} patients "
            f"of the attacker's{alone}."
        )
    groups = 1 if settings.design == "two_groups" else 2
    members = -(-patients // settings.folds)
    return (
        f"{settings.folds} folds of at most {members} members, at least {patients - groups * members} patients of the attacker's"
        + (
            f", at most {members} non-members; every patient is once a member and once a non-member."
            if groups == 2
            else "."
        )
    )


def sections(tables: Mapping[str, list[Row]], settings: StudySettings, decoder: str) -> list[Section]:
    """The chapters that these tables and settings ask for; `decoder` is the one that finds most patients."""
    # Those of the paper's tables, and the strongest where it is none of them.
    decoders = list(dict.fromkeys([*PAPER, decoder]))
    values = {
        "$strongest": decoder,
        "$decoders": decoders,
        "$searching": [*decoders, "mean_image"],
        "$metrics": list(settings.metrics),
        "$measures": [*settings.metrics, *(["deformation"] if settings.deformation else [])],
        "$experiments": list(settings.experiments),
        "$compared": "member" if settings.design == "two_groups" else "non_member",
        "network": {network: NAMES[network] for network in settings.networks},
    }
    holds = {name: bool(rows) for name, rows in tables.items()}
    holds |= {f"experiment {name}": name in settings.experiments for name in EXPERIMENTS}
    holds |= {
        "metrics": len(settings.metrics) > 1,
        "deformation": settings.deformation and decoder in PAPER,
        "skull": settings.skull,
        "beside": any(experiment not in PAPER for experiment in settings.experiments),
    }
    own = described_chapters(CHAPTERS, holds, values)
    return [*own[:FIRST], findings_section(tables, JUDGED), *own[FIRST:], controls_section()]
