"""One audit of anybody's model: what was handed over, the attacks that it allows, one table of findings, one judge.

From Python: `remnant.audit(model, members, non_members)`, which is `remnant.audit.api.audit`.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remnant.audit.api import Audit


class _Callable(ModuleType):
    """The package has the name of what it is for, so that it is called itself; nothing is imported before."""

    def __call__(self, model: Any, members: Any, non_members: Any, **options: Any) -> "Audit":
        from remnant.audit.api import audit

        return audit(model, members, non_members, **options)


sys.modules[__name__].__class__ = _Callable
