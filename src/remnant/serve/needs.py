"""What the room needs beside the core: its libraries, and a network that may hear what is sent."""

import importlib.util
import ipaddress

from remnant.base.errors import RemnantError


def require_extra(*modules: str) -> None:
    """Raise `RemnantError` unless `modules`, of the extra `serve`, are installed."""
    if missing := [module for module in modules if importlib.util.find_spec(module) is None]:
        raise RemnantError(f"This needs {', '.join(missing)}; install it by: pip install 'remnant[serve]'.")


def is_loopback(host: str) -> bool:
    """Whether what is sent to `host`, a name or an address, stays on this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
