"""The errors of the local cluster, told apart by what a caller can do.

ClusterError
  NoWay           nothing on this machine can bring up a cluster; names the ways
  BadSetting      a variable, a name or a setting that cannot be followed
  BuildFailed     the Go build of a program ended badly; carries its last lines
  StartFailed     a program died or did not become ready; carries its last log lines
  NotOurs         the cluster was given by the user: it is used, never started or stopped
  NoHostAddress   this machine has no address that the API server could call
"""


# ruff: noqa: N818  "NoWay" and "NotOurs" say all that "NoWayError" would


class ClusterError(Exception):
    """Every error of this package; its text is made for people, the first line says it all."""


class NoWay(ClusterError):
    """No way leads to a cluster here."""

    def __init__(self, reasons: dict[str, str]) -> None:
        self.reasons = reasons
        lines = [f"  {way}: {why}" for way, why in reasons.items()]
        super().__init__("\n".join(["no way to a local cluster on this machine:", *lines]))


class BadSetting(ClusterError):
    """What was asked for cannot be followed."""


class BuildFailed(ClusterError):
    """A program could not be built."""


class StartFailed(ClusterError):
    """A program of the cluster died, or was not ready in time."""


class NotOurs(ClusterError):
    """The operation would change a cluster that the user gave us to use."""


class NoHostAddress(ClusterError):
    """There is no address of this machine that the API server could call."""
