"""The proof that a credential works: a ServiceAccount's token, exchanged for an access token."""

from controller.probe.prober import Prober, ProbeSubject, Settings
from controller.probe.schedule import History, Intervals, next_in
from controller.probe.verification import Result, Verification

__all__ = [
    "History",
    "Intervals",
    "ProbeSubject",
    "Prober",
    "Result",
    "Settings",
    "Verification",
    "next_in",
]
