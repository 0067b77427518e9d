"""The exposure of single patients, from what the cells of shadow models and of the attack by references kept."""

from remnant.attacks.membership.references import NORMAL, REFERENCES
from remnant.audit.cells.kept import has_claims, kept_losses, kept_shadows
from remnant.audit.findings.exposed import PatientFits, exposure_tables
from remnant.audit.findings.rests_on import traits_of_patients
from remnant.audit.materials.material import Material
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import patient_means


def exposed_tables(run: Run, material: Material, seed: int) -> dict[str, list[Row]]:
    """Its tables by name, none without shadow models."""
    shadows = kept_shadows(run, material.target.shadows)
    if shadows is None:
        return {}
    signal = next(name for name in NORMAL if name in shadows.signals)
    patients, inside = patient_means(shadows.trained, shadows.patients)
    values = patient_means(shadows.signals[signal], shadows.patients)[1]
    own = None
    if has_claims(run, REFERENCES.name):
        asked, losses = kept_losses(run, REFERENCES.name)
        assert asked == patients
        own = -losses[:, 0]
    fits = PatientFits(patients, values, inside > 0, signal, own)
    draw = Seeds(seed).child("audit", "exposure").numpy()
    return exposure_tables(fits, traits_of_patients(material.candidates), material.roles, run.pseudonym, draw)
