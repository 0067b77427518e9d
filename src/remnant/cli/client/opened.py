"""What the client's commands open by their options: the server, the archive, the encoder.

What is heavy is imported when it is opened, so that no --help waits for it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from remnant.base.progress import say

if TYPE_CHECKING:
    from remnant.defenses.privacynet.networks import Client
    from remnant.serve.client.dicomweb import Archive
    from remnant.serve.client.remote import Remote


@dataclass(frozen=True)
class Way:
    """How a command reaches servers: whether `plain` HTTP may go to another machine, by which certificates, and how `quiet`."""

    plain: bool
    ca_cert: Path | None
    quiet: bool

    def tell(self, line: str) -> None:
        """Say it on standard error, unless quiet."""
        if not self.quiet:
            say(line)

    def remote(self, server: str, token_file: Path | None, described: Path | None = None) -> "Remote":
        """The server at an address, opened by the token in a file; use as a context manager."""
        from remnant.serve.client.remote import Remote

        token = _secret(token_file)
        return Remote(server, token, described=described, plain=self.plain, trusted=self.ca_cert, tell=self.tell)

    def archive(self, url: str, login_file: Path | None) -> "Archive":
        """The DICOMweb server at an address, opened by the login in a file."""
        from remnant.serve.client.dicomweb import Archive

        return Archive(url, _secret(login_file), plain=self.plain, trusted=self.ca_cert, tell=self.tell)

    def encoder(self, run: Path) -> tuple["Client", str]:
        """The encoder, and what an evaluation of it found of its codes, which is said, too."""
        from remnant.defenses.privacynet.networks import load_client
        from remnant.serve.client.measured import measured

        loaded = load_client(run)
        known = measured(run, loaded.mark)
        self.tell(f"remnant: {known}")
        return loaded, known


def _secret(file: Path | None) -> str | None:
    from remnant.serve.client.connection import read_token

    return None if file is None else read_token(file)
