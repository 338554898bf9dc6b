"""The controller with short times, in a child of a test only: minutes become moments.

What it decides is left as it is. `tests.gateway.prefork` calls this before the controller begins.
"""

from typing import Final
from unittest.mock import patch

from controller import leading, run
from controller.config import parse, tenant

LONGEST_CALL: Final = 2.0
"""Seconds; the Lease is to outlive it, and so it bounds how long a standby waits."""
FLAGS: Final = (
    "--resync-interval=2s",
    "--drift-interval=2s",
    "--denial-interval=500ms",
    "--lease-duration=6s",
    "--lease-renew-interval=1s",
    "--lease-retry-interval=1s",
    "--rate-factor=100",
)


def set_up() -> None:
    """Let the configuration take times that it refuses otherwise."""
    for name in ("_SHORTEST_RESYNC", "_SHORTEST_DENIAL", "_SHORTEST_LEASE"):
        patch.object(parse, name, 0.0).start()
    for module in (parse, tenant):
        patch.object(module, "LONGEST_CALL", LONGEST_CALL).start()
    for user in (leading, run):
        patch.object(user, "API_TIMEOUT", LONGEST_CALL).start()
