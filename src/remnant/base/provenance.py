"""What a number must carry beside it: hardware, versions, the commit, the checkpoints' hashes."""

import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from remnant import __version__

LIBRARIES = ("torch", "numpy", "scipy", "nibabel", "SimpleITK", "lightning-fabric")


def hardware() -> dict[str, str | int | float | None]:
    """Processor, cores, memory in GB, GPU or None."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    # What no part of the run imported did no work: importing it takes seconds.
    torch = sys.modules.get("torch")
    gpu = torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gb": round(memory, 1), "gpu": gpu}


def versions() -> dict[str, str | None]:
    """`releases`, and the commit of a checkout."""
    return {**releases(), "commit": commit()}


@cache
def releases() -> Mapping[str, str]:
    """Versions of Remnant, Python and the libraries that numbers depend on."""
    found = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return MappingProxyType({"remnant": __version__, "python": platform.python_version()} | found)


def commit() -> str | None:
    """The commit of the checkout that this code runs from, marked when the code differs; None when installed."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here), *arguments], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        # Installed in an environment inside somebody's repository, the code belongs to no commit of it.
        git("ls-files", "--error-unmatch", "--", str(Path(__file__)))
        changed = git("status", "--porcelain", "--untracked-files=no", "--", str(here.parent))
        return git("rev-parse", "--short=12", "HEAD") + ("-changed" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes; for checkpoints, and of patient files in what stays in the house alone (else `Run.hmac`)."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
