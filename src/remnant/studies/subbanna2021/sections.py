"""The report's chapters: what was judged, and around it those on the study's own tables, which `chapters.toml` describes."""

from collections.abc import Mapping

from remnant.base.results import Row, Section
from remnant.studies.chapters import described_chapters
from remnant.studies.judged import controls_section, findings_section
from remnant.studies.subbanna2021.experiments import EXPERIMENTS, PAPER
from remnant.studies.subbanna2021.findings import NAMES
from remnant.studies.subbanna2021.labels import CHAPTERS
from remnant.studies.subbanna2021.settings import StudySettings

FIRST = 2  # chapters before what was judged
JUDGED = (
    "Each network of each fold is one target: the images that an attack reconstructs search the images of all who were attacked, "
    "by correlation. Where patients were scanned twice, a reconstruction also searches for the other scan (linkage).",
    "Membership by the model's own output is of all folds together, since a patient is a member of one fold's network and a "
    "non-member of another's. The test deals patients anew as a whole.",
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
