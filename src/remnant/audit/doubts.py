"""Why an audit would clear nobody, told before it is run."""

from remnant.audit.config import AuditConfig
from remnant.audit.fits import FIT_S, fit_of_members
from remnant.audit.forecast import out_of_reach
from remnant.audit.material import Material
from remnant.audit.model import attacks_of


def doubts_of(material: Material, config: AuditConfig) -> list[str]:
    """Each in a sentence: a model that answers its members no better than chance, limits that no attack measures here."""
    fit = fit_of_members(material, config.seed, FIT_S)
    applicable = [attack for attack, why in attacks_of(material, config) if not why]
    return [*([fit.sentence] if fit.passed is False else []), *out_of_reach(applicable, config)]
