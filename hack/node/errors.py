"""The errors of a node, beside those of the cluster that it belongs to (hack.cluster.errors).

ClusterError
  CannotRun     this machine lacks something that a node needs; says what, and what to do
  LoadFailed    an archive could not be loaded; carries what containerd said
"""

from collections.abc import Sequence

# ruff: noqa: N818  "CannotRun" says all that "CannotRunError" would
from hack.cluster.errors import ClusterError


class CannotRun(ClusterError):
    """No node can run on this machine as it is."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        lines = [f"  {fault}" for fault in faults]
        super().__init__("\n".join(["no node can run on this machine:", *lines]))


class LoadFailed(ClusterError):
    """An image could not be loaded into the node."""
