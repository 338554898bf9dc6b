"""What every part of the story works with."""

from contextlib import ExitStack
from dataclasses import dataclass

from hack.cluster import Cluster
from hack.demo.api import Api
from hack.demo.lent import Guest
from hack.demo.quick_start import QuickStart
from hack.demo.screen import Screen


@dataclass(frozen=True, slots=True)
class Scene:
    """A cluster that is up, and those who tell of it."""

    told_of: QuickStart
    screen: Screen
    cluster: Cluster
    api: Api
    guest: Guest
    made: ExitStack
    """Ends what was started, the last first."""
