"""One audit of anybody's model: what was handed over, the attacks that it allows, one table of findings, one judge.

From Python: `remnant.audit(model, members, non_members)`, which is `remnant.audit.api.audit`.
"""

import inspect
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remnant.audit.api import Audit


class _Callable(ModuleType):
    """The package has the name of what it is for, so that it is called itself; nothing is imported before, but for who asks how
    it is called, as help() and a notebook's tooltip do."""

    def __call__(self, model: Any, members: Any, non_members: Any, **options: Any) -> "Audit":
        from remnant.audit.api import audit

        return audit(model, members, non_members, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        from remnant.audit.api import audit

        return inspect.signature(audit)

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        from remnant.audit.api import audit

        return audit.__doc__


sys.modules[__name__].__class__ = _Callable
