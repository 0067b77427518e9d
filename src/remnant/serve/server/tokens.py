"""Who may do what: bearer tokens, of which the file holds hashes, scopes and when they expire."""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from remnant.base.config import first_problem
from remnant.base.errors import RemnantError
from remnant.base.files import read_json, write_json
from remnant.serve.server.refusal import RefusalError

Scope = Literal["segment", "contribute", "admin"]
SCOPES: tuple[Scope, ...] = ("segment", "contribute", "admin")
BYTES = 32  # of a token, from the system's entropy: nobody guesses it, so that a plain hash is enough
CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Token(pydantic.BaseModel):
    """`name`: the tenant to whom contributions belong. `hash`: hexadecimal SHA-256 of the token as it is sent."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    hash: Annotated[str, pydantic.Field(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[Scope, ...], pydantic.Field(min_length=1)]
    expires: pydantic.AwareDatetime | None


class Tokens:
    """The tokens of a file, which is read again when it changes: one that was taken out stops working at once."""

    def __init__(self, path: Path) -> None:
        """Raises `RemnantError` where the file cannot be read or holds something else."""
        self._path = path
        self._seen, self._tokens = _stamp(path), read_tokens(path)

    def tenant(self, presented: str | None, scope: Scope | None) -> str:
        """Whose token was `presented`.

        Raises `RefusalError` unless it is known, has not expired and has `scope`, if one is needed.
        """
        if not presented:
            raise RefusalError(401, "This needs a token; send it as Authorization: Bearer TOKEN.", CHALLENGE)
        digest = _hash(presented)
        # All of them in constant time, so that the time tells nothing.
        matching = [token for token in self.current() if hmac.compare_digest(token.hash, digest)]
        if not matching:
            raise RefusalError(401, "The token is not known here; ask the server's operator for one.", CHALLENGE)
        token = matching[0]
        if token.expires is not None and token.expires <= datetime.now(UTC):
            raise RefusalError(401, "The token has expired; ask the server's operator for a new one.", CHALLENGE)
        if scope is not None and scope not in token.scopes:
            raise RefusalError(
                403, f"The token does not have the scope {scope}; ask the server's operator for one that has."
            )
        return token.name

    def current(self) -> tuple[Token, ...]:
        """The tokens as the file holds them now; raises `RefusalError` where it cannot be read any more: nobody is let in."""
        try:
            if (stamp := _stamp(self._path)) != self._seen:
                self._tokens = read_tokens(self._path)
                self._seen = stamp
        except (OSError, RemnantError):
            raise RefusalError(
                503, "The server cannot read its tokens; tell its operator.", {"Retry-After": "60"}
            ) from None
        return self._tokens


def read_tokens(path: Path) -> tuple[Token, ...]:
    """The tokens in a file; raises `RemnantError` where it holds something else."""
    try:
        return pydantic.TypeAdapter(tuple[Token, ...]).validate_python(read_json(path))
    except pydantic.ValidationError as error:
        raise RemnantError(
            f"{path} is not a list of tokens ({first_problem(error)}); make it by `remnant server token add`."
        ) from None


def add_token(path: Path, name: str, scopes: tuple[Scope, ...], days: int | None) -> str:
    """Add a token to a file, which is made if there is none, and return it: nobody can read it there again.

    `days`: for how long it works; None for ever. Raises `RemnantError` for what a token cannot have.
    """
    token = secrets.token_urlsafe(BYTES)
    expires = None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
    try:
        entry = Token(name=name, hash=_hash(token), scopes=tuple(dict.fromkeys(scopes)), expires=expires)
    except pydantic.ValidationError:
        raise RemnantError(
            f"A token's name must be letters, digits, '.', '_' or '-', at most 64. Got {name!r} instead."
        ) from None
    known = read_tokens(path) if path.exists() else ()
    mode = path.stat().st_mode if path.exists() else None
    write_json(path, [one.model_dump(mode="json") for one in (*known, entry)])
    if mode is not None:  # a server of another user reads it still
        path.chmod(mode & 0o777)
    return token


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _stamp(path: Path) -> tuple[int, int, int]:
    """Differs when a file was changed or replaced."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
