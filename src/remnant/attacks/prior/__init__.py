"""The prior: a generator trained on public radiographs, which an attack on a checkpoint starts from."""

from remnant.attacks.prior.files import Prior, digest_of, import_prior, load_discriminator, load_prior, save_prior
from remnant.attacks.prior.settings import PriorSettings, prior_settings
from remnant.attacks.prior.train import begin_prior, train_prior

__all__ = [
    "Prior",
    "PriorSettings",
    "begin_prior",
    "digest_of",
    "import_prior",
    "load_discriminator",
    "load_prior",
    "prior_settings",
    "save_prior",
    "train_prior",
]
