"""Remnant: how much of a patient is left in a medical-imaging model.

```python
import remnant

found = remnant.audit(model, members=training_set, non_members=others_like_them)
found.verdict.sentence  # "Outside the risk appetite: ..."
found.findings  # a data frame
found.report()  # the path of a page
```

Everything here is imported when it is first used: `audit` and its result `Audit`, the limits `Appetite`, a row `Finding`, the one
exception `RemnantError`, for packages with attacks of their own `Attack` and what it returns: `PatientScores`, `Reconstructions`,
`Attributes`, `PairScores` or `Candidates`, and for those with defences `Defense`.
"""

import importlib

# As typing has it, which takes longer to import than all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from remnant.attacks.attack import Attack, Attributes, Candidates, PairScores, PatientScores, Reconstructions
    from remnant.audit.api import Audit, audit
    from remnant.audit.verdict.appetite import Appetite
    from remnant.base.errors import RemnantError
    from remnant.base.findings import Finding
    from remnant.defenses.defense import Defense

__version__ = "0.1.0"
__all__ = [
    "Appetite",
    "Attack",
    "Attributes",
    "Audit",
    "Candidates",
    "Defense",
    "Finding",
    "PairScores",
    "PatientScores",
    "Reconstructions",
    "RemnantError",
    "__version__",
    "audit",
]

_WHERE = {
    "Appetite": "remnant.audit.verdict.appetite",
    "Attack": "remnant.attacks.attack",
    "Attributes": "remnant.attacks.attack",
    "Audit": "remnant.audit.api",
    "Candidates": "remnant.attacks.attack",
    "Defense": "remnant.defenses.defense",
    "Finding": "remnant.base.findings",
    "PairScores": "remnant.attacks.attack",
    "PatientScores": "remnant.attacks.attack",
    "Reconstructions": "remnant.attacks.attack",
    "RemnantError": "remnant.base.errors",
}


def __getattr__(name: str) -> "Any":
    if name == "audit":
        # The package, which can be called: it has this name already once anything of it is imported.
        return importlib.import_module("remnant.audit")
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'remnant' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
