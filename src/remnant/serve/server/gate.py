"""Who comes in: a token with the scope that a route needs, and not too often."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from remnant.serve.server.limits import Rate
from remnant.serve.server.refusal import RefusalError
from remnant.serve.server.tokens import Scope, Tokens

LOCAL = "local"  # whose requests are on a server without tokens, which hears its own machine alone
_bearer = HTTPBearer(auto_error=False, description="A token of `remnant server token add`.")


class TokenGate:
    """`tokens`: None where everybody on this machine may do everything."""

    def __init__(self, tokens: Tokens | None, rate: Rate) -> None:
        self.tokens, self._rate = tokens, rate

    def tenant(self, presented: str | None, scope: Scope | None, address: str) -> str:
        """Whose request it is; raises `RefusalError` where it may not come in. Failures count for the `address`."""
        try:
            tenant = LOCAL if self.tokens is None else self.tokens.tenant(presented, scope)
        except RefusalError:
            self._rate.take(("address", address))
            raise
        self._rate.take(("tenant", tenant))
        return tenant


def require(scope: Scope | None) -> Callable[..., Awaitable[str]]:
    """A dependency that is the tenant of a request whose token has `scope`; None for any token."""

    async def tenant(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str:
        address = request.client.host if request.client else ""
        found = request.app.state.gate.tenant(given and given.credentials, scope, address)
        request.state.tenant = found  # for the log
        return found

    return tenant
